import { type Fold, foldOf, numberOf } from './fold.ts'
import type { StoredRow } from './warm-row.ts'
import type { FillFn, TimeRange } from './warm-store.ts'

export interface BucketsOptions extends TimeRange {
  everyMs: number
  fn: FillFn
  /** none: all */
  points: ReadonlySet<string> | undefined
  emit(time: number, values: Record<string, unknown>): void
}

/** Aggregates one series, fed in order of time, into buckets [start, end) that hold at least one usable value. */
export class Buckets {
  readonly #o: BucketsOptions
  readonly #held = new Map<string, number>()
  #folds = new Map<string, Fold>()
  #start = Number.NEGATIVE_INFINITY
  /** samples in the open bucket */
  open = 0

  constructor(options: BucketsOptions) {
    this.#o = options
  }

  /** A row before the range: its values hold into it. Newest first. */
  carry({ values }: StoredRow): void {
    for (const name of Object.keys(values)) {
      const value = numberOf(values[name])
      if (value !== undefined && !this.#held.has(name)) this.#held.set(name, value)
    }
  }

  add(row: StoredRow): void {
    const { everyMs, fn, points, from, to } = this.#o
    const { time, arrived, values } = row
    const start = Math.floor(time / everyMs) * everyMs
    if (start !== this.#start) this.#turn(start)
    for (const name of Object.keys(values)) {
      if (points && !points.has(name)) continue
      let fold = this.#folds.get(name)
      if (!fold) {
        const span = { start: Math.max(start, from), end: Math.min(start + everyMs, to) }
        fold = foldOf(fn, span, this.#held.get(name))
        this.#folds.set(name, fold)
      }
      fold.add({ time, arrived, value: values[name] })
      this.open++
      const held = fn === 'twa' ? numberOf(values[name]) : undefined
      if (held !== undefined) this.#held.set(name, held)
    }
  }

  /** Emits the last bucket. */
  end(): void {
    this.#turn(Number.POSITIVE_INFINITY)
  }

  #turn(start: number): void {
    const results = Array.from(this.#folds, ([name, fold]) => [name, fold.result()] as const).filter(([, v]) => v !== undefined)
    if (results.length) this.#o.emit(this.#start, Object.fromEntries(results))
    this.#folds = new Map()
    this.#start = start
    this.open = 0
  }
}
