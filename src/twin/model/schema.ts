import { formats } from './formats.ts'
import { at, isObject, type Json, modelInvalid } from './json.ts'
import type { JsonSchema, ModelWarning } from './model.ts'
import { judgePattern } from './pattern.ts'

const schemaLimits = { bytes: 262_144, depth: 32, nodes: 20_000, cost: 5_000 } as const
const schemaUris = /^https?:\/\/json-schema\.org\/(draft\/(2020-12|2019-09)|draft-0[67])\/schema#?$/

const values = new Set([
  ...[
    'type',
    'enum',
    'const',
    'multipleOf',
    'maximum',
    'exclusiveMaximum',
    'minimum',
    'exclusiveMinimum',
    'maxLength',
    'minLength',
  ],
  ...['maxItems', 'minItems', 'maxContains', 'minContains', 'maxProperties', 'minProperties', 'required', 'dependentRequired'],
])
/** Of the value itself, and of what is in it. */
const samePlace = { one: ['not', 'if', 'then', 'else'], list: ['allOf', 'anyOf', 'oneOf'], map: ['dependentSchemas'] }
const inner = {
  one: ['items', 'contains', 'additionalProperties', 'propertyNames'],
  list: ['prefixItems'],
  map: ['properties', 'patternProperties'],
}
const one = new Set([...samePlace.one, ...inner.one])
const list = new Set([...samePlace.list, ...inner.list])
const map = new Set([...samePlace.map, ...inner.map, '$defs'])
/** Left out they would let pass what their author wanted refused. */
const unsupported = new Set([
  ...['$dynamicRef', '$dynamicAnchor', '$recursiveRef', '$recursiveAnchor', '$anchor', '$id', '$vocabulary'],
  ...['unevaluatedProperties', 'unevaluatedItems', 'dependencies', 'additionalItems', 'contentSchema'],
])
const scalars = new Set(['string', 'number', 'integer', 'boolean', 'null'])

interface Walk {
  warn(warning: ModelWarning): void
  nodes: number
}

/**
 * A copy of a schema with nothing in it but what is checked: keywords of 2020-12 without those that need another document or a dynamic scope. Patterns and
 * `uniqueItems` that could take much longer than a message is worth are refused, and so are references that are not `#/..`, in a circle, or too many.
 * MODEL_INVALID with the place.
 */
export function cleanSchema(schema: unknown, path: string, warn: (warning: ModelWarning) => void): JsonSchema {
  const root = isObject(schema) ? withoutHead(schema, path) : schema
  const text = JSON.stringify(root) ?? ''
  if (Buffer.byteLength(text) > schemaLimits.bytes) throw modelInvalid(path, `a schema of more than ${schemaLimits.bytes} bytes`)
  return clean(root, path, { warn, nodes: 0 }, 0)
}

function withoutHead({ $schema, $id, ...rest }: Json, path: string): Json {
  if ($schema !== undefined && !(typeof $schema === 'string' && schemaUris.test($schema)))
    throw modelInvalid(at(path, '$schema'), 'another dialect than JSON Schema 2020-12')
  const { definitions, ...others } = rest
  // The older name of `$defs`.
  return definitions === undefined
    ? rest
    : { ...others, $defs: { ...(definitions as Json), ...(rest.$defs as Json | undefined) } }
}

