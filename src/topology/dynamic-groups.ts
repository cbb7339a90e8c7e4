import { LoomError } from '../errors.ts'
import type { StateStore, Write } from '../storage/state-store.ts'
import {
  causeOf,
  type DynamicGroup,
  type DynamicGroupView,
  dynamicGroupMissing,
  keptQuery,
  maxDynamicGroups,
} from './dynamic-group.ts'
import type { FleetDoc } from './fleet-doc.ts'
import type { FleetIndex } from './fleet-index.ts'
import type { FleetCondition } from './fleet-query/ast.ts'
import { pathsOf } from './fleet-query/compile.ts'
import { type FleetQueryText, parseCondition } from './fleet-query/parse-query.ts'
import { checkGroupId } from './group.ts'
import { type DeviceMembership, MembershipWriter } from './membership-writer.ts'
import { Memberships, type Transition } from './memberships.ts'

const coll = 'fleet_groups'

export interface DynamicGroupsParts {
  store: StateStore
  index: Pick<FleetIndex, 'get' | 'scan' | 'check' | 'holds'>
  now: () => number
  /** The write that tells flows of it. */
  told(event: DeviceMembership): Write
  /** Events are on disk. */
  written(): void
  failed(error: unknown): void
  /** whether a static group has that id */
  isStatic(id: string): Promise<boolean>
}

interface Written {
  by?: string
  /** further writes of the same transaction */
  also?: readonly Write[]
}

/** Groups whose members are found by a query. It must be the only writer of its collections. */
export class DynamicGroups {
  readonly memberships = new Memberships()
  readonly #parts: DynamicGroupsParts
  readonly #writer: MembershipWriter
  readonly #known = new Map<string, { doc: DynamicGroup; version: number }>()
  #queue: Promise<unknown> = Promise.resolve()
  #live = false

  private constructor(parts: DynamicGroupsParts) {
    this.#parts = parts
    this.#writer = new MembershipWriter(parts)
  }

  static async open(parts: DynamicGroupsParts): Promise<DynamicGroups> {
    const groups = new DynamicGroups(parts)
    await parts.store.declare(coll, {})
    const { items } = await parts.store.query<DynamicGroup>(coll, { limit: maxDynamicGroups })
    for (const { id, doc, version } of items) {
      groups.#known.set(id, { doc, version })
      groups.memberships.define(id, parseCondition(doc))
    }
    await groups.#writer.open((group, device) => groups.memberships.restore(group, device))
    return groups
  }

