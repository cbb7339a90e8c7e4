import { LoomError } from '../errors.ts'
import type { FleetDoc } from './fleet-doc.ts'
import { keyOfPath } from './fleet-keys.ts'
import type { FleetCondition, FleetPath } from './fleet-query/ast.ts'
import { compileQuery, type FleetMemberships, type FleetPredicate, groupsReadBy, pathsOf } from './fleet-query/compile.ts'

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
  /** groups it asks for */
  reads: string[]
  members: Set<string>
  /** what it reads is not kept: nobody joins, and nobody leaves but devices that are gone */
  suspended: boolean
  /** those it asks for have lower ones */
  rank: number
}

/** Which devices are in which dynamic groups. A change of a device is looked at by the groups that read what changed, and by those that ask for their members. */
export class Memberships implements FleetMemberships {
  readonly #groups = new Map<string, DynamicGroup>()
  readonly #byKey = new Map<string, Set<DynamicGroup>>()
  readonly #readers = new Map<string, Set<DynamicGroup>>()

  get size(): number {
    return this.#groups.size
  }

  has(group: string): boolean {
    return this.#groups.has(group)
  }

  isMember(group: string, device: string): boolean {
    return this.#groups.get(group)?.members.has(device) ?? false
  }

  membersOf(group: string): ReadonlySet<string> {
    return this.#groups.get(group)?.members ?? new Set()
  }

  groupsOf(device: string): string[] {
    return [...this.#groups.values()].filter(({ members }) => members.has(device)).map(({ id }) => id)
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
    const members = this.#groups.get(id)?.members ?? new Set<string>()
    this.#unlink(id)
    const paths = pathsOf(condition)
    const keys = [...new Set(paths.map(keyOfPath))]
    const group = {
      id,
      predicate: compileQuery(condition, this),
      paths,
      keys,
      reads: groupsReadBy(condition),
      members,
      rank: 0,
      suspended: false,
    }
    this.#groups.set(id, group)
    for (const key of keys) linked(this.#byKey, key).add(group)
    for (const read of group.reads) linked(this.#readers, read).add(group)
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
    this.#groups.get(group)?.members.add(device)
  }

  /** It had no members left. */
  remove(id: string): void {
    this.#unlink(id)
    this.#groups.delete(id)
    this.#rank()
  }

  /** The group no longer has the device, and what that means for groups that ask for it. */
  takeOut(group: string, device: string, doc: FleetDoc | undefined): Transition[] {
    if (!this.#groups.get(group)?.members.delete(device)) return []
    return [{ group, device, event: 'leave' }, ...this.#settle(device, doc, new Set(this.#readers.get(group)))]
  }

  /** One device and one group. */
  look(group: string, doc: FleetDoc): Transition[] {
    const found = this.#groups.get(group)
    return found ? this.#settle(doc.id, doc, new Set([found])) : []
  }

  /** A device has changed; undefined: it is gone. */
  changed(device: string, doc: FleetDoc | undefined, keys: readonly string[] | 'all'): Transition[] {
    const due = new Set<DynamicGroup>()
    if (keys === 'all') for (const group of this.#groups.values()) due.add(group)
    else for (const key of keys) for (const group of this.#byKey.get(key) ?? []) due.add(group)
    return due.size ? this.#settle(device, doc, due) : []
  }

  /** Groups that others ask for come first, so that each is looked at once. */
  #settle(device: string, doc: FleetDoc | undefined, due: Set<DynamicGroup>): Transition[] {
    const found: Transition[] = []
    while (due.size) {
      let next: DynamicGroup | undefined
      for (const group of due) if (!next || group.rank < next.rank) next = group
      due.delete(next!)
      const { id, members, predicate, suspended } = next!
      if (suspended && doc) continue
      const is = doc !== undefined && predicate(doc)
      if (is === members.has(device)) continue
      if (is) members.add(device)
      else members.delete(device)
      found.push({ group: id, device, event: is ? 'join' : 'leave' })
      for (const reader of this.#readers.get(id) ?? []) due.add(reader)
    }
    return found
  }

  #unlink(id: string): void {
    const group = this.#groups.get(id)
    if (!group) return
    for (const key of group.keys) unlinked(this.#byKey, key, group)
    for (const read of group.reads) unlinked(this.#readers, read, group)
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

function linked(map: Map<string, Set<DynamicGroup>>, key: string): Set<DynamicGroup> {
  const found = map.get(key) ?? new Set()
  map.set(key, found)
  return found
}

function unlinked(map: Map<string, Set<DynamicGroup>>, key: string, group: DynamicGroup): void {
  const found = map.get(key)
  if (found?.delete(group) && !found.size) map.delete(key)
}
