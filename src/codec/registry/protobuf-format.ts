import type { Enum, Field, Type } from 'protobufjs'
import { sha256Of, sorted } from '../avro/avro-canonical.ts'
import type { Unreadable } from '../avro/avro-resolution.ts'
import { loadProtobuf, type ProtobufSchema } from '../protobuf/protobuf-schema.ts'
import type { ReadSchema, SchemaFormat } from './schema-format.ts'

interface ReadProtobuf extends ReadSchema {
  schema: ProtobufSchema
}

const mostFaults = 20
/** Types whose bytes read as one another. */
const alike = [
  ['int32', 'uint32', 'int64', 'uint64', 'bool', 'enum'],
  ['sint32', 'sint64'],
  ['string', 'bytes'],
  ['fixed32', 'sfixed32'],
  ['fixed64', 'sfixed64'],
]

/** Protobuf: the same number keeps a type whose bytes read alike, its label and its oneof; what is removed stays reserved. CODEC_UNAVAILABLE. */
export async function openProtobufFormat(): Promise<SchemaFormat> {
  const library = await loadProtobuf()
  return {
    type: 'PROTOBUF',
    read(source): ReadProtobuf {
      const schema = library.read(source)
      const own = schema.messages.map(({ fullName }) => fullName)
      const identity = JSON.stringify([own, sorted(schema.root.toJSON())])
      return {
        schema,
        identity,
        fingerprints: { sha256: sha256Of(identity) },
        unreadable: writer => unreadable(schema, (writer as ReadProtobuf).schema),
        breaks: older => broken(schema, (older as ReadProtobuf).schema),
      }
    },
  }
}

/** Messages of a file with those inside them, and those that its fields lead to, by full name. */
function messagesOf({ messages }: ProtobufSchema): Map<string, Type> {
  const found = new Map<string, Type>()
  const visit = (type: Type): void => {
    if (found.has(type.fullName)) return
    found.set(type.fullName, type)
    for (const nested of type.nestedArray) if ('fieldsArray' in nested) visit(nested as Type)
    for (const { resolvedType } of type.fieldsArray) if (resolvedType && 'fieldsArray' in resolvedType) visit(resolvedType)
  }
  for (const type of messages) visit(type)
  return found
}

const pathOf = (type: Type, part: string): string => `${type.fullName.slice(1)}/${part}`

function unreadable(reader: ProtobufSchema, writer: ProtobufSchema): Unreadable[] {
  const [read, written] = [messagesOf(reader), messagesOf(writer)]
  const faults: Unreadable[] = []
  for (const [name, type] of read) {
    const before = written.get(name)
    if (!before) continue
    for (const field of type.fieldsArray) {
      const old = before.fieldsById[field.id]
      const reason = old?.resolve() && differs(field.resolve(), old)
      if (reason) faults.push({ path: pathOf(type, `${field.name} = ${field.id}`), reason })
      else if (!old && field.required)
        faults.push({ path: pathOf(type, `${field.name} = ${field.id}`), reason: 'is new and required' })
    }
  }
  return faults.slice(0, mostFaults)
}

function differs(field: Field, old: Field): string | undefined {
  const [is, was] = [wireOf(field), wireOf(old)]
  if (is !== was && !alike.some(group => group.includes(is) && group.includes(was))) return `is ${is}, not ${was}`
  const labels = [field, old].map(({ repeated, map, required }) =>
    map ? 'a map' : repeated ? 'repeated' : required ? 'required' : 'single',
  )
  if (labels[0] !== labels[1]) return `is ${labels[0]}, not ${labels[1]}`
  const [group, before] = [oneofOf(field), oneofOf(old)]
  if (group !== before) return `is in ${group ?? 'no oneof'}, not in ${before ?? 'none'}`
  return undefined
}

/** A oneof of a lone `optional` is one in name only. */
const oneofOf = ({ partOf }: Field): string | undefined =>
  partOf && !(partOf.oneof.length === 1 && partOf.name.startsWith('_')) ? partOf.name : undefined

function wireOf(field: Field): string {
  const { resolvedType, type, map } = field
  const value = !resolvedType ? type : 'fieldsArray' in resolvedType ? resolvedType.fullName.slice(1) : 'enum'
  return map ? `map<${(field as Field & { keyType: string }).keyType}, ${value}>` : value
}

/** Numbers that were given away once and could be given to something else. */
function broken(newer: ProtobufSchema, older: ProtobufSchema): Unreadable[] {
  const now = messagesOf(newer)
  const faults: Unreadable[] = []
  for (const [name, type] of messagesOf(older)) {
    const after = now.get(name)
    if (!after) {
      faults.push({ path: name.slice(1), reason: 'is gone' })
      continue
    }
    for (const { id, name: field } of type.fieldsArray)
      if (!after.fieldsById[id] && !after.isReservedId(id))
        faults.push({ path: pathOf(type, `${field} = ${id}`), reason: `is gone, and ${id} is not reserved` })
    for (const [part, before] of enumsOf(type)) {
      const values = enumsOf(after).get(part)
      for (const [word, id] of Object.entries(before.values))
        if (values && values.valuesById[id] === undefined && !values.isReservedId(id))
          faults.push({ path: pathOf(type, `${part}/${word} = ${id}`), reason: `is gone, and ${id} is not reserved` })
    }
  }
  return faults.slice(0, mostFaults)
}

/** Of the fields of a message. */
const enumsOf = (type: Type): Map<string, Enum> =>
  new Map(
    type.fieldsArray.flatMap(({ name, resolvedType }) =>
      resolvedType && !('fieldsArray' in resolvedType) ? [[name, resolvedType as Enum] as const] : [],
    ),
  )
