import type { CursorBook } from './cursor-book.ts'
import type { Emit } from './journal-event.ts'
import type { LostRanges } from './lost-ranges.ts'
import type { SegmentLog } from './segment-port.ts'
import { LeapGuard, trimmable, unneededUpTo } from './trimming.ts'

const segmentMs = 86_400_000

interface Parts {
  log: SegmentLog
  book: CursorBook
  lost: LostRanges
  now: () => number
  emit: Emit
  keepMs: number
  segmentBytes: number
  head(): number
}

/** When a segment is full, and when it may go. Files go whole: deleting rows never shrinks them. */
export class Retention {
  readonly #parts: Parts
  readonly #leap = new LeapGuard()
  #dropped = 0

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Records lost to the size limit. */
  get dropped(): number {
    return this.#dropped
  }

  rollIfDue(): void {
    const { log, now, segmentBytes } = this.#parts
    const active = log.segments().at(-1)!
    if (active.lastSeq < active.firstSeq) return
    if (log.activeBytes() >= segmentBytes || now() - active.created >= segmentMs) this.#roll()
  }

  look(): void {
    const { now, keepMs, log } = this.#parts
    if (this.#leap.waits(now())) return
    this.rollIfDue()
    const old = trimmable(log.segments(), this.#unneeded(), now() - keepMs)
    for (const { firstSeq } of old) this.#unlink(firstSeq, 'age')
  }

  giveUp(): boolean {
    const { log } = this.#parts
    if (log.segments().length === 1) return false
    const oldest = trimmable(log.segments(), this.#unneeded(), Number.POSITIVE_INFINITY)[0]
    if (oldest) this.#unlink(oldest.firstSeq, 'limit')
    return oldest !== undefined
  }

  drop(): boolean {
    const { log, lost } = this.#parts
    const active = log.segments().at(-1)!
    if (log.segments().length === 1) {
      if (active.lastSeq < active.firstSeq) return false
      this.#roll()
    }
    const { firstSeq, lastSeq } = log.segments()[0]!
    const to = log.segments()[1]!.firstSeq - 1
    this.#unlink(firstSeq, 'dropped')
    this.#dropped += lastSeq - firstSeq + 1
    lost.add('dropped', [{ from: firstSeq, to }])
    return true
  }

  /** Durable cursors count, so they are written first: what a crash would repeat must still be there. */
  #unneeded(): number {
    const { book, head } = this.#parts
    book.save()
    return unneededUpTo(head(), book.stored, book.pins)
  }

  #roll(): void {
    const { log, now } = this.#parts
    const active = log.segments().at(-1)!
    log.roll(active.lastSeq + 1, active.lastAt, now())
  }

  #unlink(firstSeq: number, reason: 'age' | 'limit' | 'dropped'): void {
    const { log, emit } = this.#parts
    const next = log.segments().find(segment => segment.firstSeq > firstSeq)!
    const to = next.firstSeq - 1
    log.unlink(firstSeq)
    emit({ type: 'trimmed', from: firstSeq, to, reason })
  }
}
