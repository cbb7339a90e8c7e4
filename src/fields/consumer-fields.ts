/** Fields of nodes that read telemetry from the journal. */
export interface ConsumerConfig {
  /** durable name of the consumer; empty: the node's id */
  consumer: string
  /** lists, comma-separated; empty: all */
  devices: string
  topics: string
  streams: string
  ack: 'delivery' | 'flow'
  start: 'latest' | 'earliest' | 'time'
  /** ISO date or epoch ms */
  startTime: string
  /** records in flight */
  window: number
  batchMax: number
  batchLingerMs: number
  strictOrder: boolean
  repeats: 'keep' | 'id' | 'content'
  /** seconds */
  repeatWindowS: number
}

/** As a new node has them. */
export const consumerDefaults: ConsumerConfig = {
  consumer: '',
  devices: '',
  topics: '',
  streams: '',
  ack: 'delivery',
  start: 'latest',
  startTime: '',
  window: 256,
  batchMax: 1,
  batchLingerMs: 20,
  strictOrder: false,
  repeats: 'keep',
  repeatWindowS: 600,
}
