import type { Imported } from './dtdl.ts'
import { at, isObject, type Json, membersAt, nameAt, objectAt, textOf, wordsOf } from './json.ts'
import { emptyPart, type JsonSchema, type ModelField, type ModelPart, type ModelWarning } from './model.ts'
import { cleanSchema } from './schema.ts'

type Warn = (warning: ModelWarning) => void

/** A bare JSON Schema: that of all values of a telemetry message. MODEL_INVALID with the place. */
export function importJsonSchema(schema: unknown): Imported {
  const warnings: ModelWarning[] = []
  const body = cleanSchema(objectAt(schema, ''), '', warning => warnings.push(warning))
  const { title: words, properties } = schema as Json
  const title = wordsOf(words)
  const telemetry: Record<string, ModelField> = {}
  const cleaned = (body as { properties?: Record<string, JsonSchema> }).properties ?? {}
  for (const [name, property] of Object.entries(isObject(properties) ? properties : {}))
    telemetry[name] = { schema: cleaned[name] ?? true, ...wordsAndUnit(property) }
  const model = { source: 'json-schema', ...(title !== undefined && { title }), ...emptyPart(), telemetry } as const
  return { model: { ...model, components: {}, defs: {}, body, extends: [] }, warnings }
}

/** A model in our own form: `{telemetry, properties, commands, components}`, each schema a JSON Schema. MODEL_INVALID with the place. */
export function importPlain(document: unknown): Imported {
  const warnings: ModelWarning[] = []
  const warn: Warn = warning => void warnings.push(warning)
  const whole = objectAt(document, '')
  const components = Object.fromEntries(
    membersAt(whole.components, 'components').map(([name, part]) => {
      const path = at('components', nameAt(name, 'components'))
      return [name, partOf(objectAt(part, path), path, warn)]
    }),
  )
  const defs = Object.fromEntries(
    membersAt(whole.$defs, '$defs').map(([name, schema]) => [name, cleanSchema(schema, at('$defs', name), warn)]),
  )
  const title = wordsOf(whole.title)
  const model = { source: 'none', ...(title !== undefined && { title }), ...partOf(whole, '', warn) } as const
  return { model: { ...model, components, defs, extends: [] }, warnings }
}

function partOf(whole: Json, path: string, warn: Warn): ModelPart {
  const part = emptyPart()
  const read = (section: string): [string, Json, string][] =>
    membersAt(whole[section], at(path, section)).map(([name, member]) => {
      const place = at(at(path, section), nameAt(name, at(path, section)))
      return [name, objectAt(member, place), place]
    })
  const fieldOf = (member: Json, place: string): ModelField => ({
    schema: cleanSchema(member.schema ?? true, at(place, 'schema'), warn),
    ...wordsAndUnit(member),
  })
  for (const [name, member, place] of read('telemetry')) part.telemetry[name] = fieldOf(member, place)
  for (const [name, member, place] of read('properties'))
    part.properties[name] = { ...fieldOf(member, place), writable: member.writable === true }
  for (const [name, { request, response }, place] of read('commands'))
    part.commands[name] = {
      ...(request !== undefined && { request: cleanSchema(request, at(place, 'request'), warn) }),
      ...(response !== undefined && { response: cleanSchema(response, at(place, 'response'), warn) }),
    }
  return part
}

function wordsAndUnit(member: unknown): { title?: string; unit?: string } {
  if (!isObject(member)) return {}
  const [title, unit] = [wordsOf(member.title), textOf(member.unit)]
  return { ...(title !== undefined && { title }), ...(unit !== undefined && { unit }) }
}
