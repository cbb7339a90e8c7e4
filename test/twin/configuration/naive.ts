import { isDeepStrictEqual } from 'node:util'
import { inShare } from '../../../src/twin/configuration/share.ts'

/** Values by pointer without objects around them: what a test can hold in its head. */
export type Flat = Map<string, unknown>

export interface NaiveConfiguration {
  id: string
  priority: number
  createdAt: number
  canary?: number
  group: string
  values: Flat
}

export interface NaiveDevice {
  groups: Set<string>
  desired: Flat
  reported: Flat
  /** its twin takes no change of a configuration */
  refuses: boolean
  ours: Map<string, { value: unknown; found: boolean; by: string }>
}

const clash = (a: string, b: string): boolean => a === b || a.startsWith(`${b}/`) || b.startsWith(`${a}/`)

/** A value at a pointer, in place of what is above or below. */
export function setFlat(flat: Flat, pointer: string, value: unknown): void {
  for (const other of [...flat.keys()]) if (clash(other, pointer)) flat.delete(other)
  flat.set(pointer, value)
}

export const treeOf = (flat: Flat): Record<string, unknown> => {
  const tree: Record<string, any> = {}
  for (const [pointer, value] of flat) {
    const names = pointer.slice(1).split('/')
    let at = tree
    for (const name of names.slice(0, -1)) at = at[name] ??= {}
    at[names.at(-1)!] = value
  }
  return tree
}

const matching = (device: string, { groups }: NaiveDevice, all: Iterable<NaiveConfiguration>) =>
  [...all]
    .filter(({ group }) => groups.has(group))
    .map(one => ({ ...one, shared: one.canary === undefined || inShare(one.id, device, one.canary) }))

const winners = (shared: NaiveConfiguration[]): Map<string, { by: string; value: unknown }> => {
  const won = new Map<string, { by: string; value: unknown }>()
  const order = shared.toSorted((a, b) => b.priority - a.priority || b.createdAt - a.createdAt || (a.id < b.id ? -1 : 1))
  for (const { id, values } of order) {
    const free = [...values].filter(([pointer]) => ![...won].some(([taken, { by }]) => by !== id && clash(taken, pointer)))
    for (const [pointer, value] of free) won.set(pointer, { by: id, value })
  }
  return won
}

/** Brings a device to what its configurations want, from scratch. */
export function settleNaive(id: string, device: NaiveDevice, all: Iterable<NaiveConfiguration>): void {
  if (device.refuses) return
  const won = winners(matching(id, device, all).filter(({ shared }) => shared))
  const before = new Map(device.desired)
  const ours = new Map(device.ours)
  for (const [pointer, { value, found }] of ours)
    if (!won.has(pointer) && !found && isDeepStrictEqual(before.get(pointer), value)) device.desired.delete(pointer)
  device.ours.clear()
  for (const [pointer, { value, by }] of won) {
    const was = ours.get(pointer)
    const untouched = was !== undefined && isDeepStrictEqual(before.get(pointer), was.value)
    const there = isDeepStrictEqual(before.get(pointer), value)
    device.ours.set(pointer, { value, by, found: there && (untouched ? was.found : true) })
    if (!isDeepStrictEqual(device.desired.get(pointer), value)) setFlat(device.desired, pointer, value)
  }
}

export function countNaive(configuration: string, devices: ReadonlyMap<string, NaiveDevice>, all: readonly NaiveConfiguration[]) {
  const counts = { held: 0, pending: 0, failed: 0, overruled: 0, applied: 0, converged: 0, targeted: 0, conflicts: 0 }
  for (const [id, device] of devices) {
    const found = matching(id, device, all)
    const one = found.find(other => other.id === configuration)
    if (!one) continue
    counts.targeted++
    if (!one.shared) {
      counts.held++
      continue
    }
    const won = winners(found.filter(({ shared }) => shared))
    const wins = [...one.values].filter(([pointer]) => won.get(pointer)?.by === configuration)
    counts.conflicts += one.values.size - wins.length
    const placed = wins.every(
      ([pointer, value]) =>
        device.ours.get(pointer)?.by === configuration && isDeepStrictEqual(device.desired.get(pointer), value),
    )
    if (!wins.length) counts.overruled++
    else if (!placed) counts[device.refuses ? 'failed' : 'pending']++
    else {
      counts.applied++
      if (wins.every(([pointer, value]) => isDeepStrictEqual(device.reported.get(pointer), value))) counts.converged++
    }
  }
  return counts
}
