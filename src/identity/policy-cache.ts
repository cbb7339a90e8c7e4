import { Lru } from './lru.ts'

/** The entries used last, read from a store when they are asked for. What was read while something was written is not remembered: it may be stale. */
export class ReadThrough<V extends object> {
  readonly #entries: Lru<string, V>
  #writes = 0

  constructor(limit: number) {
    this.#entries = new Lru(limit)
  }

  async read(key: string, load: () => Promise<V>): Promise<V> {
    const known = this.#entries.get(key)
    if (known) return known
    const before = this.#writes
    const value = await load()
    if (before === this.#writes) this.#entries.set(key, value)
    return value
  }

  /** Runs a write and forgets the keys that it concerns, whether it succeeded or not. */
  async during<T>(write: () => Promise<T>, keys: readonly string[]): Promise<T> {
    this.#writes++
    try {
      return await write()
    } finally {
      this.forget(keys)
    }
  }

  forget(keys: readonly string[]): void {
    this.#writes++
    for (const key of keys) this.#entries.delete(key)
  }
}
