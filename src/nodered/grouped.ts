interface Waiting<T> {
  items: T[]
  done: PromiseWithResolvers<void>
}

/** Puts what callers add at about the same time into one call of `work`; one call runs at a time, so callers are answered in order. */
export class Grouped<T> {
  readonly #limit: number
  readonly #work: (items: T[]) => Promise<void>
  #waiting: Waiting<T>[] = []
  #running = false

  /** `limit`: items of one call, unless a single caller has more. */
  constructor(limit: number, work: (items: T[]) => Promise<void>) {
    this.#limit = limit
    this.#work = work
  }

  /** Resolves or rejects with the call that held the items. */
  add(items: T[]): Promise<void> {
    const done = Promise.withResolvers<void>()
    this.#waiting.push({ items, done })
    if (!this.#running) {
      this.#running = true
      setImmediate(() => void this.#run())
    }
    return done.promise
  }

  async #run(): Promise<void> {
    while (this.#waiting.length) {
      const group = this.#next()
      try {
        const items = group.flatMap(one => one.items)
        if (items.length) await this.#work(items)
        for (const { done } of group) done.resolve()
      } catch (thrown) {
        for (const { done } of group) done.reject(thrown)
      }
    }
    this.#running = false
  }

  #next(): Waiting<T>[] {
    let size = 0
    const fits = this.#waiting.findIndex(({ items }, i) => (size += items.length) > this.#limit && i > 0)
    return this.#waiting.splice(0, fits < 0 ? this.#waiting.length : fits)
  }
}
