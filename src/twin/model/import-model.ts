import { LoomError, withoutSecrets } from '../../errors.ts'
import { type Imported, importDtdl } from './dtdl.ts'
import { at, isObject, modelInvalid, nameAt } from './json.ts'
import {
  type JsonSchema,
  type Model,
  modelLimits,
  type ModelPart,
  type ModelSource,
  modelSources,
  type ModelWarning,
} from './model.ts'
import { importJsonSchema, importPlain } from './plain-model.ts'
import { checkRefs } from './schema.ts'
import { importWot } from './wot.ts'

export interface ModelRequest {
  /** default: as the document says */
  id?: string
  /** default: as the document says, else 1 */
  version?: string
  source: ModelSource
  /** a JSON value; an array: the model, then what it refers to */
  document: unknown
  /** names that devices send for longer ones, as in `{t: 'temperature'}` */
  short?: Record<string, string>
  /** values of `{{NAME}}` in a Thing Model */
  placeholders?: Record<string, unknown>
}

export interface ReadModel {
  id: string
  version: string
  model: Model
  short: Record<string, string>
  warnings: ModelWarning[]
}

const idForm = /^[A-Za-z][A-Za-z0-9:._-]{0,127}$/
const versionForm = /^(0|[1-9]\d{0,8})(\.(0|[1-9]\d{0,8})){0,2}$/
const mostWarnings = 100

/** How a device names a model: `id;version`, or the id alone for the newest version. */
export const modelName = ({ id, version }: { id: string; version: string }): string => `${id};${version}`

/** The parts of a name, undefined if it can be none. */
export function readModelName(name: string): { id: string; version?: string } | undefined {
  const [id = '', version, ...more] = name.split(';')
  if (!idForm.test(id) || more.length || (version !== undefined && !versionForm.test(version))) return undefined
  return { id, ...(version !== undefined && { version }) }
}

/** By number: 1.10 is newer than 1.9. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map(version => version.split('.').map(Number))
  for (let i = 0; i < 3; i++) if ((left![i] ?? 0) !== (right![i] ?? 0)) return (left![i] ?? 0) - (right![i] ?? 0)
  return 0
}

/** A model document in our form. MODEL_INVALID, its `position` the place in the document; MODEL_LIMIT. */
export function readModel(request: ModelRequest): ReadModel {
  const { source, document, short = {}, placeholders } = request
  const bytes = Buffer.byteLength(JSON.stringify(document) ?? '')
  if (bytes > modelLimits.documentBytes)
    throw new LoomError('MODEL_LIMIT', `a document of ${bytes} bytes`, { hint: `at most ${modelLimits.documentBytes}` })
  const { model, warnings, ...said } = importerOf(source)(document, placeholders)
  const id = request.id ?? said.id
  const version = request.version ?? said.version ?? '1'
  if (typeof id !== 'string' || !idForm.test(id))
    throw modelInvalid('id', `${JSON.stringify(id)?.slice(0, 100)} is no id`, 'give one of up to 128 letters, digits and : . _ -')
  if (typeof version !== 'string' || !versionForm.test(version))
    throw modelInvalid('version', `${JSON.stringify(version)?.slice(0, 60)} is no version`, 'one to three numbers joined by dots')
  checkSize(model)
  for (const [path, schema] of schemasOf(model)) checkRefs(rooted(schema, model), path)
  return { id, version, model, short: checkedShort(short), warnings: warnings.slice(0, mostWarnings).map(shown) }
}

function importerOf(source: ModelSource): (document: unknown, placeholders?: Record<string, unknown>) => Imported {
  switch (source) {
    case 'wot':
      return (document, placeholders) => importWot(documentsOf(document), placeholders)
    case 'dtdl':
      return document => importDtdl(documentsOf(document))
    case 'json-schema':
      return importJsonSchema
    case 'none':
      return importPlain
    default:
      throw modelInvalid('source', `${JSON.stringify(source)?.slice(0, 40)}`, `one of ${modelSources.join(', ')}`)
  }
}

/** Documents hold whatever somebody put there. */
const shown = ({ path, message }: ModelWarning): ModelWarning => ({
  path: withoutSecrets(path),
  message: withoutSecrets(message),
})

const documentsOf = (document: unknown): unknown[] => {
  if (!Array.isArray(document)) return [document]
  if (!document.length) throw modelInvalid('', 'the document is empty')
  return document
}

/** A schema with the definitions it may name: its own root. */
export function rooted(schema: JsonSchema, { defs }: Pick<Model, 'defs'>): JsonSchema {
  if (typeof schema === 'boolean' || !Object.keys(defs).length) return schema
  return { ...schema, $defs: { ...defs, ...(schema.$defs as object | undefined) } }
}

/** Every schema of a model, with its place. */
export function* schemasOf(model: Model): Generator<[path: string, schema: JsonSchema]> {
  if (model.body !== undefined) yield ['', model.body]
  else yield* schemasOfPart(model, '')
  for (const [name, part] of Object.entries(model.components)) yield* schemasOfPart(part, at('components', name))
}

function* schemasOfPart(part: ModelPart, path: string): Generator<[string, JsonSchema]> {
  for (const section of ['telemetry', 'properties'] as const)
    for (const [name, { schema }] of Object.entries(part[section])) yield [at(at(path, section), name), schema]
  for (const [name, { request, response }] of Object.entries(part.commands)) {
    const place = at(at(path, 'commands'), name)
    if (request !== undefined) yield [at(place, 'request'), request]
    if (response !== undefined) yield [at(place, 'response'), response]
  }
}

function checkSize(model: Model): void {
  const parts = Object.values(model.components)
  if (parts.length > modelLimits.components)
    throw new LoomError('MODEL_LIMIT', `${parts.length} components`, { hint: `at most ${modelLimits.components}` })
  let members = 0
  for (const { telemetry, properties, commands } of [model, ...parts])
    for (const section of [telemetry, properties, commands]) members += Object.keys(section).length
  if (members > modelLimits.members)
    throw new LoomError('MODEL_LIMIT', `${members} members`, { hint: `at most ${modelLimits.members}` })
}

function checkedShort(short: unknown): Record<string, string> {
  if (!isObject(short)) throw modelInvalid('short', 'an object of names')
  const pairs = Object.entries(short)
  if (pairs.length > modelLimits.shortKeys)
    throw new LoomError('MODEL_LIMIT', `${pairs.length} short keys`, { hint: `at most ${modelLimits.shortKeys}` })
  const targets = new Set<string>()
  for (const [key, name] of pairs) {
    nameAt(key, 'short')
    const target = nameAt(name, at('short', key))
    if (Object.hasOwn(short, target) || targets.has(target))
      throw modelInvalid(at('short', key), `${JSON.stringify(target)} is meant by another key too, or is one itself`)
    targets.add(target)
  }
  return short as Record<string, string>
}