function clean(schema: unknown, path: string, walk: Walk, depth: number): JsonSchema {
  if (typeof schema === 'boolean') return schema
  if (!isObject(schema)) throw modelInvalid(path, 'a schema is an object, true or false')
  if (depth > schemaLimits.depth) throw modelInvalid(path, `deeper than ${schemaLimits.depth} levels`)
  if (++walk.nodes > schemaLimits.nodes) throw modelInvalid(path, `more than ${schemaLimits.nodes} schemas`)
  const copy: { [keyword: string]: unknown } = {}
  for (const [keyword, value] of Object.entries(schema)) {
    const place = at(path, keyword)
    if (unsupported.has(keyword)) throw modelInvalid(place, 'this keyword is not supported')
    if (one.has(keyword)) copy[keyword] = clean(value, place, walk, depth + 1)
    else if (list.has(keyword)) {
      if (!Array.isArray(value) || !value.length) throw modelInvalid(place, 'a list of schemas')
      copy[keyword] = value.map((item, i) => clean(item, at(place, i), walk, depth + 1))
    } else if (map.has(keyword)) {
      if (!isObject(value)) throw modelInvalid(place, 'an object of schemas')
      if (keyword === 'patternProperties') for (const pattern of Object.keys(value)) checkPattern(pattern, place)
      copy[keyword] = Object.fromEntries(
        Object.entries(value).map(([name, item]) => [safeName(name, place), clean(item, at(place, name), walk, depth + 1)]),
      )
    } else if (values.has(keyword)) copy[keyword] = value
    else if (keyword === 'pattern') copy.pattern = checkPattern(value, place)
    else if (keyword === 'format') {
      if (typeof value === 'string' && Object.hasOwn(formats, value)) copy.format = value
      else walk.warn({ path: place, message: `format ${JSON.stringify(value)?.slice(0, 40)} is not checked` })
    } else if (keyword === '$ref') copy.$ref = checkRef(value, place)
    else if (keyword === 'uniqueItems') {
      if (value === true && !fewOrScalar(schema))
        throw modelInvalid(place, 'it takes items of one simple type, or maxItems up to 100')
      copy.uniqueItems = value
    }
  }
  return copy
}

function checkPattern(value: unknown, path: string): string {
  const verdict = typeof value === 'string' ? judgePattern(value) : { refused: 'it is a text' }
  if ('refused' in verdict) throw modelInvalid(path, `pattern ${JSON.stringify(value)?.slice(0, 60)}: ${verdict.refused}`)
  return value as string
}

function checkRef(value: unknown, path: string): string {
  if (typeof value !== 'string' || !/^#(\/|$)/.test(value))
    throw modelInvalid(path, `${JSON.stringify(value)?.slice(0, 100)} refers to another document`, 'put what it names into $defs')
  return value.replace(/^#\/definitions\//, '#/$defs/')
}

const safeName = (name: string, path: string): string => {
  if (name === '__proto__') throw modelInvalid(path, 'no member has that name')
  return name
}

/** Comparing each item with each other one costs the square of their number. */
const fewOrScalar = ({ items, maxItems }: Json): boolean =>
  (isObject(items) && scalars.has(items.type as string)) || (typeof maxItems === 'number' && maxItems <= 100)

/**
 * Looks up every `#/..` of a schema that is its own root. A schema that comes back to itself is refused, and one whose references unfold to so much that a
 * small message could keep the hub busy. MODEL_INVALID.
 */
export function checkRefs(root: JsonSchema, path: string): void {
  const costs = new Map<JsonSchema, number>()
  const open = new Set<JsonSchema>()
  const cost = (schema: JsonSchema): number => {
    if (typeof schema === 'boolean') return 1
    const known = costs.get(schema)
    if (known !== undefined) return known
    if (open.has(schema)) throw modelInvalid(path, 'a schema refers back to itself')
    open.add(schema)
    let sum = 1
    for (const part of partsOf(schema)) sum += cost(part)
    if (typeof schema.$ref === 'string') sum += cost(resolved(root, schema.$ref, path))
    if (sum > schemaLimits.cost) throw modelInvalid(path, `its references unfold to more than ${schemaLimits.cost} schemas`)
    open.delete(schema)
    costs.set(schema, sum)
    return sum
  }
  cost(root)
}

function* partsOf(schema: Json): Generator<JsonSchema> {
  for (const [keyword, value] of Object.entries(schema)) {
    if (one.has(keyword)) yield value as JsonSchema
    else if (list.has(keyword)) yield* value as JsonSchema[]
    // Definitions count where they are used.
    else if (map.has(keyword) && keyword !== '$defs') yield* Object.values(value as Record<string, JsonSchema>)
  }
}

function resolved(root: JsonSchema, ref: string, path: string): JsonSchema {
  let found: unknown = root
  for (const part of ref.split('/').slice(1)) {
    const key = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')
    found = typeof found === 'object' && found !== null && Object.hasOwn(found, key) ? (found as Json)[key] : undefined
  }
  if (typeof found === 'boolean' || isObject(found)) return found as JsonSchema
  throw modelInvalid(path, `there is no ${ref.slice(0, 100)}`)
}
