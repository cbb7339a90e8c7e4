/** A binary heap of things by due time. Entries are never removed before they are due: the owner tells stale ones. */
export class DueQueue<T> {
  readonly #entries: { due: number; item: T }[] = []

  push(due: number, item: T): void {
    const entries = this.#entries
    let at = entries.push({ due, item }) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (entries[parent]!.due <= entries[at]!.due) return
      swap(entries, at, parent)
      at = parent
    }
  }

  /** The earliest entry if it is due at `now`, taken out. */
  take(now: number): { due: number; item: T } | undefined {
    const entries = this.#entries
    const first = entries[0]
    if (!first || first.due > now) return undefined
    const last = entries.pop()!
    if (entries.length > 0) {
      entries[0] = last
      this.#sink()
    }
    return first
  }

  clear(): void {
    this.#entries.length = 0
  }

  #sink(): void {
    const entries = this.#entries
    for (let at = 0; ; ) {
      let least = at
      for (const child of [2 * at + 1, 2 * at + 2])
        if (child < entries.length && entries[child]!.due < entries[least]!.due) least = child
      if (least === at) return
      swap(entries, at, least)
      at = least
    }
  }
}

function swap<E>(entries: E[], a: number, b: number): void {
  const kept = entries[a]!
  entries[a] = entries[b]!
  entries[b] = kept
}
