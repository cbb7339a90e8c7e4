import type { Clock } from '../../src/simulator/pacer.ts'

/** A clock that moves when told, running what became due in order. */
export class VirtualClock implements Clock {
  #now: number
  #works: { at: number; order: number; work: () => void }[] = []
  #order = 0

  constructor(now = 1_700_000_000_000) {
    this.#now = now
  }

  now = (): number => this.#now

  after = (ms: number, work: () => void): (() => void) => {
    const entry = { at: this.#now + ms, order: this.#order++, work }
    this.#works.push(entry)
    return () => {
      this.#works = this.#works.filter(other => other !== entry)
    }
  }

  get waiting(): number {
    return this.#works.length
  }

  /** Works may await: their continuations run before the next work. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    for (let guard = 0; guard < 1_000_000; guard++) {
      await settled()
      const next = this.#works.toSorted((a, b) => a.at - b.at || a.order - b.order)[0]
      if (!next || next.at > end) break
      this.#works = this.#works.filter(other => other !== next)
      this.#now = Math.max(this.#now, next.at)
      next.work()
    }
    this.#now = end
  }
}

/** All microtasks that are on their way. */
export const settled = (): Promise<void> => new Promise(resolve => setImmediate(resolve))
