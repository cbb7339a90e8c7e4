/** One set of named values of a device at a time. `time`, `arrived`: epoch ms UTC. */
export interface Reading {
  device: string
  time: number
  values: Record<string, unknown>
  arrived?: number
  /** '' when the device named none */
  stream?: string
  /** the device's own sequence number */
  seq?: number
  schema?: string
  /** Position in the journal: record, and place inside its batch. */
  jseq?: number
  idx?: number
  properties?: Record<string, string>
  topic?: string
}
