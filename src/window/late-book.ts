import type { LateCounts, LateEvent, WindowEvent } from './types.ts'

const HELD = 10_000

const zero = (): LateCounts => ({
  dropped: 0,
  adjusted: 0,
  output: 0,
  trimmed: 0,
  early: 0,
  lateArrival: 0,
  gap: 0,
  duplicate: 0,
  invalid: 0,
})

/** Counts what did not go the straight way and holds what was diverted; of too many the oldest go. */
export class LateBook {
  readonly counts = zero()
  #diverted: LateEvent[] = []

  /** True if the event goes on with an adjusted time. */
  apply(policy: 'drop' | 'adjust' | 'output', event: WindowEvent, reason: LateEvent['reason'], behindMs: number): boolean {
    if (policy === 'adjust') {
      this.counts.adjusted++
      return true
    }
    if (policy === 'drop') {
      this.counts.dropped++
      return false
    }
    this.counts.output++
    this.#diverted.push({ event, reason, behindMs })
    // in chunks, since shifting one by one would cost a copy each
    if (this.#diverted.length >= 2 * HELD) this.#diverted = this.#diverted.slice(-HELD)
    return false
  }

  take(): LateEvent[] {
    const taken = this.peek()
    this.#diverted = []
    return taken
  }

  peek(): LateEvent[] {
    return this.#diverted.slice(-HELD)
  }

  restore(counts: LateCounts, diverted: LateEvent[]): void {
    Object.assign(this.counts, counts)
    this.#diverted = diverted
  }
}
