import type { FleetDoc, FleetTwin } from './fleet-doc.ts'
import type { FleetPath } from './fleet-query/ast.ts'

/** JSON of the parts of a document. */
export interface PartSizes {
  attributes: number
  tags: number
  desired: number
  reported: number
  shadows: number
  total: number
}

/** Of the members that have one value each, with some room. */
const fixedBytes = 200

const jsonBytes = (value: unknown): number => JSON.stringify(value).length

/** Parts that are the same objects as before are not measured again. */
export function bytesOf(doc: FleetDoc, before: FleetDoc | undefined, sizes: PartSizes | undefined): PartSizes {
  const part = (name: keyof PartSizes, value: unknown, was: unknown): number =>
    sizes && value === was ? sizes[name] : jsonBytes(value)
  const attributes = part('attributes', doc.attributes, before?.attributes)
  const tags = part('tags', doc.tags, before?.tags)
  const desired = part('desired', doc.twin.desired, before?.twin.desired)
  const reported = part('reported', doc.twin.reported, before?.twin.reported)
  const shadows = part('shadows', doc.shadows, before?.shadows)
  return { attributes, tags, desired, reported, shadows, total: fixedBytes + attributes + tags + desired + reported + shadows }
}

const startsWith = (path: FleetPath, start: FleetPath): boolean => start.every((name, i) => path[i] === name)

/** Whether a path is in what is kept of twins, or no part of them at all. */
export function isKept(path: FleetPath, declared: readonly FleetPath[]): boolean {
  const [root, second, third] = path
  if (root === 'twin' && second !== undefined && second !== 'hasDelta') return declared.some(one => startsWith(path, one))
  if (root === 'shadows' && third !== undefined && third !== 'hasDelta') return declared.some(one => startsWith(path, one))
  return true
}

/** The document with what is declared of its twins. */
export function keptOf(doc: FleetDoc, declared: readonly FleetPath[]): FleetDoc {
  const twinOf = (twin: FleetTwin, place: FleetPath): FleetTwin => ({
    desired: partOf(twin.desired, [...place, 'desired'], declared),
    reported: partOf(twin.reported, [...place, 'reported'], declared),
    hasDelta: twin.hasDelta,
    ...(twin.etag !== undefined && { etag: twin.etag }),
  })
  return {
    ...doc,
    twin: twinOf(doc.twin, ['twin']),
    shadows: Object.fromEntries(Object.entries(doc.shadows).map(([name, twin]) => [name, twinOf(twin, ['shadows', name])])),
  }
}

function partOf(
  section: Readonly<Record<string, unknown>>,
  place: FleetPath,
  declared: readonly FleetPath[],
): Readonly<Record<string, unknown>> {
  const inside = declared.filter(one => one.length > place.length && startsWith(one, place)).map(one => one.slice(place.length))
  if (declared.some(one => startsWith(place, one))) return section
  const kept: [string, unknown][] = []
  for (const [name, value] of Object.entries(section)) {
    if (inside.some(([first, more]) => first === name && more === undefined)) kept.push([name, value])
    else if (inside.some(([first]) => first === name) && typeof value === 'object' && value !== null && !Array.isArray(value))
      kept.push([name, partOf(value as Record<string, unknown>, [...place, name], declared)])
  }
  return Object.fromEntries(kept)
}
