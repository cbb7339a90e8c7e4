import { LoomError } from '../errors.ts'
import { sizeOf, type TailRow } from './pending-record.ts'
import type { RecordTail } from './record-tail.ts'
import type { SegmentLog } from './segment-port.ts'

const laggardBytes = 4 * 1024 * 1024

interface Parts {
  log: SegmentLog
  tail: RecordTail
  head(): number
  /** Sets the damaged segment aside; afterwards its readable rows can be read. */
  repair(firstSeq: number): void
}

/** Reads from memory what is new and from the files what is not. */
export class LogReader {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** At most `limit` rows from `from` on, in order. */
  rows(from: number, limit: number): TailRow[] {
    const { tail, head, log } = this.#parts
    if (from > head()) return []
    // What was trimmed is gone for everyone alike, even while it is still in memory.
    const first = from >= log.segments()[0]!.firstSeq ? tail.get(from) : undefined
    if (!first) return this.#stored(from, limit, laggardBytes)
    const rows = [first]
    for (let seq = from + 1; rows.length < limit; seq++) {
      const row = tail.get(seq)
      if (!row) break
      rows.push(row)
    }
    return rows
  }

  /** As `rows`, over several segments if need be, up to `bytes`. */
  range(from: number, limit: number, bytes: number): TailRow[] {
    const rows: TailRow[] = []
    let left = bytes
    while (rows.length < limit && left > 0 && from <= this.#parts.head()) {
      const some = this.#stored(from, limit - rows.length, left)
      if (some.length === 0) break
      for (const row of some) {
        rows.push(row)
        left -= row.bytes
      }
      from = some.at(-1)!.seq + 1
    }
    return rows
  }

  #stored(from: number, limit: number, bytes: number): TailRow[] {
    const { log, repair } = this.#parts
    // A repair leaves a sound file, so a second failure is another segment's; a few in a row are plausible, more are not.
    for (let tries = 0; ; tries++) {
      try {
        return log.read(from, limit, bytes).map(row => Object.assign(row, { bytes: sizeOf(row) }))
      } catch (error) {
        if (
          tries === 3 ||
          !(error instanceof LoomError) ||
          error.code !== 'JOURNAL_CORRUPT' ||
          typeof error.position !== 'number'
        )
          throw error
        repair(error.position)
      }
    }
  }
}
