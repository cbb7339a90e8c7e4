import { isSection, own, type TwinSection } from './json.ts'

/** Paths of values that were desired once and are not now, in the order in which they went. Devices that do not ask for their twin may hold them still. */
export type Gone = readonly (readonly string[])[]

/** Of the JSON of all paths of a twin; beyond it those that went first are forgotten. */
export const goneBytes = 8192

/** A document after a change of desired from `before`: with what is gone then. */
export function withGone<T extends { desired: TwinSection; gone?: Gone }>(doc: T, before: TwinSection): T {
  if (before === doc.desired) return doc
  const { gone: was = [], ...rest } = doc
  const gone = goneAfter(was, before, doc.desired)
  return (gone.length ? { ...rest, gone } : rest) as T
}

function goneAfter(gone: Gone, before: TwinSection, after: TwinSection): Gone {
  const lost = [...lostPaths(before, after, [])]
  const still = gone.filter(path => !has(after, path))
  return lost.length ? newest([...still, ...lost]) : still
}

/** All that is desired, and null for whatever else a device may hold: `had`, of which the names count. */
export function covering(had: TwinSection, desired: TwinSection): TwinSection {
  const patch: TwinSection = { ...desired }
  for (const key of Object.keys(had)) {
    const [was, is] = [had[key], own(desired, key)]
    if (is === undefined) patch[key] = null
    else if (isSection(was) && isSection(is)) patch[key] = covering(was, is)
  }
  return patch
}

/** Paths as a section with null for each of them. */
export function sectionOfGone(gone: Gone): TwinSection {
  const root: TwinSection = {}
  for (const path of gone) {
    let at = root
    for (const [depth, key] of path.entries()) {
      const is = own(at, key)
      if (isSection(is)) at = is
      else if (depth === path.length - 1) at[key] = null
      else at = at[key] = {}
    }
  }
  return root
}

function* lostPaths(was: unknown, is: unknown, path: readonly string[]): Generator<readonly string[]> {
  if (was === is) return
  const names = isSection(was) ? Object.keys(was) : []
  if (names.length === 0) {
    if (is === undefined) yield path
    return
  }
  const inner = isSection(is) ? is : undefined
  for (const key of names) yield* lostPaths((was as TwinSection)[key], own(inner, key), [...path, key])
}

function has(section: TwinSection, path: readonly string[]): boolean {
  let at: unknown = section
  for (const key of path) {
    if (!isSection(at) || !Object.hasOwn(at, key)) return false
    at = at[key]
  }
  return true
}

function newest(gone: Gone): Gone {
  let bytes = 2
  for (let at = gone.length - 1; at >= 0; at--) {
    bytes += Buffer.byteLength(JSON.stringify(gone[at])) + 1
    if (bytes > goneBytes) return gone.slice(at + 1)
  }
  return gone
}
