/** JSON texts by key, the least lately used dropped beyond a count and a size (UTF-16 units). */
export class TextCache<K> {
  readonly #entries = new Map<K, { text: string; version: number }>()
  readonly #most: number
  readonly #mostUnits: number
  #units = 0

  constructor({ most, mostUnits }: { most: number; mostUnits: number }) {
    this.#most = most
    this.#mostUnits = mostUnits
  }

  get(key: K): { text: string; version: number } | undefined {
    const entry = this.#entries.get(key)
    if (!entry) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry
  }

  set(key: K, entry: { text: string; version: number }): void {
    this.delete(key)
    this.#entries.set(key, entry)
    this.#units += entry.text.length
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#most && this.#units <= this.#mostUnits) break
      this.delete(oldest)
    }
  }

  delete(key: K): void {
    const entry = this.#entries.get(key)
    if (!entry) return
    this.#units -= entry.text.length
    this.#entries.delete(key)
  }
}
