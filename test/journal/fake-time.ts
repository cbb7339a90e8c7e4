import type { Schedule } from '../../src/journal/segment-port.ts'

/** Time that stands still until a test moves it; due callbacks run in order of time, then of arming. */
export class FakeTime {
  #ms: number
  #epoch: number
  #waiting: { at: number; fn: () => void }[] = []

  constructor(epoch = Date.UTC(2026, 0, 1)) {
    this.#epoch = epoch
    this.#ms = 0
  }

  /** The wall clock, which may jump; epoch ms. */
  readonly now = (): number => this.#epoch + this.#ms
  /** Monotonic ms. */
  readonly clock = (): number => this.#ms
  readonly schedule: Schedule = (ms, fn) => {
    const entry = { at: this.#ms + Math.max(0, ms), fn }
    this.#waiting.push(entry)
    return () => {
      this.#waiting = this.#waiting.filter(each => each !== entry)
    }
  }

  jump(ms: number): void {
    this.#epoch += ms
  }

  /** Lets `ms` pass and runs what comes due, callbacks of callbacks included. */
  advance(ms = 0): void {
    const until = this.#ms + ms
    for (let ran = 0; ran < 100_000; ran++) {
      const next = this.#waiting.reduce<{ at: number; fn: () => void } | undefined>(
        (first, each) => (each.at <= until && (!first || each.at < first.at) ? each : first),
        undefined,
      )
      if (!next) {
        this.#ms = until
        return
      }
      this.#waiting.splice(this.#waiting.indexOf(next), 1)
      this.#ms = Math.max(this.#ms, next.at)
      next.fn()
    }
    throw new Error('callbacks arm each other without end')
  }
}
