import type { Imported } from './dtdl.ts'
import { at, isObject, type Json, membersAt, modelInvalid, nameAt, objectAt, textOf, wordsOf } from './json.ts'
import { emptyPart, type Model, type ModelField, type ModelWarning } from './model.ts'
import { cleanSchema } from './schema.ts'
import { assembled } from './wot-reuse.ts'

/**
 * A WoT Thing Model 1.1: properties (`readOnly`: only the device reports them), actions as commands, events as telemetry. A property that may be read or observed
 * can come as telemetry too. A Thing Description is read in the same way, without its forms. MODEL_INVALID with the place.
 */
export function importWot(documents: readonly unknown[], placeholders: Readonly<Record<string, unknown>> = {}): Imported {
  const given = documents.map((document, i) => objectAt(document, documents.length > 1 ? `[${i}]` : ''))
  const types = [given[0]!['@type']].flat()
  if (!types.includes('tm:ThingModel') && !types.includes('Thing') && !isDescription(given[0]!))
    throw modelInvalid('@type', 'no tm:ThingModel')
  const warnings: ModelWarning[] = []
  const warn = (warning: ModelWarning): void => void warnings.push(warning)
  const { whole, bases } = assembled(given, placeholders)
  const part = emptyPart()
  for (const [name, event] of membersAt(whole.events, 'events')) {
    const path = at('events', nameAt(name, 'events'))
    const { data, unit } = objectAt(event, path)
    part.telemetry[name] = field(
      { ...(event as Json), unit: unit ?? (isObject(data) ? data.unit : undefined) },
      data ?? true,
      at(path, 'data'),
      warn,
    )
  }
  for (const [name, property] of membersAt(whole.properties, 'properties')) {
    const path = at('properties', nameAt(name, 'properties'))
    const element = objectAt(property, path)
    const read = field(element, element, path, warn)
    part.properties[name] = { ...read, writable: element.readOnly !== true }
    if (element.writeOnly !== true) part.telemetry[name] ??= read
  }
  for (const [name, action] of membersAt(whole.actions, 'actions')) {
    const path = at('actions', nameAt(name, 'actions'))
    const { input, output } = objectAt(action, path)
    part.commands[name] = {
      ...(input !== undefined && { request: cleanSchema(input, at(path, 'input'), warn) }),
      ...(output !== undefined && { response: cleanSchema(output, at(path, 'output'), warn) }),
    }
  }
  const title = wordsOf(whole.title)
  const model: Model = { source: 'wot', ...(title !== undefined && { title }), ...part, components: {}, defs: {}, extends: bases }
  const id = textOf(whole.id)
  const version = isObject(whole.version)
    ? textOf(whole.version.model ?? whole.version.instance)?.replace(/^v\.?/, '')
    : undefined
  return { ...(id !== undefined && { id }), ...(version !== undefined && { version }), model, warnings }
}

/** Older ones have no type. */
const isDescription = ({ '@context': context }: Json): boolean =>
  JSON.stringify(context ?? '').includes('/wot/td') || JSON.stringify(context ?? '').includes('www.w3.org/ns/td')

function field(element: Json, schema: unknown, path: string, warn: (warning: ModelWarning) => void): ModelField {
  const title = wordsOf(element.title)
  const unit = textOf(element.unit)
  return { schema: cleanSchema(schema, path, warn), ...(title !== undefined && { title }), ...(unit !== undefined && { unit }) }
}
