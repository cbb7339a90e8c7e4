export const primitives = ['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'] as const
export type Primitive = (typeof primitives)[number]

/** What a primitive or fixed type stands for; `decimal` with its figures. One that is unknown, or that does not fit its type, is left out. */
export type Logical =
  | 'date'
  | 'time-millis'
  | 'time-micros'
  | 'timestamp-millis'
  | 'timestamp-micros'
  | 'timestamp-nanos'
  | 'local-timestamp-millis'
  | 'local-timestamp-micros'
  | 'local-timestamp-nanos'
  | 'uuid'
  | 'duration'
  | { precision: number; scale: number }

export interface AvroField {
  name: string
  aliases: readonly string[]
  type: AvroType
  /** Its default as it is decoded, under a key of its own, for null is one too. */
  default?: { value: unknown; json: unknown }
}

/** A schema with every name resolved: types that name each other are the same objects, so it may hold itself. Names are full. */
export type AvroType =
  | { kind: Primitive; logical?: Logical }
  | { kind: 'array'; items: AvroType }
  | { kind: 'map'; values: AvroType }
  | { kind: 'union'; branches: readonly AvroType[] }
  | NamedType

export type NamedType =
  | { kind: 'fixed'; name: string; aliases: readonly string[]; size: number; logical?: Logical }
  | { kind: 'enum'; name: string; aliases: readonly string[]; symbols: readonly string[]; default?: string }
  | { kind: 'record'; name: string; aliases: readonly string[]; fields: readonly AvroField[] }

export type RecordType = Extract<AvroType, { kind: 'record' }>

/** How a type is called where people read: its full name, or its kind. */
export const shownType = (type: AvroType): string => ('name' in type ? type.name : type.kind)

/** Guards of schemas, whatever their format. */
export const schemaLimits = {
  textBytes: 131_072,
  depth: 64,
  /** types and fields of one schema, those that it refers to included */
  nodes: 10_000,
} as const
