import { between } from './between.ts'

/** Fields of nodes that command devices. */
export interface TargetConfig {
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
  /** devices of one message under way at a time, of many */
  atOnce: number
}

/** As the hub has it for groups. */
export const validAtOnce = between(1, 256)
