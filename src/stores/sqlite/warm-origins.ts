import { type Latest, noteLatest } from '../../storage/latest.ts'
import { isDamage, type Statements } from './database.ts'
import { columns, storedRowOf, type TableRow } from './warm-schema.ts'

/** The rows of a series that hold its unwritten last values: of this time and arrival, and later. */
export interface Origin {
  time: number
  arrived: number
}

/** Where last values that are in memory only come from, in the file with their rows: after a crash they are made from these again. */
export class WarmOrigins {
  readonly #statements: Statements

  constructor(statements: Statements) {
    this.#statements = statements
  }

  /** Inside a transaction, as `drop`. */
  put(sid: number, { time, arrived }: Origin): void {
    this.#statements.of('INSERT OR REPLACE INTO latest_unwritten VALUES(?, ?, ?)').run(sid, time, arrived)
  }

  drop(sid: number): void {
    this.#statements.of('DELETE FROM latest_unwritten WHERE sid = ?').run(sid)
  }

  /** What the run before left unwritten; `size`: characters of the rows' values. Rows that are damaged give none. */
  *restored(): Generator<Origin & { sid: number; latest: Latest; size: number }> {
    const origins = this.#statements.of('SELECT sid, time, arrived FROM latest_unwritten').all() as unknown as (Origin & {
      sid: number
    })[]
    for (const { sid, time, arrived } of origins) {
      const latest: Latest = new Map()
      let size = 0
      try {
        const rows = this.#statements.of(`SELECT ${columns} FROM rows WHERE sid = ? AND time >= ? ORDER BY time, tie, sub`)
        for (const row of rows.iterate(sid, time) as Iterable<TableRow>) {
          // A series may have been told to forget what arrived before.
          noteLatest(latest, storedRowOf(row), arrived)
          size += row.v.length
        }
      } catch (error) {
        if (!isDamage(error)) throw error
      }
      if (latest.size) yield { sid, time, arrived, latest, size }
    }
  }
}
