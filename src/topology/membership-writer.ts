import type { StateStore, Write } from '../storage/state-store.ts'
import type { MembershipEvent } from './dynamic-group.ts'

const coll = 'fleet_members'
const batch = 250

export interface DeviceMembership extends MembershipEvent {
  device: string
}

interface StoredMembership {
  groups: string[]
}

/**
 * Puts on disk who is in which dynamic group, with the event that tells of it in the same transaction, in the order in which it happened. What could not be written is
 * tried again with the next change or `flush`.
 */
export class MembershipWriter {
  readonly #store: StateStore
  readonly #told: (event: DeviceMembership) => Write
  /** as it is on disk */
  readonly #stored = new Map<string, readonly string[]>()
  readonly #waiting: DeviceMembership[] = []
  #running: Promise<void> | undefined

  constructor(o: { store: StateStore; told(event: DeviceMembership): Write }) {
    this.#store = o.store
    this.#told = o.told
  }

  /** Members as they were when the hub stopped. */
  async open(member: (group: string, device: string) => void): Promise<void> {
    await this.#store.declare(coll, {})
    let cursor: string | undefined
    do {
      const page = await this.#store.query<StoredMembership>(coll, { limit: 1000, ...(cursor !== undefined && { cursor }) })
      for (const { id, doc } of page.items) {
        this.#stored.set(id, doc.groups)
        for (const group of doc.groups) member(group, id)
      }
      cursor = page.next
    } while (cursor !== undefined)
  }

  /** Devices that are in some group on disk, with the groups. */
  get stored(): ReadonlyMap<string, readonly string[]> {
    return this.#stored
  }

  add(events: readonly DeviceMembership[]): void {
    for (const event of events) this.#waiting.push(event)
  }

  /** Resolves when all that waited is on disk; rejects if it could not be written, and keeps it. */
  flush(): Promise<void> {
    if (!this.#running && this.#waiting.length) this.#running = this.#write()
    return this.#running ?? Promise.resolve()
  }

  async #write(): Promise<void> {
    try {
      while (this.#waiting.length) await this.#writeSome(this.#waiting.slice(0, batch))
    } finally {
      this.#running = undefined
    }
  }

  async #writeSome(events: readonly DeviceMembership[]): Promise<void> {
    const after = new Map<string, readonly string[]>()
    for (const { device, group, event } of events) {
      const others = (after.get(device) ?? this.#stored.get(device) ?? []).filter(one => one !== group)
      after.set(device, event === 'join' ? [...others, group] : others)
    }
    const documents = [...after].map(
      ([id, groups]): Write => (groups.length ? { op: 'put', coll, id, doc: { groups } } : { op: 'delete', coll, id }),
    )
    await this.#store.tx([...documents, ...events.map(this.#told)], { by: 'hub' })
    this.#waiting.splice(0, events.length)
    for (const [device, groups] of after) {
      if (groups.length) this.#stored.set(device, groups)
      else this.#stored.delete(device)
    }
  }
}
