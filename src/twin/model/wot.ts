import type { Imported } from './dtdl.ts'
import { at, isObject, type Json, membersAt, modelInvalid, nameAt, objectAt, textOf, wordsOf } from './json.ts'
import { emptyPart, type Model, type ModelField, type ModelPart, type ModelWarning } from './model.ts'
import { cleanSchema } from './schema.ts'
import { assembled } from './wot-reuse.ts'

/**
 * A WoT Thing Model 1.1: properties (`readOnly`: only the device reports them), actions as commands, events as telemetry. A property that may be read or observed
 * can come as telemetry too. Submodels (`tm:submodel`) are components by their `instanceName`. A Thing Description is read in the same way, without its forms.
 * MODEL_INVALID with the place.
 */
export function importWot(documents: readonly unknown[], placeholders: Readonly<Record<string, unknown>> = {}): Imported {
  const given = documents.map((document, i) => objectAt(document, documents.length > 1 ? `[${i}]` : ''))
  const types = [given[0]!['@type']].flat()
  if (!types.includes('tm:ThingModel') && !types.includes('Thing') && !isDescription(given[0]!))
    throw modelInvalid('@type', 'no tm:ThingModel')
  const warnings: ModelWarning[] = []
  const warn = (warning: ModelWarning): void => void warnings.push(warning)
  const { whole, bases } = assembled(given, placeholders)
  const part = partOf(whole, '', warn)
  const components: Record<string, ModelPart> = {}
  for (const { path, href, instanceName } of submodelsOf(whole, '')) {
    const index = given.findIndex(({ id }) => id === href)
    if (instanceName === undefined || index < 0) {
      const why = index < 0 ? 'is not in the document: give it in the same array, with that id' : 'has no instanceName'
      warn({ path, message: `submodel ${JSON.stringify(href.slice(0, 60))} ${why}` })
      continue
    }
    const sub = assembled(given, placeholders, index).whole
    components[nameAt(instanceName, path)] = partOf(sub, `[${index}]`, warn)
    for (const inner of submodelsOf(sub, `[${index}]`)) warn({ path: inner.path, message: 'a component has none of its own' })
  }
  const title = wordsOf(whole.title)
  const model: Model = { source: 'wot', ...(title !== undefined && { title }), ...part, components, defs: {}, extends: bases }
  const id = textOf(whole.id)
  const version = isObject(whole.version)
    ? textOf(whole.version.model ?? whole.version.instance)?.replace(/^v\.?/, '')
    : undefined
  return { ...(id !== undefined && { id }), ...(version !== undefined && { version }), model, warnings }
}

function partOf(whole: Json, root: string, warn: (warning: ModelWarning) => void): ModelPart {
  const part = emptyPart()
  const members = (section: string): [name: string, element: Json, path: string][] => {
    const place = at(root, section)
    return membersAt(whole[section], place).map(([name, member]) => {
      const path = at(place, nameAt(name, place))
      return [name, objectAt(member, path), path]
    })
  }
  for (const [name, event, path] of members('events')) {
    const { data, unit } = event
    const read = { ...event, unit: unit ?? (isObject(data) ? data.unit : undefined) }
    part.telemetry[name] = field(read, data ?? true, at(path, 'data'), warn)
  }
  for (const [name, element, path] of members('properties')) {
    const read = field(element, element, path, warn)
    part.properties[name] = { ...read, writable: element.readOnly !== true }
    if (element.writeOnly !== true) part.telemetry[name] ??= read
  }
  for (const [name, { input, output }, path] of members('actions'))
    part.commands[name] = {
      ...(input !== undefined && { request: cleanSchema(input, at(path, 'input'), warn) }),
      ...(output !== undefined && { response: cleanSchema(output, at(path, 'output'), warn) }),
    }
  return part
}

function* submodelsOf({ links }: Json, root: string): Generator<{ path: string; href: string; instanceName?: string }> {
  for (const [i, link] of (Array.isArray(links) ? links : []).entries()) {
    if (!isObject(link) || link.rel !== 'tm:submodel') continue
    const instanceName = textOf(link.instanceName)
    yield { path: at(at(root, 'links'), i), href: String(link.href), ...(instanceName !== undefined && { instanceName }) }
  }
}

/** Older ones have no type. */
const isDescription = ({ '@context': context }: Json): boolean =>
  JSON.stringify(context ?? '').includes('/wot/td') || JSON.stringify(context ?? '').includes('www.w3.org/ns/td')

function field(element: Json, schema: unknown, path: string, warn: (warning: ModelWarning) => void): ModelField {
  const title = wordsOf(element.title)
  const unit = textOf(element.unit)
  return { schema: cleanSchema(schema, path, warn), ...(title !== undefined && { title }), ...(unit !== undefined && { unit }) }
}
