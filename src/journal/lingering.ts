/** Items that wait for company: they leave in whole batches at once, and as they are when the first of them has waited long enough. */
export class Lingering<T> {
  readonly #batch: number
  readonly #lingerMs: number
  #items: T[] = []
  #since = Number.POSITIVE_INFINITY

  constructor({ batch, lingerMs }: { batch: number; lingerMs: number }) {
    this.#batch = batch
    this.#lingerMs = lingerMs
  }

  get size(): number {
    return this.#items.length
  }
  /** The clock time at which all may leave. */
  get dueAt(): number {
    return this.#since + this.#lingerMs
  }

  add(item: T, now: number): void {
    if (this.#items.length === 0) this.#since = now
    this.#items.push(item)
  }

  /** Those that leave at that time; `all`: nothing can join them any more. What stays counts from now, so take whatever may leave before adding again. */
  take(now: number, all = false): T[] {
    const items = this.#items
    const staying = all || now >= this.dueAt ? 0 : items.length % this.#batch
    if (staying === items.length) return []
    this.#items = items.splice(items.length - staying)
    this.#since = staying > 0 ? now : Number.POSITIVE_INFINITY
    return items
  }
}
