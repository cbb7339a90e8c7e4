/** Where a device of the plain dialect publishes telemetry. */
export const telemetryTopic = (deviceId: string, stream = ''): string => `devices/${deviceId}/telemetry${stream && `/${stream}`}`
