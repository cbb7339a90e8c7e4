import type { GroupChange } from '../topology/group.ts'
import type { FleetDoc } from '../topology/fleet-doc.ts'
import type { FleetIndex } from '../topology/fleet-index.ts'
import type { StoredTwin } from '../twin/stored-twin.ts'
import { devicesColl, twinsColl } from './devices.ts'
import { connectivityOf, describedOf, noTwin } from './fleet-doc-of.ts'
import { type Entity, type FleetSources, loadFleet, putTwin, withTwin } from './fleet-load.ts'
import type { HubEvent } from './hub.ts'
import { inBatches } from './in-batches.ts'
import type { TwinChange } from './twins.ts'

const batch = 200

/**
 * Keeps the fleet index like what is stored. Twins and connections are taken from their changes; of other changes only the device is noted, and what is stored of
 * it read again, so that the last of several counts.
 */
export class FleetFeed {
  readonly #sources: FleetSources
  readonly #index: FleetIndex
  readonly #failed: (error: unknown) => void
  readonly #dirty = new Set<string>()
  #work: Promise<void> | undefined
  #moves: Promise<void> = Promise.resolve()
  #loaded = false

  constructor(o: FleetSources & { index: FleetIndex; failed(error: unknown): void }) {
    this.#sources = o
    this.#index = o.index
    this.#failed = o.failed
  }

  async load(): Promise<void> {
    await loadFleet(this.#sources, this.#index)
    this.#loaded = true
    await this.settled()
  }

  told(event: HubEvent): void {
    if (event.type === 'credential') this.described(event.id)
    if (event.type !== 'device') return
    const { id, change, at, reason } = event
    if (change === 'deleted') this.#index.delete(id)
    if (change === 'created' || change === 'updated' || change === 'deleted') this.described(id)
    if (change === 'connected' || change === 'disconnected') this.#connection(id, at, reason)
  }

  #connection(id: string, at: number, reason: string | undefined): void {
    const doc = this.#index.get(id)
    if (!doc) return
    const connected = this.#sources.presence.isConnected(id)
    const { disconnectReason } = doc.connectivity
    const why = connected ? undefined : (reason ?? disconnectReason)
    this.#index.set({ ...doc, connectivity: { connected, timestamp: at, ...(why !== undefined && { disconnectReason: why }) } })
  }

  twinChanged(change: TwinChange): void {
    const twin = change.kind === 'update' ? change.update.doc : change.after
    putTwin(this.#index, twin)
  }

  /** Registry, tags, attributes, credentials or groups of a device are others. */
  described(id: string): void {
    this.#dirty.add(id)
    if (this.#loaded) void this.#start().catch(this.#failed)
  }

  groupsChanged(change: GroupChange): void {
    if ('devices' in change) for (const id of change.devices) this.described(id)
    else this.#moves = this.#moves.then(() => this.#membersMoved(change.group)).catch(this.#failed)
  }

  /** Resolves when all that was told before is in the index. */
  async settled(): Promise<void> {
    await this.#moves
    while (this.#dirty.size || this.#work) await this.#start()
  }

  #start(): Promise<void> {
    this.#work ??= this.#readAll().finally(() => (this.#work = undefined))
    return this.#work
  }

  async #readAll(): Promise<void> {
    // What is told in one turn is read at once
    await new Promise(setImmediate)
    await inBatches(this.#dirty, batch, ids => this.#read(ids))
  }

  async #read(ids: readonly string[]): Promise<void> {
    const { registry, state, presence, groups } = this.#sources
    const [identities, entities, connections, ...rest] = await Promise.all([
      registry.many(ids),
      state.query<Entity>(devicesColl, { where: [['id', 'in', ids]], limit: ids.length }),
      presence.views(ids),
      ...ids.map(async id => ({
        groups: (await groups.groupsOf(id)).all,
        twins: (await state.query<StoredTwin>(twinsColl, { where: [['id', 'prefix', `${id}|`]], limit: 100 })).items,
      })),
    ])
    const known = new Map(identities.map(identity => [identity.id, identity]))
    const described = new Map(entities.items.map(({ id, doc }) => [id, doc]))
    for (const [i, id] of ids.entries()) {
      // Told of since: what was read may be no more
      if (this.#dirty.has(id)) continue
      const identity = known.get(id)
      if (!identity) {
        this.#index.delete(id)
        continue
      }
      const before = this.#index.get(id)
      let doc: FleetDoc = {
        ...describedOf(identity, described.get(id)),
        groups: rest[i]!.groups,
        twin: before?.twin ?? noTwin,
        shadows: before?.shadows ?? {},
        connectivity: before?.connectivity ?? connectivityOf({ ...connections[i]!, connected: presence.isConnected(id) }),
      }
      for (const { doc: twin } of rest[i]!.twins) doc = withTwin(doc, twin)
      this.#index.set(doc)
    }
  }

  async #membersMoved(group: string): Promise<void> {
    let cursor: string | undefined
    do {
      const page = await this.#sources.groups.members({ group, deep: true, limit: 500, ...(cursor !== undefined && { cursor }) })
      for (const id of page.items) this.described(id)
      cursor = page.next
    } while (cursor !== undefined)
  }
}
