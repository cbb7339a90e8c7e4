import type { TargetConfig } from '../../src/fields/target-fields.ts'

export const type = 'loom-message'

export interface MessageConfig extends TargetConfig {
  name: string
  hub: string
  /** how long a message waits; empty: the hub's hour */
  ttlMinutes: number | ''
  /** when feedback is wanted */
  wish: 'none' | 'positive' | 'negative' | 'full'
  /** of bytes and texts; objects are JSON */
  contentType: string
  /** tell feedback at output 2, of all messages of the hub */
  feedback: boolean
  /** durable name of the reader of feedback; empty: the node's id */
  consumer: string
  ack: 'delivery' | 'flow'
  start: 'latest' | 'earliest'
}

export const validMinutes = (minutes: number | string | undefined): boolean =>
  minutes === '' || minutes === undefined || (Number(minutes) >= 1 && Number(minutes) <= 2880)
