import { LoomError } from '../errors.ts'
import type { FleetDoc } from './fleet-doc.ts'
import { keyOfPath } from './fleet-keys.ts'
import type { FleetCondition, FleetPath } from './fleet-query/ast.ts'
import { compileQuery, type FleetMemberships, type FleetPredicate, groupsReadBy, pathsOf } from './fleet-query/compile.ts'
import { ByNeededValue, type NeededValue, neededBy } from './needed-value.ts'

export interface Transition {
  group: string
  device: string
  event: 'join' | 'leave'
}

interface DynamicGroup {
  id: string
  predicate: FleetPredicate
  paths: FleetPath[]
  keys: string[]
  needed: NeededValue | undefined
  /** groups it asks for */
  reads: string[]
  /** devices in it */
  count: number
  /** what it reads is not kept: nobody joins, and nobody leaves but devices that are gone */
  suspended: boolean
  /** those it asks for have lower ones */
  rank: number
  /** the last time it was noted to be looked at */
  look: number
}

/** The key of all groups. */
const everything = ''

/**
 * Which devices are in which dynamic groups. A change of a device is looked at by the groups that read what changed and that it is in or may be in by its values, and by those that ask for their
 * members.
 */
export class Memberships implements FleetMemberships {
  readonly #groups = new Map<string, DynamicGroup>()
  /** By device: a change asks one device about many groups, and many sets of all devices would each be far apart in memory. */
  readonly #groupsOf = new Map<string, Set<DynamicGroup>>()
  readonly #byKey = new Map<string, ByNeededValue<DynamicGroup>>()
  readonly #readers = new Map<string, Set<DynamicGroup>>()
  #looks = 0

  get size(): number {
    return this.#groups.size
  }

  has(group: string): boolean {
    return this.#groups.has(group)
  }

  isMember(group: string, device: string): boolean {
    const found = this.#groups.get(group)
    return found !== undefined && this.#groupsOf.get(device)?.has(found) === true
  }

  countOf(group: string): number {
    return this.#groups.get(group)?.count ?? 0
  }