  /** Every device is in the index: looks who joined or left since the hub stopped, and follows changes from now on. */
  async start(): Promise<void> {
    this.#live = true
    this.reduced()
    const gone = [...this.#writer.stored.keys()].filter(device => !this.#parts.index.get(device))
    for (const device of gone) this.#tell(this.memberships.changed(device, undefined, 'all'), 'deleted')
    // Of a group that was being deleted when the hub stopped
    for (const [device, groups] of this.#writer.stored)
      for (const group of groups) if (!this.#known.has(group)) this.#tell([{ group, device, event: 'leave' }], 'query')
    await this.#parts.index.scan(doc => this.#tell(this.memberships.changed(doc.id, doc, 'all'), 'start'))
    await this.#flushed()
  }

  /** A device has changed; undefined: it is gone. */
  changed(device: string, doc: FleetDoc | undefined, keys: readonly string[] | 'all'): void {
    if (!this.#live) return
    const found = this.memberships.changed(device, doc, keys)
    if (!found.length) return
    this.#tell(found, causeOf(keys, doc !== undefined))
    void this.#flushed()
  }

  /** The index may hold less than before. */
  reduced(): void {
    for (const id of this.#known.keys())
      if (!this.memberships.pathsOf(id).every(path => this.#parts.index.holds(path))) this.memberships.suspend(id)
  }

  /** Writes what could not be written before. */
  flush(): Promise<void> {
    return this.#writer.flush()
  }

  has(id: string): boolean {
    return this.#known.has(id)
  }

  get(id: string): DynamicGroupView | undefined {
    return this.#known.has(id) ? this.#viewOf(id) : undefined
  }

  /** By id. */
  list(): DynamicGroupView[] {
    return [...this.#known.keys()].sort().map(id => this.#viewOf(id))
  }

  /** GROUP_INVALID, GROUP_EXISTS, GROUP_LIMIT, ENTITY_CYCLE, QUERY_SYNTAX, QUERY_LIMIT. Resolves when its members are on disk. */
  create(o: { id: string; description?: string; query: FleetQueryText } & Written): Promise<DynamicGroupView> {
    const { id, description, query, ...written } = o
    return this.#inOrder(async () => {
      checkGroupId(id)
      if (this.#known.has(id) || (await this.#parts.isStatic(id))) throw new LoomError('GROUP_EXISTS', `"${id}"`)
      if (this.#known.size >= maxDynamicGroups) throw new LoomError('GROUP_LIMIT', `there are ${maxDynamicGroups} dynamic groups`)
      const at = this.#parts.now()
      const doc = { ...keptQuery(query), ...(description !== undefined && { description }), createdAt: at, updatedAt: at }
      await this.#put(id, doc, this.#checked(id, query), 'new', written)
      return this.#viewOf(id)
    })
  }

  /** GROUP_NOT_FOUND, GROUP_CONFLICT if `etag` is not the current one, and the codes of `create`. */
  update(id: string, o: { description?: string; query?: FleetQueryText; etag?: string } & Written): Promise<DynamicGroupView> {
    const { description, query, etag, ...written } = o
    return this.#inOrder(async () => {
      const { doc: before, version } = this.#found(id, etag)
      const { dialect, text, ast, ...others } = before
      const asked = query ? keptQuery(query) : keptQuery({ dialect, ...(text !== undefined && { text }), ast })
      const doc = { ...others, ...asked, ...(description !== undefined && { description }), updatedAt: this.#parts.now() }
      await this.#put(id, doc, query && this.#checked(id, query), version, written)
      return this.#viewOf(id)
    })
  }

  /** Its members leave. GROUP_NOT_FOUND, GROUP_CONFLICT. */
  delete(id: string, { etag, by, also = [] }: { etag?: string } & Written = {}): Promise<void> {
    return this.#inOrder(async () => {
      const { version } = this.#found(id, etag)
      await this.#parts.store.tx([{ op: 'delete', coll, id, version }, ...also], by === undefined ? {} : { by })
      this.#known.delete(id)
      for (const device of this.memberships.membersOf(id))
        this.#tell(this.memberships.takeOut(id, device, this.#parts.index.get(device)), 'query')
      this.memberships.remove(id)
      await this.#flushed()
    })
  }

  #found(id: string, etag: string | undefined) {
    const known = this.#known.get(id)
    if (!known) throw dynamicGroupMissing(id)
    if (etag !== undefined && etag !== String(known.version))
      throw new LoomError('GROUP_CONFLICT', `"${id}" has etag ${known.version}`, { hint: 'read the group again and repeat' })
    return known
  }

  #checked(id: string, query: FleetQueryText): FleetCondition {
    const condition = parseCondition(query)
    this.memberships.checkCycle(id, condition)
    this.#parts.index.check(pathsOf(condition))
    return condition
  }

  async #put(
    id: string,
    doc: DynamicGroup,
    condition: FleetCondition | undefined,
    expected: number | 'new',
    { by, also = [] }: Written,
  ): Promise<void> {
    const write: Write = { op: 'put', coll, id, doc, version: expected }
    const [version = 0] = await this.#parts.store.tx([write, ...also], by === undefined ? {} : { by })
    this.#known.set(id, { doc, version })
    if (!condition) return
    this.memberships.define(id, condition)
    if (!this.#live) return
    await this.#parts.index.scan(device => this.#tell(this.memberships.look(id, device), 'query'))
    await this.#flushed()
  }

  #viewOf(id: string): DynamicGroupView {
    const { doc, version } = this.#known.get(id)!
    return {
      id,
      ...doc,
      members: this.memberships.countOf(id),
      ...(this.memberships.isSuspended(id) && { suspended: true }),
      etag: String(version),
    }
  }

  #tell(found: readonly Transition[], cause: string): void {
    if (!found.length) return
    const at = this.#parts.now()
    this.#writer.add(found.map(transition => ({ ...transition, cause, at })))
  }

  /** What cannot be written now is kept and tried again; it is in memory already. */
  #flushed(): Promise<void> {
    return this.#writer.flush().then(this.#parts.written, this.#parts.failed)
  }

  #inOrder<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work)
    this.#queue = turn.catch(() => {})
    return turn
  }
}
