import type { Gap } from './journal-port.ts'
import type { JournalMeta, SeqRange } from './segment-port.ts'

type Lost = SeqRange & { reason: 'corrupt' | 'dropped' }

const remembered = 256

/** Which parts of the log were lost other than by age, so that a late consumer hears the true reason. The oldest are forgotten first. */
export class LostRanges {
  readonly #meta: JournalMeta
  #ranges: Lost[]

  constructor(meta: JournalMeta) {
    this.#meta = meta
    this.#ranges = meta.lost()
  }

  add(reason: Lost['reason'], ranges: readonly SeqRange[]): void {
    if (ranges.length === 0) return
    const all = [...this.#ranges, ...ranges.map(({ from, to }) => ({ from, to, reason }))].sort((a, b) => a.from - b.from)
    const merged: Lost[] = []
    for (const range of all) {
      const last = merged.at(-1)
      if (last && last.reason === range.reason && range.from <= last.to + 1) last.to = Math.max(last.to, range.to)
      else merged.push({ ...range })
    }
    this.#ranges = merged.slice(-remembered)
    this.#meta.saveLost(this.#ranges)
  }

  /** The missing run as gaps with their reasons, in order; what is not known here was trimmed by age, or is damage behind `oldest`. */
  gaps(from: number, to: number, oldest: number): Gap[] {
    const gaps: Gap[] = []
    const rest = (end: number): void => {
      if (from <= end) gaps.push({ from, to: end, reason: from >= oldest ? 'corrupt' : 'trimmed' })
    }
    for (const range of this.#ranges) {
      if (range.to < from || range.from > to) continue
      rest(range.from - 1)
      from = Math.max(from, range.from)
      const end = Math.min(to, range.to)
      if (from <= end) gaps.push({ from, to: end, reason: range.reason })
      from = Math.max(from, end + 1)
    }
    rest(to)
    return gaps
  }
}
