export const type = 'loom-method'

export interface MethodConfig {
  name: string
  hub: string
  /** name of the method; `msg.method` wins */
  method: string
  /** typed: an id, several parted by commas, or an array of ids */
  device: string
  deviceType: string
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

export const validAtOnce = between(1, 500)
