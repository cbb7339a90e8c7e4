import { type Latest, mostLatest, quoted, trimLatest } from '../../storage/latest.ts'
import type { Statements } from './database.ts'

const mostCounted = 200_000

interface LatestRow {
  point: string
  time: number
  arrived: number
  jseq: number
  idx: number
  v: string
}

/** The last values in the file: a row for each name of a series. */
export class WarmLatest {
  readonly #statements: Statements
  /** names of series that got a new one lately */
  readonly #counts = new Map<number, number>()

  constructor(statements: Statements) {
    this.#statements = statements
  }

  of(sid: number): Latest {
    const rows = this.#statements
      .of('SELECT point, time, arrived, jseq, idx, v FROM latest_values WHERE sid = ?')
      .all(sid) as unknown as LatestRow[]
    return new Map(
      rows.map(({ point, time, arrived, jseq, idx, v }) => [
        JSON.parse(point) as string,
        { time, stamp: [arrived, jseq, idx], value: JSON.parse(v) },
      ]),
    )
  }

  /** Inside a transaction. */
  put(sid: number, latest: Latest): void {
    trimLatest(latest)
    const update = this.#statements.of(
      'UPDATE latest_values SET time = ?, arrived = ?, jseq = ?, idx = ?, v = ? WHERE sid = ? AND point = ? AND (time, arrived, jseq, idx) <= (?, ?, ?, ?)',
    )
    const insert = this.#statements.of('INSERT OR IGNORE INTO latest_values VALUES(?, ?, ?, ?, ?, ?, ?)')
    let added = 0
    for (const [name, { time, stamp, value }] of latest) {
      const point = quoted(name)
      const text = JSON.stringify(value)
      if (!update.run(time, ...stamp, text, sid, point, time, ...stamp).changes)
        added += Number(insert.run(sid, point, time, ...stamp, text).changes)
    }
    if (added) this.#bound(sid, added)
  }

  /** Drops those of a series, inside a transaction. */
  drop(sid: number): void {
    this.#statements.of('DELETE FROM latest_values WHERE sid = ?').run(sid)
    this.#counts.delete(sid)
  }

  /** After a rollback. */
  forget(): void {
    this.#counts.clear()
  }

  #bound(sid: number, added: number): void {
    const before = this.#counts.get(sid)
    const count =
      before === undefined
        ? Number(this.#statements.of('SELECT count(*) AS n FROM latest_values WHERE sid = ?').get(sid)!.n)
        : before + added
    if (count > mostLatest)
      this.#statements
        .of(
          `DELETE FROM latest_values WHERE sid = ? AND point IN (
             SELECT point FROM latest_values WHERE sid = ? ORDER BY time, arrived, jseq, idx, point LIMIT ?)`,
        )
        .run(sid, sid, count - mostLatest)
    if (this.#counts.size >= mostCounted) this.#counts.clear()
    this.#counts.set(sid, Math.min(count, mostLatest))
  }
}
