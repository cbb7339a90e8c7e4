import type { Series } from '../../storage/merged-rows.ts'
import type { RetentionClass } from '../../storage/warm-store.ts'
import type { Statements } from './database.ts'
import { columns, storedRowOf, type TableRow } from './warm-schema.ts'

const mostKnown = 200_000

/** The numbers of the series (device, stream, class), and their rows as the queries read them. */
export class WarmSeries {
  readonly #statements: Statements
  readonly #known = new Map<string, number>()
  /** Numbers are not used again: a query under way may still hold that of a series that is gone. */
  #next: number
  #devices: number | undefined

  constructor(statements: Statements) {
    this.#statements = statements
    this.#next = Number(statements.of('SELECT coalesce(max(sid), 0) + 1 AS next FROM series').get()!.next)
  }

  /** Creates the series if it is new: inside a transaction. */
  idOf({ device, stream, class: retention }: { device: string; stream: string; class: RetentionClass }): number {
    const key = `${retention}\0${device}\0${stream}`
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const found = this.#statements
      .of('SELECT sid FROM series WHERE device = ? AND stream = ? AND class = ?')
      .get(device, stream, retention)
    let sid = found?.sid as number | undefined
    if (sid === undefined) {
      sid = this.#next++
      this.#statements.of('INSERT INTO series VALUES(?, ?, ?, ?)').run(sid, device, stream, retention)
      this.#devices = undefined
    }
    if (this.#known.size >= mostKnown) this.#known.clear()
    this.#known.set(key, sid)
    return sid
  }

  /** Inside a transaction; `forget` after it. */
  drop(sid: number): void {
    this.#statements.of('DELETE FROM series WHERE sid = ?').run(sid)
  }

  /** After a rollback or a drop: ids may not exist. */
  forget(): void {
    this.#known.clear()
    this.#devices = undefined
  }

  devices(): number {
    this.#devices ??= Number(this.#statements.of('SELECT count(*) AS n FROM (SELECT DISTINCT device FROM series)').get()!.n)
    return this.#devices
  }

  /** By device and stream. */
  of(devices: readonly string[], streams: readonly string[] | undefined): (Series & { sid: number })[] {
    const select = this.#statements.of('SELECT sid, stream FROM series WHERE device = ? ORDER BY stream, class')
    return [...new Set(devices)]
      .sort()
      .flatMap(device =>
        (select.all(device) as { sid: number; stream: string }[])
          .filter(({ stream }) => !streams || streams.includes(stream))
          .map(({ sid, stream }) => ({ sid, device, stream, read: (o: Parameters<Series['read']>[0]) => this.#read(sid, o) })),
      )
  }

  #read(sid: number, { start, bound, desc, limit }: Parameters<Series['read']>[0]): ReturnType<Series['read']> {
    const { time, tie, sub } = start
    const sql = desc
      ? `SELECT ${columns} FROM rows WHERE sid = ? AND time >= ? AND (time, tie, sub) < (?, ?, ?) ORDER BY time DESC, tie DESC, sub DESC LIMIT ?`
      : `SELECT ${columns} FROM rows WHERE sid = ? AND time < ? AND (time, tie, sub) > (?, ?, ?) ORDER BY time, tie, sub LIMIT ?`
    const rows = this.#statements.of(sql).all(sid, bound, time, tie, sub, limit) as unknown as TableRow[]
    return rows.map(storedRowOf)
  }
}
