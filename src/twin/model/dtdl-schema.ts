import { at, isObject, type Json, modelInvalid, nameAt, objectAt, wordsOf } from './json.ts'
import type { JsonSchema, ModelWarning } from './model.ts'

const text = (format?: string): JsonSchema => ({ type: 'string', ...(format !== undefined && { format }) })
const position: JsonSchema = { type: 'array', items: { type: 'number' }, minItems: 2, maxItems: 4 }
const line: JsonSchema = { type: 'array', items: position, minItems: 2 }
const rings: JsonSchema = { type: 'array', items: { type: 'array', items: position, minItems: 4 } }
/** GeoJSON, RFC 7946. */
const geo = (type: string, coordinates: JsonSchema): JsonSchema => ({
  type: 'object',
  properties: { type: { const: type }, coordinates },
  required: ['type', 'coordinates'],
})

const primitives: Readonly<Record<string, JsonSchema>> = {
  boolean: { type: 'boolean' },
  date: text('date'),
  dateTime: text('date-time'),
  double: { type: 'number' },
  duration: text('duration'),
  float: { type: 'number' },
  integer: { type: 'integer', minimum: -2_147_483_648, maximum: 2_147_483_647 },
  // Beyond 2^53 a number has lost its last digits before anything can look at it.
  long: { type: 'integer' },
  string: text(),
  time: text('time'),
  point: geo('Point', position),
  multiPoint: geo('MultiPoint', { type: 'array', items: position }),
  lineString: geo('LineString', line),
  multiLineString: geo('MultiLineString', { type: 'array', items: line }),
  polygon: geo('Polygon', rings),
  multiPolygon: geo('MultiPolygon', { type: 'array', items: rings }),
}
const number: JsonSchema = { type: 'number' }
/** Of Azure IoT Central. */
const central: Readonly<Record<string, JsonSchema>> = {
  geopoint: { type: 'object', properties: { lat: number, lon: number, alt: number }, required: ['lat', 'lon'] },
  vector: { type: 'object', properties: { x: number, y: number, z: number }, required: ['x', 'y', 'z'] },
}
const centralContext = 'dtmi:iotcentral:context;2'
/** Both versions have standard schemas under ids as well, e.g. `dtmi:standard:schema:geospatial:point;2`. */
const standard = /^dtmi:(?:dtdl:instance:Schema|standard:schema:geospatial|iotcentral:schema):([A-Za-z]+);[234]$/

export const schemaKinds = ['Array', 'Enum', 'Map', 'Object'] as const

export interface DtdlSchemas {
  /** JSON Schemas by the name in `#/$defs` */
  readonly defs: Record<string, JsonSchema>
  /** The JSON Schema of what stands at `schema` of an element; MODEL_INVALID with the place. */
  of(schema: unknown, path: string): JsonSchema
}

/**
 * Schemas of DTDL v2 and v3 as JSON Schemas. What has an id becomes a definition, made once however often it is named. `extensions`: contexts besides DTDL's own, which
 * may bring words for schemas.
 */
export function dtdlSchemas(o: {
  named: ReadonlyMap<string, { schema: Json; path: string }>
  extensions: ReadonlySet<unknown>
  warn: (warning: ModelWarning) => void
}): DtdlSchemas {
  const { named, extensions, warn } = o
  const words = extensions.has(centralContext) ? { ...primitives, ...central } : primitives
  const defs: Record<string, JsonSchema> = {}
  const names = new Map<string, string>()

  const reference = (id: string, path: string): JsonSchema => {
    const word = standard.exec(id)?.[1]
    const primitive = own(words, word ?? id)
    if (primitive !== undefined) return primitive
    const found = named.get(id)
    if (!found && extensions.size && /^[A-Za-z]\w*$/.test(id)) {
      warn({ path, message: `schema ${JSON.stringify(id.slice(0, 60))} of an extension is not checked` })
      return true
    }
    if (!found)
      throw modelInvalid(path, `there is no schema ${JSON.stringify(id.slice(0, 100))}`, 'name one of the document or of DTDL')
    let name = names.get(id)
    if (name === undefined) {
      name = `s${names.size}`
      names.set(id, name)
      // It may be named again inside itself: it is known before it is made.
      defs[name] = true
      defs[name] = complex(found.schema, found.path)
    }
    return { $ref: `#/$defs/${name}` }
  }
  const of = (schema: unknown, path: string): JsonSchema => {
    if (typeof schema === 'string') return reference(schema, path)
    if (schema === undefined) throw modelInvalid(path, 'a schema is missing')
    const given = objectAt(schema, path)
    const id = given['@id']
    if (typeof id === 'string' && named.has(id)) return reference(id, path)
    return complex(given, path)
  }
  const complex = (schema: Json, path: string): JsonSchema => {
    const kind = typesOf(schema).find(type => (schemaKinds as readonly string[]).includes(type))
    switch (kind) {
      case 'Array':
        return { type: 'array', items: of(schema.elementSchema, at(path, 'elementSchema')) }
      case 'Enum':
        return enumOf(schema, path)
      case 'Map': {
        const { mapKey, mapValue } = schema
        const keys = isObject(mapKey) ? of(mapKey.schema, at(at(path, 'mapKey'), 'schema')) : true
        const place = at(path, 'mapValue')
        return {
          type: 'object',
          propertyNames: keys,
          additionalProperties: of(objectAt(mapValue, place).schema, at(place, 'schema')),
        }
      }
      case 'Object': {
        const fields = listOf(schema.fields).map((field, i): [string, JsonSchema] => {
          const place = at(at(path, 'fields'), i)
          const { name, schema: inner } = objectAt(field, place)
          return [nameAt(name, at(place, 'name')), of(inner, at(place, 'schema'))]
        })
        return { type: 'object', properties: Object.fromEntries(fields) }
      }
      default:
        warn({ path, message: `schema of the type ${JSON.stringify(schema['@type'])?.slice(0, 60)} is not checked` })
        return true
    }
  }
  return { defs, of }
}

function enumOf({ valueSchema, enumValues }: Json, path: string): JsonSchema {
  const values = listOf(enumValues).map((item, i) => objectAt(item, at(at(path, 'enumValues'), i)).enumValue)
  const type = valueSchema === 'integer' ? 'number' : 'string'
  const wrong = values.findIndex(value => typeof value !== type)
  if (!values.length || wrong >= 0)
    throw modelInvalid(at(at(path, 'enumValues'), Math.max(wrong, 0)), 'enumValue is missing or not as valueSchema says')
  return { enum: values }
}

/** `@type` is one word or several. */
export const typesOf = (element: Json): string[] => listOf(element['@type']).filter(type => typeof type === 'string')

export const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : value === undefined ? [] : [value])

export const titleOf = (element: Json): { title?: string } => {
  const title = wordsOf(element.displayName)
  return title === undefined ? {} : { title }
}

const own = <T>(of: Readonly<Record<string, T>>, key: string): T | undefined => (Object.hasOwn(of, key) ? of[key] : undefined)
