import type { Fingerprints } from '../avro/avro-canonical.ts'
import type { Unreadable } from '../avro/avro-resolution.ts'
import type { SchemaText, SchemaType } from '../schema-text.ts'

/** A schema that was read, as a registry compares it. Others that it is held against are of the same format. */
export interface ReadSchema {
  /** Equal for schemas that are the same, whatever their white space, order of keys and notes. */
  identity: string
  fingerprints: Fingerprints
  /** What keeps this one from reading data of the other, at most 20. */
  unreadable(writer: ReadSchema): readonly Unreadable[]
  /** What this one may not do after the other, whoever reads whom. */
  breaks?(older: ReadSchema): readonly Unreadable[]
}

/** Reads the schemas of one format. SCHEMA_INVALID with the place, SCHEMA_LIMIT. */
export interface SchemaFormat {
  readonly type: SchemaType
  read(source: SchemaText): ReadSchema
}

/** CODEC_UNAVAILABLE where a format needs a package that is not installed. */
export type LoadFormat = (type: SchemaType) => Promise<SchemaFormat>
