import { at, isObject, type Json, modelInvalid, textOf } from './json.ts'

const depthLimit = 32
const sizeLimit = 20_000
/** Texts for people may keep their placeholders. */
const words = new Set(['title', 'titles', 'description', 'descriptions', 'support', 'base', 'href', 'created', 'modified'])

/**
 * A Thing Model with everything in place: placeholders filled in, `tm:ref` replaced by what it names with the members beside it on top, models it extends below it
 * (WoT Thing Description 1.1, 10.3). What is named must be in one of `documents`, by its `id`; `main` is the index of the model itself. MODEL_INVALID with the place.
 */
export function assembled(
  documents: readonly Json[],
  placeholders: Readonly<Record<string, unknown>>,
  main = 0,
): { whole: Json; bases: string[] } {
  const byId = new Map(documents.flatMap(document => (typeof document.id === 'string' ? [[document.id, document] as const] : [])))
  const bases: string[] = []
  let size = 0

  const documentOf = (href: string, path: string): Json => {
    const found = byId.get(href)
    if (found) return found
    throw modelInvalid(
      path,
      `${JSON.stringify(href.slice(0, 100))} is another document`,
      'give it in the same array, with that id',
    )
  }
  const place = (value: unknown, root: Json, path: string, depth: number, open: readonly string[]): unknown => {
    if (depth > depthLimit) throw modelInvalid(path, `deeper than ${depthLimit} levels`)
    if (++size > sizeLimit) throw modelInvalid(path, `more than ${sizeLimit} members`)
    if (typeof value === 'string') return filled(value, placeholders, path)
    if (Array.isArray(value)) return value.map((item, i) => place(item, root, at(path, i), depth + 1, open))
    if (!isObject(value)) return value
    const { 'tm:ref': ref, ...rest } = value
    const members = Object.fromEntries(
      Object.entries(rest).map(([key, member]) => [
        key,
        words.has(key) && !isObject(member) ? member : place(member, root, at(path, key), depth + 1, open),
      ]),
    )
    if (ref === undefined) return members
    const where = at(path, 'tm:ref')
    const [href = '', pointer] = String(ref).split('#')
    if (pointer === undefined) throw modelInvalid(where, 'a JSON pointer after # is missing')
    const target = href ? documentOf(href, where) : root
    const name = `${textOf(target.id) ?? ''}#${pointer}`
    if (open.includes(name)) throw modelInvalid(where, 'a model refers back to itself')
    return onTop(place(pointed(target, pointer, where), target, where, depth + 1, [...open, name]), members)
  }
  const extended = (document: Json, path: string, open: readonly Json[]): Json => {
    if (open.includes(document) || open.length > 10)
      throw modelInvalid(path, 'models extend each other in a circle, or over 10 levels')
    let whole = place(document, document, path, 0, []) as Json
    const links = Array.isArray(document.links) ? document.links : []
    links.forEach((link, i) => {
      if (!isObject(link) || link.rel !== 'tm:extends') return
      const where = at(at(at(path, 'links'), i), 'href')
      const href = String(link.href)
      const base = documentOf(href, where)
      bases.push(href)
      whole = onTop(extended(base, where, [...open, document]), whole) as Json
    })
    return whole
  }
  return { whole: extended(documents[main]!, documents.length > 1 ? `[${main}]` : '', []), bases }
}

/** RFC 7396 without the removal of nulls at places where there is nothing to remove. */
function onTop(below: unknown, above: unknown): unknown {
  if (!isObject(below) || !isObject(above)) return above
  const merged: Json = { ...below }
  for (const [key, value] of Object.entries(above)) {
    if (value === null) delete merged[key]
    else merged[key] = onTop(Object.hasOwn(below, key) ? below[key] : undefined, value)
  }
  return merged
}

function pointed(document: Json, pointer: string, path: string): unknown {
  let found: unknown = document
  for (const part of pointer.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~')
    found = isObject(found) && Object.hasOwn(found, key) ? found[key] : undefined
  }
  if (found === undefined) throw modelInvalid(path, `there is nothing at #${pointer.slice(0, 100)}`)
  return found
}

/** `{{NAME}}`: a text that is nothing else becomes the value itself. */
function filled(text: string, placeholders: Readonly<Record<string, unknown>>, path: string): unknown {
  if (!text.includes('{{')) return text
  const fillIn = (name: string): unknown => {
    if (Object.hasOwn(placeholders, name)) return placeholders[name]
    throw modelInvalid(path, `placeholder ${JSON.stringify(name.slice(0, 60))} has no value`, 'give it in placeholders')
  }
  const only = /^\{\{([^{}]{1,100})\}\}$/.exec(text)?.[1]
  if (only !== undefined) return fillIn(only)
  return text.replace(/\{\{([^{}]{1,100})\}\}/g, (_, name: string) => String(fillIn(name)))
}
