export const type = 'loom-message'

export interface MessageConfig {
  name: string
  hub: string
  /** whom it is for; `msg.target` wins */
  target: 'device' | 'group' | 'query'
  /** typed: an id, several parted by commas, or an array of ids */
  device: string
  deviceType: string
  /** typed: the id of a group, static or dynamic */
  group: string
  groupType: string
  /** of a query that is a text */
  dialect: 'aws' | 'azure'
  /** typed: a text, a condition as an object, or `{dialect, text}` */
  query: string
  queryType: string
  /** devices of a group or query at a time */
  atOnce: number
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

export const validAtOnce = (value: unknown): boolean =>
  value !== '' && Number.isInteger(Number(value)) && Number(value) >= 1 && Number(value) <= 256

export const validMinutes = (minutes: number | string | undefined): boolean =>
  minutes === '' || minutes === undefined || (Number(minutes) >= 1 && Number(minutes) <= 2880)
