import type { DatabaseSync } from 'node:sqlite'
import { type IncomingRow, mergedRow, type StoredRow } from '../../storage/warm-row.ts'
import type { Duplicates } from '../../storage/warm-store.ts'
import { databaseError, type Statements } from './database.ts'
import { GroupCommit } from './group-commit.ts'
import { columns, extraOf, storedRowOf, type TableRow } from './warm-schema.ts'
import type { WarmSeries } from './warm-series.ts'
import type { WarmUnwritten } from './warm-unwritten.ts'

export interface AppendJob {
  rows: IncomingRow[]
  duplicates: Duplicates
  cursor: { consumer: string; seq: number } | undefined
}

interface Appended {
  stored: number
  duplicates: number
}

/** Writes rows, last values and cursors, appends of one loop turn in one transaction. */
export class WarmWriter {
  readonly #statements: Statements
  readonly #series: WarmSeries
  readonly #unwritten: WarmUnwritten
  readonly #commits: GroupCommit<AppendJob, Appended>
  /** rows of the store: in the open transaction, and committed */
  #rows: number
  #committed: number
  readonly total: Appended = { stored: 0, duplicates: 0 }

  constructor(o: { db: DatabaseSync; path: string; statements: Statements; series: WarmSeries; unwritten: WarmUnwritten }) {
    this.#statements = o.statements
    this.#series = o.series
    this.#unwritten = o.unwritten
    this.#rows = this.#committed = Number(o.statements.of("SELECT value FROM meta WHERE key = 'rows'").get()!.value)
    this.#commits = new GroupCommit({
      db: o.db,
      limit: 2_000,
      size: job => job.rows.length,
      apply: job => this.#apply(job),
      finish: () => this.#finish(),
      committed: () => {
        this.#committed = this.#rows
        this.#unwritten.committed()
      },
      undone: () => this.#undone(),
      errorOf: error => databaseError(error, o.path),
    })
  }

  get rows(): number {
    return this.#committed
  }

  async append(job: AppendJob): Promise<Appended> {
    const { stored, duplicates } = await this.#commit(job)
    this.total.stored += stored
    this.total.duplicates += duplicates
    return { stored, duplicates }
  }

  /** Damage among the last values must not keep rows out. */
  async #commit(job: AppendJob): Promise<Appended> {
    for (;;) {
      const { lost } = this.#unwritten
      try {
        return await this.#commits.add(job)
      } catch (error) {
        if (this.#unwritten.lost === lost) throw error
      }
    }
  }

  drain(): void {
    this.#commits.drain()
  }

  cursor(consumer: string): number {
    return Number(this.#statements.of('SELECT seq FROM cursors WHERE consumer = ?').get(consumer)?.seq ?? 0)
  }

  /** Rows were deleted in a transaction of the caller, which calls `committed` of the result after its commit. */
  dropped(rows: number): { committed(): void } {
    this.#setRows(this.#committed - rows)
    return {
      committed: () => {
        this.#rows = this.#committed -= rows
      },
    }
  }

  /** What a consumer stored already is not looked at again, so a repeat changes nothing whatever its rows carry. */
  #apply({ rows, duplicates, cursor }: AppendJob): Appended {
    const reached = cursor ? this.cursor(cursor.consumer) : 0
    if (cursor && cursor.seq <= reached) return { stored: 0, duplicates: rows.length }
    let stored = 0
    for (const incoming of rows) {
      const { jseq } = incoming.row
      if (!(cursor && jseq !== null && jseq <= reached) && this.#store(incoming, duplicates)) stored++
    }
    if (cursor) this.#statements.of('INSERT OR REPLACE INTO cursors VALUES(?, ?)').run(cursor.consumer, cursor.seq)
    this.#rows += stored
    return { stored, duplicates: rows.length - stored }
  }

  /** Whether the row is new. */
  #store(incoming: IncomingRow, duplicates: Duplicates): boolean {
    const { row, text } = incoming
    const sid = this.#series.idOf(incoming)
    if (duplicates === 'first' && this.#statements.of('SELECT 1 FROM rows WHERE sid = ? AND time = ? LIMIT 1').get(sid, row.time))
      return false
    const place = row.sub < 0 ? { ...row, sub: this.#nextSub(sid, row) } : row
    const inserted = this.#put('INSERT OR IGNORE', sid, place, text)
    if (inserted) this.#unwritten.note(sid, row, text.length)
    else if (duplicates === 'merge') this.#merge(sid, incoming)
    return inserted
  }

  #merge(sid: number, { row, text }: IncomingRow): void {
    const found = this.#statements
      .of(`SELECT ${columns} FROM rows WHERE sid = ? AND time = ? AND tie = ? AND sub = ?`)
      .get(sid, row.time, row.tie, row.sub) as unknown as TableRow
    const merged = mergedRow(storedRowOf(found), row)
    this.#put('INSERT OR REPLACE', sid, merged, JSON.stringify(merged.values))
    this.#unwritten.note(sid, row, text.length)
  }

  #nextSub(sid: number, { time, tie }: StoredRow): number {
    return Number(
      this.#statements
        .of('SELECT coalesce(max(sub), -1) + 1 AS sub FROM rows WHERE sid = ? AND time = ? AND tie = ?')
        .get(sid, time, tie)!.sub,
    )
  }

  #put(how: 'INSERT OR IGNORE' | 'INSERT OR REPLACE', sid: number, row: StoredRow, text: string): boolean {
    const { time, tie, sub, arrived, seq, jseq, idx } = row
    const put = this.#statements.of(`${how} INTO rows(sid, ${columns}) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
    return Number(put.run(sid, time, tie, sub, arrived, seq, jseq, idx, extraOf(row), text).changes) > 0
  }

  #finish(): void {
    this.#unwritten.write()
    if (this.#rows !== this.#committed) this.#setRows(this.#rows)
  }

  #setRows(rows: number): void {
    this.#statements.of("UPDATE meta SET value = ? WHERE key = 'rows'").run(rows)
  }

  #undone(): void {
    this.#rows = this.#committed
    this.#series.forget()
    this.#unwritten.undone()
  }
}
