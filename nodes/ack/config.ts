export const type = 'loom-ack'

export const actions = ['ack', 'retry', 'deadletter'] as const
export type AckAction = (typeof actions)[number]

export interface AckConfig {
  name: string
  do: AckAction
  retryDelayMs: number
}
