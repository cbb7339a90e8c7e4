export const schemaTypes = ['AVRO', 'PROTOBUF', 'JSON'] as const
export type SchemaType = (typeof schemaTypes)[number]

/** A schema with all that it refers to, as a codec needs it. One object is compiled once, however often it is used. */
export interface SchemaText {
  type: SchemaType
  schema: string
  /** What it imports or names, and what those do, in an order in which each comes after what it needs. */
  references?: readonly { name: string; schema: string }[]
  /** in its registry */
  id?: number
}

/** How bytes say which schema they were written with, if they do. */
export type SchemaFrame = 'single' | 'registry' | 'container' | 'bare'

/** What a context's `schema` is for Avro and Protobuf. */
export interface ChosenSchema {
  writer: SchemaText
  /** Avro: what the values shall look like; default as they were written */
  reader?: SchemaText
  /** Default when it is read: as the bytes say; when it is written: `single` for Avro, `registry` for others with an id, else `bare`. */
  frame?: SchemaFrame
  /** Protobuf: which message of the schema; default the one that the frame names, else the first */
  message?: string
}

/** The schema of a context: chosen, or a lone text of the format. */
export function chosenSchema(schema: unknown, type: SchemaType): ChosenSchema | undefined {
  if (schema === undefined || schema === null) return undefined
  if (typeof schema === 'object' && 'writer' in schema) return schema as ChosenSchema
  return { writer: { type, schema: typeof schema === 'string' ? schema : JSON.stringify(schema) } }
}
