import { type DtdlSchemas, dtdlSchemas, listOf, schemaKinds, titleOf, typesOf } from './dtdl-schema.ts'
import { at, isObject, type Json, modelInvalid, nameAt, objectAt, textOf } from './json.ts'
import {
  emptyPart,
  type JsonSchema,
  type Model,
  type ModelField,
  type ModelPart,
  type ModelWarning,
  modelLimits,
} from './model.ts'

const contexts = new Set(['dtmi:dtdl:context;2', 'dtmi:dtdl:context;3'])
/** DTDL allows 10 levels of extension. */
const extendsDepth = 10
const idForm = /^(dtmi:[A-Za-z][A-Za-z0-9_]*(?::[A-Za-z][A-Za-z0-9_]*)*);([1-9]\d{0,8}(?:\.\d{1,6})?)$/

export interface Imported {
  /** as the document names it */
  id?: string
  version?: string
  model: Model
  warnings: ModelWarning[]
}

interface Place {
  element: Json
  path: string
}

interface Reader {
  interfaces: ReadonlyMap<string, Place>
  schemas: DtdlSchemas
  warnings: ModelWarning[]
}

/**
 * An Interface of DTDL v2 or v3; of an array the first one, the others are what it refers to. What has no meaning here
 * (relationships, other extensions) warns. MODEL_INVALID with the place.
 */
export function importDtdl(documents: readonly unknown[]): Imported {
  const warnings: ModelWarning[] = []
  const interfaces = new Map<string, Place>()
  const named = new Map<string, { schema: Json; path: string }>()
  const paths = documents.map((_, i) => (documents.length > 1 ? `[${i}]` : ''))
  for (const [i, document] of documents.entries()) collect(objectAt(document, paths[i]!), paths[i]!, { interfaces, named })
  const main = { element: documents[0] as Json, path: paths[0]! }
  const found = listOf(main.element['@context'])
  if (!found.some(context => contexts.has(context as string)))
    throw modelInvalid(at(main.path, '@context'), 'neither dtmi:dtdl:context;2 nor ;3', 'DTDL v2 and v3 are read')
  for (const context of found)
    if (isExtension(context))
      warnings.push({ path: at(main.path, '@context'), message: `${JSON.stringify(context)?.slice(0, 60)} has no meaning here` })
  const [, id, version] = idForm.exec(String(main.element['@id'])) ?? []
  if (id === undefined || version === undefined)
    throw modelInvalid(at(main.path, '@id'), 'a DTMI with a version, as in dtmi:com:example:Thermostat;1')
  const extensions = new Set(documents.flatMap(document => listOf((document as Json)['@context'])).filter(isExtension))
  const schemas = dtdlSchemas({ named, extensions, warn: warning => warnings.push(warning) })
  const reader: Reader = { interfaces, schemas, warnings }
  const components: Record<string, ModelPart> = {}
  const extended: string[] = []
  const part = readInterface(main, reader, { components, extended })
  const model: Model = { source: 'dtdl', ...titleOf(main.element), ...part, components, defs: schemas.defs, extends: extended }
  return { id, version, model, warnings }
}

const isExtension = (context: unknown): boolean => !contexts.has(context as string)

/** Interfaces and schemas by id, wherever they are written. */
function collect(
  element: Json,
  path: string,
  into: { interfaces: Map<string, Place>; named: Map<string, { schema: Json; path: string }> },
  depth = 0,
): void {
  if (depth > 64) throw modelInvalid(path, 'nested too deep')
  const id = textOf(element['@id'])
  const types = typesOf(element)
  if (id !== undefined && types.includes('Interface')) into.interfaces.set(id, { element, path })
  if (id !== undefined && types.some(type => (schemaKinds as readonly string[]).includes(type)))
    into.named.set(id, { schema: element, path })
  for (const [key, value] of Object.entries(element)) {
    if (isObject(value)) collect(value, at(path, key), into, depth + 1)
    else if (Array.isArray(value))
      value.forEach((item, i) => {
        if (isObject(item)) collect(item, at(at(path, key), i), into, depth + 1)
      })
  }
}

