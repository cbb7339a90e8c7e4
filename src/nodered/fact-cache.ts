import { Lru } from '../identity/lru.ts'

/** Remembers what was found under a key, and that nothing was; what was forgotten while it was asked for is not remembered. */
export class FactCache<V> {
  readonly #entries: Lru<string, { value: V | undefined; until: number }>
  readonly #ttlMs: number
  readonly #now: () => number
  #asking = 0
  /** forgotten since the first of the questions that are open; undefined: all */
  #stale: Set<string> | undefined = new Set()

  /** `limit`: entries, at least 1. `ttlMs` 0: nothing is remembered. */
  constructor({ limit, ttlMs, now }: { limit: number; ttlMs: number; now: () => number }) {
    this.#entries = new Lru(limit)
    this.#ttlMs = ttlMs
    this.#now = now
  }

  /** Puts what is known of the keys into `into`; answers with those that nothing is known of. */
  known(keys: Iterable<string>, into: Map<string, V | undefined>): string[] {
    const now = this.#now()
    const unknown: string[] = []
    for (const key of keys) {
      const entry = this.#entries.get(key)
      if (entry && entry.until > now) into.set(key, entry.value)
      else unknown.push(key)
    }
    return unknown
  }

  /** Asks for keys and remembers the answer; keys that are not in it have no value. */
  async ask(
    keys: readonly string[],
    into: Map<string, V | undefined>,
    question: () => Promise<ReadonlyMap<string, V>>,
  ): Promise<void> {
    if (this.#asking++ === 0) this.#stale = new Set()
    try {
      const found = await question()
      const until = this.#now() + this.#ttlMs
      for (const key of keys) {
        const value = found.get(key)
        into.set(key, value)
        if (this.#ttlMs > 0 && this.#stale && !this.#stale.has(key)) this.#entries.set(key, { value, until })
      }
    } finally {
      this.#asking--
    }
  }

  forget(key: string): void {
    this.#entries.delete(key)
    if (this.#asking) this.#stale?.add(key)
  }

  clear(): void {
    this.#entries.clear()
    this.#stale = undefined
  }
}
