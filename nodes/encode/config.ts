export const type = 'loom-encode'

export interface EncodeConfig {
  name: string
  format: string
  /** a `loom-schema` node, for Avro and Protobuf; empty: none */
  schemas: string
  /** in the registry of `schemas`; empty: as its rules say */
  subject: string
  /** empty: the latest */
  version: string
  /** The schema itself, before all others; empty: none. */
  schemaText: string
  /** of Protobuf; empty: as the schemas say, else the first */
  message: string
  /** How the bytes of Avro and Protobuf name their schema. */
  frame: 'auto' | 'single' | 'registry' | 'container' | 'bare'
  compression: 'none' | 'gzip' | 'deflate' | 'zstd'
  /** Name under which the time is written among the values; empty: it is not. */
  timeMember: string
  /** of CSV, comma-separated; empty: those of the values */
  columns: string
  separator: string
  decimal: '.' | ','
  /** of Cayenne LPP */
  extended: boolean
  /** of a layout of bits and bytes: its fields, as JSON */
  layout: string
}