  /** Looks at every device that is in some group. */
  membersOf(group: string): string[] {
    const found = this.#groups.get(group)
    return found ? [...this.#groupsOf].filter(([, groups]) => groups.has(found)).map(([device]) => device) : []
  }

  groupsOf(device: string): string[] {
    return [...(this.#groupsOf.get(device) ?? [])].map(({ id }) => id)
  }

  pathsOf(group: string): readonly FleetPath[] {
    return this.#groups.get(group)?.paths ?? []
  }

  /** ENTITY_CYCLE if the group asked for itself, directly or by way of others. */
  checkCycle(id: string, condition: FleetCondition): void {
    const seen = new Set<string>()
    const visit = (group: string, way: readonly string[]): void => {
      if (group === id) throw new LoomError('ENTITY_CYCLE', [...way, id].join(' asks for ').slice(0, 200))
      if (seen.has(group)) return
      seen.add(group)
      for (const next of this.#groups.get(group)?.reads ?? []) visit(next, [...way, group])
    }
    for (const group of groupsReadBy(condition)) visit(group, [id])
  }

  /** Another query for a group, or a new one; members stay until they are looked at. */
  define(id: string, condition: FleetCondition): void {
    this.#unlink(id)
    const paths = pathsOf(condition)
    const keys = [...new Set(paths.map(keyOfPath))]
    const [needed, reads] = [neededBy(condition), groupsReadBy(condition)]
    const query = { predicate: compileQuery(condition, this), paths, keys, needed, reads, suspended: false }
    // The object stays the same: devices know it as the group that they are in
    const group = Object.assign(this.#groups.get(id) ?? { id, count: 0, rank: 0, look: 0 }, query)
    this.#groups.set(id, group)
    for (const key of [everything, ...keys]) made(this.#byKey, key, () => new ByNeededValue<DynamicGroup>()).add(group, needed)
    for (const read of reads) made(this.#readers, read, () => new Set<DynamicGroup>()).add(group)
    this.#rank()
  }

  suspend(group: string): void {
    const found = this.#groups.get(group)
    if (found) found.suspended = true
  }

  isSuspended(group: string): boolean {
    return this.#groups.get(group)?.suspended ?? false
  }

  /** As it is known from before. */
  restore(group: string, device: string): void {
    const found = this.#groups.get(group)
    if (found && !this.isMember(group, device)) this.#join(found, device)
  }

  /** It had no members left. */
  remove(id: string): void {
    this.#unlink(id)
    this.#groups.delete(id)
    this.#rank()
  }

  /** The group no longer has the device, and what that means for groups that ask for it. */
  takeOut(group: string, device: string, doc: FleetDoc | undefined): Transition[] {
    const found = this.#groups.get(group)
    if (!found || !this.isMember(group, device)) return []
    this.#leave(found, device)
    return [{ group, device, event: 'leave' }, ...this.#settle(device, doc, this.#readers.get(group) ?? [])]
  }

  /** One device and one group. */
  look(group: string, doc: FleetDoc): Transition[] {
    const found = this.#groups.get(group)
    return found ? this.#settle(doc.id, doc, [found]) : []
  }

  /** A device has changed; undefined: it is gone. */
  changed(device: string, doc: FleetDoc | undefined, keys: readonly string[] | 'all'): Transition[] {
    const own = this.#groupsOf.get(device) ?? none
    const due: DynamicGroup[] = []
    for (const key of keys === 'all' ? [everything] : keys) {
      const groups = this.#byKey.get(key)
      if (!groups) continue
      for (const group of own) if (groups.has(group)) due.push(group)
      if (doc) groups.collect(doc, due)
    }
    return due.length ? this.#settle(device, doc, due) : []
  }

  /** Groups that others ask for come first, so that each is looked at once. */
  #settle(device: string, doc: FleetDoc | undefined, due: Iterable<DynamicGroup>): Transition[] {
    const found: Transition[] = []
    const byRank: DynamicGroup[][] = []
    const look = ++this.#looks
    const note = (group: DynamicGroup): void => {
      if (group.look === look) return
      group.look = look
      const same = byRank[group.rank]
      if (same) same.push(group)
      else byRank[group.rank] = [group]
    }
    for (const group of due) note(group)
    let own = this.#groupsOf.get(device)
    for (let rank = 0; rank < byRank.length; rank++) {
      for (const group of byRank[rank] ?? []) {
        if (group.suspended && doc) continue
        const is = doc !== undefined && group.predicate(doc)
        if (is === (own?.has(group) ?? false)) continue
        if (is) this.#join(group, device)
        else this.#leave(group, device)
        own = this.#groupsOf.get(device)
        found.push({ group: group.id, device, event: is ? 'join' : 'leave' })
        for (const reader of this.#readers.get(group.id) ?? []) note(reader)
      }
    }
    return found
  }

  #join(group: DynamicGroup, device: string): void {
    const groups = this.#groupsOf.get(device)
    if (groups) groups.add(group)
    else this.#groupsOf.set(device, new Set([group]))
    group.count++
  }

  #leave(group: DynamicGroup, device: string): void {
    const groups = this.#groupsOf.get(device)
    if (!groups?.delete(group)) return
    if (!groups.size) this.#groupsOf.delete(device)
    group.count--
  }

  #unlink(id: string): void {
    const group = this.#groups.get(id)
    if (!group) return
    for (const key of [everything, ...group.keys]) {
      const groups = this.#byKey.get(key)
      groups?.delete(group, group.needed)
      if (groups?.size === 0) this.#byKey.delete(key)
    }
    for (const read of group.reads) {
      const readers = this.#readers.get(read)
      readers?.delete(group)
      if (readers?.size === 0) this.#readers.delete(read)
    }
  }

  #rank(): void {
    const ranks = new Map<DynamicGroup, number>()
    const rankOf = (group: DynamicGroup): number => {
      const known = ranks.get(group)
      if (known !== undefined) return known
      ranks.set(group, 0)
      const below = group.reads.flatMap(read => this.#groups.get(read) ?? [])
      const rank = below.length ? 1 + Math.max(...below.map(rankOf)) : 0
      ranks.set(group, rank)
      return rank
    }
    for (const group of this.#groups.values()) group.rank = rankOf(group)
  }
}

const none: readonly never[] = []

function made<V>(map: Map<string, V>, key: string, make: () => V): V {
  const found = map.get(key) ?? make()
  map.set(key, found)
  return found
}
