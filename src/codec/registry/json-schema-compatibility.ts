import type { Unreadable } from '../avro/avro-resolution.ts'
import { sorted } from '../avro/avro-canonical.ts'
import { isObject, type JsonDocument, type JsonSchema } from './json-schema-document.ts'

type Keywords = { readonly [keyword: string]: unknown }

const mostFaults = 20
const compared = new Set(
  (
    'type enum const minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength pattern format minItems maxItems uniqueItems items ' +
    'minProperties maxProperties properties required additionalProperties $ref'
  ).split(' '),
)
/** They say nothing about data. */
const notes = new Set(
  '$schema $id $anchor $comment $defs definitions title description default examples deprecated readOnly writeOnly unit @type @context observable forms'.split(
    ' ',
  ),
)
const lower = [
  ['minimum', 'exclusiveMinimum'],
  ['minLength', undefined],
  ['minItems', undefined],
  ['minProperties', undefined],
] as const
const upper = [
  ['maximum', 'exclusiveMaximum'],
  ['maxLength', undefined],
  ['maxItems', undefined],
  ['maxProperties', undefined],
] as const

const same = (a: unknown, b: unknown): boolean => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b))

/**
 * Whether all that one schema allows is allowed by another, which reads it; each fault with the path in the reader. What it cannot compare counts as a fault and says so. A property
 * that the reader names and the writer leaves open is taken to be new, as if the writer had not written it.
 */
export function unreadableJson(o: { reader: JsonDocument; writer: JsonDocument }): Unreadable[] {
  const faults: Unreadable[] = []
  const seen = new Map<JsonSchema, Set<JsonSchema>>()

  function look(reader: JsonSchema, writer: JsonSchema, path: string, inReader: JsonDocument, inWriter: JsonDocument): void {
    const fail = (reason: string, part = ''): void => {
      if (faults.length < mostFaults) faults.push({ path: `${path}${part}` || '/', reason })
    }
    if (faults.length >= mostFaults || reader === true || writer === false) return
    if (reader === false) {
      fail('allows nothing')
      return
    }
    const a = keywordsOf(reader)
    const b = writer === true ? {} : keywordsOf(writer)
    const before = seen.get(reader) ?? new Set()
    seen.set(reader, before)
    if (before.has(writer)) return
    before.add(writer)
    if (typeof a.$ref === 'string' && onlyRef(a)) {
      const { schema, document } = inReader.follow(a.$ref)
      look(schema, writer, path, document, inWriter)
      return
    }
    if (typeof b.$ref === 'string' && onlyRef(b)) {
      const { schema, document } = inWriter.follow(b.$ref)
      look(reader, schema, path, inReader, document)
      return
    }
    for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
      if ((compared.has(name) && name !== '$ref') || notes.has(name) || name.startsWith('x-')) continue
      // Equal texts mean the same only if they mean nothing elsewhere.
      if (!same(a[name], b[name]) || JSON.stringify(a[name] ?? null).includes('"$ref"') || name === '$ref')
        fail(`${name} cannot be compared`)
    }
    lookAtValues(a, b, fail)
    lookAtBounds(a, b, fail)
    if (!(Array.isArray(a.items) || Array.isArray(b.items)))
      look(schemaOf(a.items), schemaOf(b.items), `${path}/items`, inReader, inWriter)
    else if (!same(a.items, b.items)) fail('lists of items cannot be compared', '/items')
    if (a.properties || b.properties || a.required || b.required || a.additionalProperties !== undefined)
      lookAtProperties(a, b, fail, (x, y, part) => look(x, y, `${path}/${part}`, inReader, inWriter))
  }

  look(o.reader.root, o.writer.root, '', o.reader, o.writer)
  return faults
}

const keywordsOf = (schema: JsonSchema): Keywords => (isObject(schema) ? schema : {})
const schemaOf = (value: unknown): JsonSchema => (value === undefined ? true : (value as JsonSchema))
const onlyRef = (schema: Keywords): boolean => Object.keys(schema).every(name => name === '$ref' || notes.has(name))

type Fail = (reason: string, part?: string) => void

