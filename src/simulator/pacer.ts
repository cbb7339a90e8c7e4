/** Time as an adapter sees it; a virtual one makes tests run without waiting. */
export interface Clock {
  now(): number
  /** Runs `work` once after `ms`; the returned function calls it off. */
  after(ms: number, work: () => void): () => void
}

export const realClock: Clock = {
  now: Date.now,
  after(ms, work) {
    const timer = setTimeout(work, ms)
    return () => clearTimeout(timer)
  },
}

/** Exponential back-off with full jitter: uniform below `baseMs * 2^attempt`, at most `capMs`. */
export const fullJitter = (attempt: number, random: () => number, { baseMs = 500, capMs = 60_000 } = {}): number =>
  Math.floor(random() * Math.min(capMs, baseMs * 2 ** Math.min(attempt, 30)))

/** Starts works in their order, at most `perSecond` of them; `stop` forgets those still waiting. */
export class Pacer {
  readonly #clock: Clock
  readonly #gapMs: number
  #waiting: (() => void)[] = []
  #freeAt = Number.NEGATIVE_INFINITY
  #cancel: (() => void) | undefined

  constructor(clock: Clock, perSecond: number) {
    this.#clock = clock
    this.#gapMs = 1000 / perSecond
  }

  run(work: () => void): void {
    this.#waiting.push(work)
    if (this.#cancel) return
    this.#freeAt = Math.max(this.#freeAt, this.#clock.now())
    this.#next()
  }

  stop(): void {
    this.#waiting = []
    this.#cancel?.()
  }

  #next(): void {
    this.#cancel = undefined
    const now = this.#clock.now()
    // A late timer is made up for, as far as a tenth of a second.
    this.#freeAt = Math.max(this.#freeAt, now - 100)
    let started = 0
    while (started < this.#waiting.length && this.#freeAt <= now) {
      this.#freeAt += this.#gapMs
      started++
    }
    for (const work of this.#waiting.splice(0, started)) work()
    if (this.#waiting.length) this.#cancel = this.#clock.after(Math.max(1, this.#freeAt - now), () => this.#next())
  }
}

/** Runs at most `most` works at a time, in their order. */
export function sideBySide(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = []
  let running = 0
  return async work => {
    if (running >= most) await new Promise<void>(resolve => waiting.push(resolve))
    else running++
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else running--
    }
  }
}
