export const type = 'loom-telemetry-in'

export interface TelemetryInConfig {
  name: string
  hub: string
  /** durable name of the consumer; empty: the node's id */
  consumer: string
  /** lists, comma-separated; empty: all */
  devices: string
  topics: string
  streams: string
  ack: 'delivery' | 'flow'
  start: 'latest' | 'earliest' | 'time'
  startTime: string
  /** records in flight */
  window: number
  batchMax: number
  batchLingerMs: number
  strictOrder: boolean
}
