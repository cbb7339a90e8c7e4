/** `host[:port]` as SDKs read it: 8883 if no port is named. */
export function addressOf(hub: string): { host: string; port: number } {
  const { hostname, port } = new URL(`mqtts://${hub}`)
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? 8883 : Number(port) }
}
