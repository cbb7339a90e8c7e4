import type { Doc, StateStore, Write } from '../storage/state-store.ts'

/** A write that waits; its document is made when it leaves. */
export type LazyWrite = { op: 'put'; coll: string; id: string; doc: () => Doc } | { op: 'delete'; coll: string; id: string }

const batchWrites = 500

/**
 * Writes to the session store in groups. `commit` resolves when the write is durable; all commits of a turn, and all that come while a
 * transaction runs, share the next one. `later` waits for the next `flush`, so that what comes and goes within a second costs nothing.
 */
export class StateWriter {
  readonly #store: StateStore
  #waiting: { write: Write; resolve: () => void; reject: (error: unknown) => void }[] = []
  #lazy = new Map<string, LazyWrite>()
  /** by key, the newest write that was enqueued; forgotten once it is settled */
  readonly #newest = new Map<string, Write>()
  #running: Promise<void> | undefined

  constructor(store: StateStore) {
    this.#store = store
  }

  async commit(write: Write): Promise<void> {
    this.#lazy.delete(keyOf(write))
    try {
      await this.#enqueue(write)
    } finally {
      this.#settled(write)
    }
  }

  later(write: LazyWrite): void {
    this.#lazy.set(keyOf(write), write)
  }

  /** Deletes a document that is written once at most: if its write still waits, nothing has to be done. */
  forget(coll: string, id: string): void {
    const key = `${coll}/${id}`
    if (this.#lazy.get(key)?.op === 'put') this.#lazy.delete(key)
    else this.#lazy.set(key, { op: 'delete', coll, id })
  }

  /** Resolves when all that was said `later` is durable. What fails stays for the next flush, unless it was overtaken. */
  async flush(): Promise<void> {
    const lazy = this.#lazy
    this.#lazy = new Map()
    const writes = [...lazy.values()].map(write => (write.op === 'put' ? { ...write, doc: write.doc() } : write))
    const results = await Promise.allSettled(writes.map(write => this.#enqueue(write)))
    let failure: unknown
    let i = 0
    for (const [key, again] of lazy) {
      const result = results[i]!
      // A commit while this one was on its way has the last word, also if it is done by now.
      const overtaken = !this.#settled(writes[i++]!) || this.#lazy.has(key)
      if (result.status === 'fulfilled') continue
      failure ??= result.reason
      if (!overtaken) this.#lazy.set(key, again)
    }
    if (failure !== undefined) throw failure
  }

  #enqueue(write: Write): Promise<void> {
    this.#newest.set(keyOf(write), write)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ write, resolve, reject })
      this.#running ??= Promise.resolve().then(() => this.#drain())
    })
  }

  /** Whether it was still the newest of its key. */
  #settled(write: Write): boolean {
    const key = keyOf(write)
    return this.#newest.get(key) === write && this.#newest.delete(key)
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length) {
      const batch = this.#waiting.splice(0, batchWrites)
      try {
        await this.#store.tx(batch.map(({ write }) => write))
        for (const { resolve } of batch) resolve()
      } catch {
        // One document that the store refuses must not cost the others theirs.
        for (const { write, resolve, reject } of batch) await this.#store.tx([write]).then(resolve, reject)
      }
    }
    this.#running = undefined
  }
}

const keyOf = ({ coll, id }: { coll: string; id: string }): string => `${coll}/${id}`