function lookAtValues(a: Keywords, b: Keywords, fail: Fail): void {
  const values = (of: Keywords): unknown[] | undefined => ('const' in of ? [of.const] : (of.enum as unknown[] | undefined))
  const [read, written] = [values(a), values(b)]
  const [part, lacks] = 'const' in a ? ['/const', 'is not'] : ['/enum', 'lacks']
  if (read && !written) fail('allows some values only', part)
  else if (read) {
    const missing = written!.filter(value => !read.some(one => same(one, value)))
    if (missing.length)
      fail(
        `${lacks} ${missing
          .map(value => JSON.stringify(value))
          .join(', ')
          .slice(0, 80)}`,
        part,
      )
  }
  if (a.type === undefined) return
  const allowed = new Set(listOf(a.type))
  const takes = (type: unknown): boolean => allowed.has(type) || (type === 'integer' && allowed.has('number'))
  const types = b.type !== undefined ? listOf(b.type) : written?.map(typeOf)
  if (!types) fail(`is ${[...allowed].join(' or ')} now`, '/type')
  const lost = [...new Set(types ?? [])].filter(type => !takes(type))
  if (lost.length) fail(`${[...allowed].join(' or ')} is not ${lost.join(' or ')}`, '/type')
}

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : [value])

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  return Number.isInteger(value) ? 'integer' : typeof value
}

function lookAtBounds(a: Keywords, b: Keywords, fail: Fail): void {
  const change = (name: string, exclusive: string | undefined, words: string): string =>
    b[name] === undefined && (exclusive === undefined || b[exclusive] === undefined) ? 'is new' : words
  for (const [name, exclusive] of lower)
    if (tighter(bound(a, name, exclusive, 1), bound(b, name, exclusive, 1)))
      fail(change(name, exclusive, 'is more than before'), `/${name}`)
  for (const [name, exclusive] of upper)
    if (tighter(bound(a, name, exclusive, -1), bound(b, name, exclusive, -1)))
      fail(change(name, exclusive, 'is less than before'), `/${name}`)
  for (const name of ['pattern', 'format'])
    if (a[name] !== undefined && a[name] !== b[name]) fail('is another than before', `/${name}`)
  if (a.uniqueItems === true && b.uniqueItems !== true) fail('is new', '/uniqueItems')
  const { multipleOf: step } = a
  if (step !== undefined && !(typeof step === 'number' && typeof b.multipleOf === 'number' && b.multipleOf % step === 0))
    fail('is no part of the one before', '/multipleOf')
}

/** As a lower bound, upper ones mirrored; and whether it itself is left out. A bound that is no number is as tight as can be. */
function bound(of: Keywords, name: string, exclusive: string | undefined, sign: 1 | -1): readonly [number, boolean] {
  const closed = of[name] === undefined ? -Infinity : sign * (of[name] as number)
  const open = exclusive === undefined || of[exclusive] === undefined ? -Infinity : sign * Number(of[exclusive])
  if (Number.isNaN(open) || (exclusive && typeof of[exclusive] === 'boolean')) return [Infinity, true]
  return open >= closed && open > -Infinity ? [open, true] : [closed, false]
}

const tighter = ([a, openA]: readonly [number, boolean], [b, openB]: readonly [number, boolean]): boolean =>
  a > b || (a === b && openA && !openB)

function lookAtProperties(
  a: Keywords,
  b: Keywords,
  fail: Fail,
  below: (reader: JsonSchema, writer: JsonSchema, part: string) => void,
): void {
  const propertiesOf = ({ properties }: Keywords): Keywords => (isObject(properties) ? properties : {})
  const requiredOf = ({ required }: Keywords): readonly string[] => (Array.isArray(required) ? required : [])
  const [read, written] = [propertiesOf(a), propertiesOf(b)]
  const [rest, others] = [schemaOf(a.additionalProperties), schemaOf(b.additionalProperties)]
  for (const [name, schema] of Object.entries(read)) {
    const before = Object.hasOwn(written, name) ? schemaOf(written[name]) : others
    // Of an open writer the property is new.
    if (Object.hasOwn(written, name) || before !== true) below(schema as JsonSchema, before, `properties/${name}`)
  }
  for (const [name, schema] of Object.entries(written))
    if (!Object.hasOwn(read, name))
      if (rest === false) fail(`leaves no room for ${name.slice(0, 60)}`, '/additionalProperties')
      else below(rest, schema as JsonSchema, `additionalProperties`)
  if (rest === false && others !== false) fail('is closed now', '/additionalProperties')
  else if (rest !== false) below(rest, others, 'additionalProperties')
  for (const name of requiredOf(a)) {
    const own = Object.hasOwn(read, name) ? read[name] : undefined
    if (!requiredOf(b).includes(name) && !(isObject(own) && own.default !== undefined))
      fail(`asks for ${name.slice(0, 60)}, which has no default`, '/required')
  }
}
