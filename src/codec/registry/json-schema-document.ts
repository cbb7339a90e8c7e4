import { LoomError } from '../../errors.ts'
import { schemaLimits } from '../avro/avro-type.ts'
import type { SchemaText } from '../schema-text.ts'

export type JsonSchema = boolean | { readonly [keyword: string]: unknown }

/** A document with those that it refers to, and who finds what a `$ref` in it means. */
export interface JsonDocument {
  root: JsonSchema
  /** Where a reference leads, and the document it is in. SCHEMA_INVALID if nowhere. */
  follow(ref: string): { schema: JsonSchema; document: JsonDocument }
}

const typeNames = ['null', 'boolean', 'integer', 'number', 'string', 'array', 'object']
const numbers = [
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
  'multipleOf',
]
const schemasInside = [
  'additionalProperties',
  'propertyNames',
  'contains',
  'not',
  'if',
  'then',
  'else',
  'unevaluatedProperties',
  'unevaluatedItems',
]
/** Levels of JSON, of values and unknown keywords too; a schema inside another takes up to two. */
const deepestText = 4 * schemaLimits.depth
const listsInside = ['allOf', 'anyOf', 'oneOf', 'prefixItems']
const mapsInside = ['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas']

/** Reads a JSON Schema and looks its structure over. References lead into the document itself or to one that is registered with it, by its name or `$id`. */
export function readJsonDocument({ schema: text, references = [] }: SchemaText): JsonDocument {
  const others = new Map<string, JsonDocument>()
  for (const { name, schema } of references) {
    const document = documentOf(schema, others)
    others.set(name, document)
    const id = typeof document.root === 'object' ? document.root.$id : undefined
    if (typeof id === 'string') others.set(id, document)
  }
  const document = documentOf(text, others)
  lookOver(document)
  return document
}

function documentOf(text: string, others: ReadonlyMap<string, JsonDocument>): JsonDocument {
  const size = Buffer.byteLength(text)
  if (size > schemaLimits.textBytes)
    throw new LoomError('SCHEMA_LIMIT', `${size} bytes`, { hint: `at most ${schemaLimits.textBytes}` })
  let root: JsonSchema
  try {
    root = JSON.parse(text)
  } catch (cause) {
    throw new LoomError('SCHEMA_INVALID', 'it is not valid JSON', { cause })
  }
  if (typeof root !== 'boolean' && !isObject(root))
    throw new LoomError('SCHEMA_INVALID', 'it is neither an object nor true or false')
  if (isDeeper(root, deepestText)) throw new LoomError('SCHEMA_LIMIT', `a text nested deeper than ${deepestText}`)
  const document: JsonDocument = {
    root,
    follow(ref) {
      const [place = '', pointer = ''] = ref.split('#', 2)
      const own = place === '' || (typeof root === 'object' && root.$id === place)
      const target = own ? document : others.get(place)
      const schema = target && at(target.root, pointer)
      if (schema === undefined) throw new LoomError('SCHEMA_INVALID', `$ref ${JSON.stringify(ref.slice(0, 80))} leads nowhere`)
      return { schema, document: target! }
    },
  }
  return document
}

/** What a JSON pointer (RFC 6901) finds, if it is a schema. */
function at(root: JsonSchema, pointer: string): JsonSchema | undefined {
  let here: unknown = root
  for (const part of pointer.split('/').slice(1)) {
    const key = unescaped(part)?.replaceAll('~1', '/').replaceAll('~0', '~')
    if (key === undefined) return undefined
    here =
      typeof here === 'object' && here !== null && Object.hasOwn(here, key) ? (here as Record<string, unknown>)[key] : undefined
  }
  if (pointer !== '' && !pointer.startsWith('/')) return undefined
  return typeof here === 'boolean' || isObject(here) ? here : undefined
}

function unescaped(part: string): string | undefined {
  try {
    return decodeURIComponent(part)
  } catch {
    return undefined
  }
}

const isDeeper = (value: unknown, levels: number): boolean =>
  typeof value === 'object' && value !== null && (levels === 0 || Object.values(value).some(item => isDeeper(item, levels - 1)))

export const isObject = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function lookOver(document: JsonDocument): void {
  let nodes = 0
  const fail = (path: string, detail: string): never => {
    throw new LoomError('SCHEMA_INVALID', `${path || '/'} ${detail}`, { position: path || '/' })
  }
  const look = (schema: unknown, path: string, depth: number): void => {
    if (++nodes > schemaLimits.nodes) throw new LoomError('SCHEMA_LIMIT', `more than ${schemaLimits.nodes} parts`)
    if (depth > schemaLimits.depth) throw new LoomError('SCHEMA_LIMIT', `nested deeper than ${schemaLimits.depth}`)
    if (typeof schema === 'boolean') return
    const object = isObject(schema) ? schema : fail(path, 'is no schema')
    const { type, required, enum: values, $ref: ref, items } = object
    const known = (name: unknown): boolean => typeNames.includes(name as string)
    if (type !== undefined && !(Array.isArray(type) ? type.length > 0 && type.every(known) : known(type)))
      fail(`${path}/type`, 'is no type')
    if (required !== undefined && !(Array.isArray(required) && required.every(name => typeof name === 'string')))
      fail(`${path}/required`, 'must be a list of names')
    if (values !== undefined && !Array.isArray(values)) fail(`${path}/enum`, 'must be a list')
    for (const name of numbers)
      if (object[name] !== undefined && typeof object[name] !== 'number') fail(`${path}/${name}`, 'must be a number')
    if (ref !== undefined) {
      if (typeof ref !== 'string') fail(`${path}/$ref`, 'must be a text')
      document.follow(ref as string)
    }
    for (const name of schemasInside) if (object[name] !== undefined) look(object[name], `${path}/${name}`, depth + 1)
    if (Array.isArray(items)) for (const [i, item] of items.entries()) look(item, `${path}/items/${i}`, depth + 1)
    else if (items !== undefined) look(items, `${path}/items`, depth + 1)
    for (const name of listsInside) {
      const list = object[name]
      if (list === undefined) continue
      if (!Array.isArray(list)) fail(`${path}/${name}`, 'must be a list')
      for (const [i, item] of (list as unknown[]).entries()) look(item, `${path}/${name}/${i}`, depth + 1)
    }
    for (const name of mapsInside) {
      const map = object[name]
      if (map === undefined) continue
      if (!isObject(map)) fail(`${path}/${name}`, 'must be an object')
      for (const [key, item] of Object.entries(map as object)) look(item, `${path}/${name}/${key.slice(0, 60)}`, depth + 1)
    }
  }
  look(document.root, '', 0)
}
