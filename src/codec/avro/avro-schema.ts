import { LoomError } from '../../errors.ts'
import { type AvroField, type AvroType, type NamedType, type Primitive, primitives, schemaLimits } from './avro-type.ts'
import { plainDefault } from './avro-default.ts'
import { logicalOf } from './avro-logical.ts'

type Json = Record<string, unknown>
type Mutable<T> = { -readonly [K in keyof T]: T[K] }

export interface AvroSchema {
  root: AvroType
  /** Types by full name, those of references included. */
  names: ReadonlyMap<string, NamedType>
}

const word = /^[A-Za-z_][A-Za-z0-9_]*$/
const longestName = 256

/**
 * Reads a schema of Avro 1.11, JSON text or its value. `known`: types of other schemas that it may name. SCHEMA_INVALID with the path in the document,
 * SCHEMA_LIMIT. Names are words joined by points, whoever they come from.
 */
export function readAvroSchema(source: unknown, known: ReadonlyMap<string, NamedType> = new Map()): AvroSchema {
  const names = new Map(known)
  const own: AvroField[] = []
  let nodes = 0

  const fail = (path: string, detail: string): never => {
    throw new LoomError('SCHEMA_INVALID', path ? `${path.slice(-200)} ${detail}` : detail, { position: path })
  }
  const within = (path: string, depth: number): void => {
    if (++nodes > schemaLimits.nodes) throw new LoomError('SCHEMA_LIMIT', `more than ${schemaLimits.nodes} types and fields`)
    if (depth > schemaLimits.depth)
      throw new LoomError('SCHEMA_LIMIT', `nested deeper than ${schemaLimits.depth}`, { position: path.slice(0, 200) })
  }
  const textOf = (value: unknown, path: string): string => (typeof value === 'string' ? value : fail(path, 'must be a text'))
  const listOf = (value: unknown, path: string): unknown[] => (Array.isArray(value) ? value : fail(path, 'must be a list'))
  const fullName = (name: string, space: string, path: string): string => {
    const full = name.includes('.') || !space ? name : `${space}.${name}`
    if (full.length > longestName || !full.split('.').every(part => word.test(part)))
      fail(path, `${JSON.stringify(full.slice(0, 60))} is no name`)
    return full
  }
  const aliasesOf = ({ aliases }: Json, space: string, path: string): string[] =>
    aliases === undefined ? [] : listOf(aliases, path).map(alias => fullName(textOf(alias, path), space, path))

  const named = (name: string, space: string, path: string): AvroType => {
    if (isPrimitive(name)) return { kind: name }
    const near = space && !name.includes('.') ? names.get(`${space}.${name}`) : undefined
    return near ?? names.get(name) ?? fail(path, `names ${JSON.stringify(name.slice(0, 60))}, which is no type that it knows`)
  }

  function define(json: Json, space: string, path: string, depth: number): AvroType {
    const given = textOf(json.namespace ?? '', `${path}.namespace`)
    const name = fullName(textOf(json.name, `${path}.name`), given || space, `${path}.name`)
    if (isPrimitive(name)) fail(`${path}.name`, `${name} is the name of a type of Avro`)
    if (names.has(name)) fail(`${path}.name`, `${name} is defined twice`)
    const inside = name.includes('.') ? name.slice(0, name.lastIndexOf('.')) : ''
    const aliases = aliasesOf(json, inside, `${path}.aliases`)
    if (json.type === 'fixed') {
      const size = json.size as number
      if (!Number.isSafeInteger(size) || size < 0) fail(`${path}.size`, 'must be a whole number')
      const type: NamedType = { kind: 'fixed', name, aliases, size, ...logicalOf(json, 'fixed', size) }
      names.set(name, type)
      return type
    }
    if (json.type === 'enum') {
      const symbols = listOf(json.symbols, `${path}.symbols`).map((symbol, i) => {
        const text = textOf(symbol, `${path}.symbols[${i}]`)
        within(path, depth)
        return word.test(text) ? text : fail(`${path}.symbols[${i}]`, `${JSON.stringify(text.slice(0, 60))} is no name`)
      })
      if (new Set(symbols).size !== symbols.length) fail(`${path}.symbols`, 'has one twice')
      const fallback = json.default === undefined ? undefined : textOf(json.default, `${path}.default`)
      if (fallback !== undefined && !symbols.includes(fallback)) fail(`${path}.default`, 'is none of the symbols')
      const type: NamedType = { kind: 'enum', name, aliases, symbols, ...(fallback !== undefined && { default: fallback }) }
      names.set(name, type)
      return type
    }
    const fields: AvroField[] = []
    const record: NamedType = { kind: 'record', name, aliases, fields }
    // Before its fields: they may name it.
    names.set(name, record)
    const taken = new Set<string>()
    for (const [i, item] of listOf(json.fields, `${path}.fields`).entries()) {
      const at = `${path}.fields[${i}]`
      const field = objectOf(item) ?? fail(at, 'must be an object')
      const fieldName = textOf(field.name, `${at}.name`)
      if (!word.test(fieldName) || fieldName.length > longestName)
        fail(`${at}.name`, `${JSON.stringify(fieldName.slice(0, 60))} is no name`)
      if (taken.has(fieldName)) fail(`${at}.name`, `${fieldName} is there twice`)
      taken.add(fieldName)
      const made: Mutable<AvroField> = {
        name: fieldName,
        aliases: aliasesOf(field, '', `${at}.aliases`),
        type: typeOf(field.type, inside, `${at}.type`, depth + 1),
      }
      if (field.default !== undefined) {
        made.default = { value: undefined, json: field.default }
        own.push(made)
      }
      fields.push(made)
    }
    return record
  }

  function typeOf(json: unknown, space: string, path: string, depth: number): AvroType {
    within(path, depth)
    if (typeof json === 'string') return named(json, space, path)
    if (Array.isArray(json)) {
      const branches = json.map((branch, i) => typeOf(branch, space, `${path}[${i}]`, depth + 1))
      const kinds = branches.map(branch => ('name' in branch ? branch.name : branch.kind))
      if (!branches.length || kinds.includes('union')) fail(path, 'is a union of nothing, or of a union')
      if (new Set(kinds).size !== kinds.length) fail(path, 'is a union that has one type twice')
      return { kind: 'union', branches }
    }
    const object = objectOf(json) ?? fail(path, 'must be a type')
    const { type } = object
    if (typeof type === 'object') return typeOf(type, space, `${path}.type`, depth + 1)
    if (type === 'array') return { kind: 'array', items: typeOf(object.items, space, `${path}.items`, depth + 1) }
    if (type === 'map') return { kind: 'map', values: typeOf(object.values, space, `${path}.values`, depth + 1) }
    if (type === 'record' || type === 'enum' || type === 'fixed') return define(object, space, path, depth)
    const name = textOf(type, `${path}.type`)
    return isPrimitive(name) ? { kind: name, ...logicalOf(object, name, 0) } : named(name, space, `${path}.type`)
  }

  const root = typeOf(typeof source === 'string' ? parsed(source) : source, '', '', 0)
  // Last, for they may be of types that are defined after them.
  for (const { name, type, default: standard } of own)
    standard!.value = plainDefault(type, standard!.json, detail => fail(`default of ${name}`, detail))
  return { root, names }
}

const isPrimitive = (name: string): name is Primitive => (primitives as readonly string[]).includes(name)

const objectOf = (value: unknown): Json | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined

/** A schema may also be written as the bare name of a type. */
function parsed(text: string): unknown {
  if (Buffer.byteLength(text) > schemaLimits.textBytes)
    throw new LoomError('SCHEMA_LIMIT', `${Buffer.byteLength(text)} bytes`, { hint: `at most ${schemaLimits.textBytes}` })
  if (isPrimitive(text)) return text
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new LoomError('SCHEMA_INVALID', 'it is not valid JSON', { cause })
  }
}
