export const type = 'loom-device-events'

export interface DeviceEventsConfig {
  name: string
  hub: string
  consumer: string
  /** comma-separated; empty: all */
  devices: string
  /** none chosen: all */
  events: string[]
  ack: 'delivery' | 'flow'
  start: 'latest' | 'earliest'
}
