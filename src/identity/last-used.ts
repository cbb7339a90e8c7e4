import type { StateStore, Write } from '../storage/state-store.ts'

export const usesColl = 'credential_uses'
const perTransaction = 200

export type Uses = Record<string, number>

/** When credentials were last used: kept in memory, written together, and apart from the identity, whose version they must not change. */
export class LastUsed {
  readonly #store: StateStore
  #pending = new Map<string, Uses>()

  constructor(store: StateStore) {
    this.#store = store
  }

  open(): Promise<void> {
    return this.#store.declare(usesColl, {})
  }

  touch(id: string, cid: string, at: number): void {
    const uses = this.#pending.get(id)
    if (uses) uses[cid] = at
    else this.#pending.set(id, { [cid]: at })
  }

  forget(id: string): void {
    this.#pending.delete(id)
  }

  async of(ids: readonly string[]): Promise<Map<string, Uses>> {
    const found = new Map<string, Uses>()
    if (ids.length === 0) return found
    const { items } = await this.#store.query<Uses>(usesColl, { where: [['id', 'in', ids]], limit: 1000 })
    for (const { id, doc } of items) found.set(id, doc)
    for (const id of ids) {
      const pending = this.#pending.get(id)
      if (pending) found.set(id, { ...found.get(id), ...pending })
    }
    return found
  }

  /** Writes what was noted; `keep` drops those of credentials that no longer exist. */
  async flush(keep: (id: string, uses: Uses) => Promise<Uses | undefined>): Promise<void> {
    const batch = this.#pending
    this.#pending = new Map()
    const entries = [...batch]
    for (let at = 0; at < entries.length; at += perTransaction) {
      const chunk = entries.slice(at, at + perTransaction)
      const merged = await this.#mergedWith(chunk)
      const writes: Write[] = []
      for (const [id, uses] of merged) {
        const doc = await keep(id, uses)
        if (doc) writes.push({ op: 'put', coll: usesColl, id, doc })
      }
      try {
        if (writes.length > 0) await this.#store.tx(writes, { by: 'identity' })
      } catch (error) {
        for (const [id, uses] of entries.slice(at)) this.#pending.set(id, { ...uses, ...this.#pending.get(id) })
        throw error
      }
    }
  }

  async #mergedWith(chunk: readonly [string, Uses][]): Promise<[string, Uses][]> {
    const { items } = await this.#store.query<Uses>(usesColl, {
      where: [['id', 'in', chunk.map(([id]) => id)]],
      limit: perTransaction,
    })
    const before = new Map(items.map(({ id, doc }) => [id, doc]))
    return chunk.map(([id, uses]) => [id, { ...before.get(id), ...uses }])
  }
}
