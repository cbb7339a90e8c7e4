export const type = 'loom-decode'

export interface DecodeConfig {
  name: string
  /** Keeps what cannot be decoded, and checks values; empty: neither. */
  hub: string
  format: string
  /** a `loom-schema` node; empty: none */
  schemas: string
  /** of Protobuf; empty: as the schemas say, else the first */
  message: string
  compression: 'auto' | 'none' | 'gzip' | 'deflate' | 'zstd'
  /** Name of the value that is the time of a reading; empty: none. */
  timeMember: string
  /** of CSV, comma-separated; empty: the first row */
  columns: string
  separator: string
  decimal: '.' | ','
  /** of Cayenne LPP */
  extended: boolean
  /** of a layout of bits and bytes: its fields, as JSON */
  layout: string
  /** of Sparkplug: names of devices are `edge/device`, or have the group before */
  deviceNames: 'edge' | 'group'
  /** of Sparkplug: messages that wait for a birth, at most */
  waiting: number
  /** Readings whose property `frame` says `diff` are made whole. */
  keyFrames: boolean
  /** subject of a JSON Schema that the values must fit; empty: none */
  subject: string
  /** empty: the latest */
  version: string
}