/** `components`: where those of the interface go; absent inside a component, which has none of its own. */
function readInterface(
  main: Place,
  reader: Reader,
  { components, extended }: { components?: Record<string, ModelPart>; extended: string[] },
): ModelPart {
  const part = emptyPart()
  const seen = new Set<Json>()
  const open = new Set<Json>()
  const read = ({ element, path }: Place, depth: number): void => {
    if (!typesOf(element).includes('Interface')) throw modelInvalid(at(path, '@type'), 'it is no Interface')
    if (open.has(element) || depth > extendsDepth)
      throw modelInvalid(at(path, 'extends'), `a circle, or more than ${extendsDepth} levels`)
    if (seen.has(element)) return
    seen.add(element)
    open.add(element)
    listOf(element.extends).forEach((base, i, { length }) => {
      const place = length > 1 ? at(at(path, 'extends'), i) : at(path, 'extends')
      const from = resolve(base, place, reader)
      const id = String(from.element['@id'])
      if (!extended.includes(id)) extended.push(id)
      read(from, depth + 1)
    })
    listOf(element.contents).forEach((content, i) => {
      const place = at(at(path, 'contents'), i)
      readContent({ element: objectAt(content, place), path: place }, part, reader, components)
    })
    open.delete(element)
  }
  read(main, 0)
  return part
}

function readContent(
  { element, path }: Place,
  part: ModelPart,
  reader: Reader,
  components: Record<string, ModelPart> | undefined,
): void {
  const types = typesOf(element)
  const { schemas, warnings } = reader
  const name = nameAt(element.name, at(path, 'name'))
  if (types.includes('Telemetry')) part.telemetry[name] = fieldOf(element, path, schemas)
  else if (types.includes('Property'))
    part.properties[name] = { ...fieldOf(element, path, schemas), writable: element.writable === true }
  else if (types.includes('Command'))
    part.commands[name] = { ...payloadOf(element, 'request', path, schemas), ...payloadOf(element, 'response', path, schemas) }
  else if (types.includes('Component') && components) {
    if (Object.keys(components).length >= modelLimits.components)
      throw modelInvalid(path, `more than ${modelLimits.components} components`)
    components[name] = readInterface(resolve(element.schema, at(path, 'schema'), reader), reader, { extended: [] })
  } else warnings.push({ path, message: `${types.join(', ').slice(0, 60) || 'no @type'} "${name}" has no meaning here` })
}

const fieldOf = (element: Json, path: string, schemas: DtdlSchemas): ModelField => {
  const unit = textOf(element.unit)
    ?.replace(/^dtmi:.*:/, '')
    .replace(/;.*$/, '')
  return { schema: schemas.of(element.schema, at(path, 'schema')), ...titleOf(element), ...(unit !== undefined && { unit }) }
}

function payloadOf(
  command: Json,
  side: 'request' | 'response',
  path: string,
  schemas: DtdlSchemas,
): { [side: string]: JsonSchema } {
  const payload = command[side]
  if (payload === undefined || payload === null) return {}
  const place = at(path, side)
  const { schema, nullable } = objectAt(payload, place)
  const read = schemas.of(schema, at(place, 'schema'))
  return { [side]: nullable === true ? { anyOf: [read, { type: 'null' }] } : read }
}

function resolve(reference: unknown, path: string, { interfaces }: Reader): Place {
  if (isObject(reference)) return { element: reference, path }
  const found = typeof reference === 'string' ? interfaces.get(reference) : undefined
  if (found) return found
  throw modelInvalid(
    path,
    `${JSON.stringify(reference)?.slice(0, 100)} is not in the document`,
    'give an array of all Interfaces, the model first',
  )
}
