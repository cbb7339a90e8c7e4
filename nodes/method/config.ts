export const type = 'loom-method'

export interface MethodConfig {
  name: string
  hub: string
  /** name of the method; `msg.method` wins */
  method: string
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
  connectTimeoutMs: number
  responseTimeoutMs: number
  /** calls of one message under way at a time */
  atOnce: number
  /** which wake-ups are told: of this node's calls, or of all calls of the hub */
  wakes: 'own' | 'all'
}

export const between =
  (low: number, high: number) =>
  (value: unknown): boolean =>
    value !== '' && Number.isInteger(Number(value)) && Number(value) >= low && Number(value) <= high

/** As the hub has it for groups. */
export const validAtOnce = between(1, 256)
