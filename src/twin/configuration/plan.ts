import { isSection, own, sameJson, type TwinSection } from '../json.ts'
import { patchBetween } from '../merge.ts'
import { type Effective, prefixesOf, type Wanted } from './effective.ts'
import { pathOfPointer, valueAt, withoutValue, withValue } from './paths.ts'

/** What a configuration has set in a twin. */
export interface AppliedPath {
  value: unknown
  /** the configuration */
  by: string
  version: number
  /** so many objects on the way to it were there before */
  base: number
  /** The value was there before as well: it stays when the configuration no longer applies. */
  found?: true
}

/** By JSON pointer. */
export type Applied = Readonly<Record<string, AppliedPath>>

export interface ConfigurationPlan {
  /** a merge patch for `desired`; absent if it is as it should be */
  patch?: TwinSection
  /** desired after the patch */
  desired: TwinSection
  /** the record after it */
  applied: Applied
  /** whether there is anything to write */
  changed: boolean
}

/**
 * What makes a twin as its configurations want it. They own the paths they set while they apply: another value there is set back. What no configuration wants any more is
 * removed if it is still what was set, and with it the objects that were made for it; what someone else has changed since stays, and so does what was there before.
 */
export function planConfigurations(
  applied: Applied,
  { wanted }: Pick<Effective, 'wanted'>,
  desired: TwinSection,
): ConfigurationPlan {
  let target = desired
  for (const pointer of Object.keys(applied)) {
    if (wanted.has(pointer)) continue
    const { value, base, found } = applied[pointer]!
    const path = pathOfPointer(pointer)
    const now = valueAt(target, path)
    if (found) continue
    // Gone by another's hand: the objects made for it may be left
    if (now === undefined) target = pruned(target, path.slice(0, -1), base)
    else if (sameJson(now, value)) target = withoutValue(target, path, base)
  }
  const ours = objectsMade(applied)
  const record: Record<string, AppliedPath> = {}
  for (const one of wanted.values()) {
    record[one.pointer] = recordOf(one, own(applied, one.pointer), desired, ours)
    if (!sameJson(valueAt(target, one.path), one.value)) target = withValue(target, one.path, one.value)
  }
  const patch = patchBetween(desired, target)
  const written = Object.keys(patch).length > 0
  return {
    ...(written && { patch }),
    desired: target,
    applied: record,
    changed: written || !sameRecord(applied, record),
  }
}

function recordOf(
  { path, value, by, version }: Wanted,
  before: AppliedPath | undefined,
  desired: TwinSection,
  ours: ReadonlySet<string>,
): AppliedPath {
  const now = valueAt(desired, path)
  const there = now !== undefined && sameJson(now, value)
  if (before && now !== undefined && sameJson(now, before.value)) {
    const { base, found } = before
    return { value, by, version: there && by === before.by ? before.version : version, base, ...(found && there && { found }) }
  }
  if (there) return { value, by, version, base: path.length, found: true }
  const ways = prefixesOf(path)
  const first = ways.findIndex((way, at) => ours.has(way) || !isSection(valueAt(desired, path.slice(0, at + 1))))
  return { value, by, version, base: first < 0 ? ways.length : first }
}

/** Pointers of the objects that are in the twin for the sake of what was set. */
function objectsMade(applied: Applied): Set<string> {
  const made = new Set<string>()
  for (const pointer of Object.keys(applied))
    for (const way of prefixesOf(pathOfPointer(pointer)).slice(applied[pointer]!.base)) made.add(way)
  return made
}

function pruned(section: TwinSection, path: readonly string[], base: number): TwinSection {
  if (path.length <= base) return section
  const inner = valueAt(section, path)
  if (inner === undefined) return pruned(section, path.slice(0, -1), base)
  return isSection(inner) && !Object.keys(inner).length ? withoutValue(section, path, base) : section
}

function sameRecord(a: Applied, b: Applied): boolean {
  const pointers = Object.keys(a)
  return (
    pointers.length === Object.keys(b).length &&
    pointers.every(pointer => {
      const [one, other] = [a[pointer]!, own(b, pointer)]
      return other && one.by === other.by && one.found === other.found && sameJson(one.value, other.value)
    })
  )
}
