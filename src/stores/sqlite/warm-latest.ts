import { type Latest, latestOf, latestText, noteLatest } from '../../storage/latest.ts'
import type { StoredRow } from '../../storage/warm-row.ts'
import type { Statements } from './database.ts'

const mostKnown = 20_000

/** The last values of each series: one row a series, written once a transaction however many readings it holds. */
export class WarmLatest {
  readonly #statements: Statements
  readonly #known = new Map<number, Latest>()
  readonly #touched = new Set<number>()

  constructor(statements: Statements) {
    this.#statements = statements
  }

  of(sid: number): Latest {
    let latest = this.#known.get(sid)
    if (latest) return latest
    const row = this.#statements.of('SELECT points FROM latest WHERE sid = ?').get(sid) as { points: string } | undefined
    latest = row ? latestOf(row.points) : new Map()
    if (this.#known.size >= mostKnown && !this.#touched.size) this.#known.clear()
    this.#known.set(sid, latest)
    return latest
  }

  note(sid: number, row: StoredRow): void {
    noteLatest(this.of(sid), row)
    this.#touched.add(sid)
  }

  /** At the end of a transaction. */
  write(): void {
    const put = this.#statements.of('INSERT OR REPLACE INTO latest VALUES(?, ?)')
    for (const sid of this.#touched) put.run(sid, latestText(this.#known.get(sid)!))
    this.#touched.clear()
    if (this.#known.size > mostKnown) this.#known.clear()
  }

  /** After a rollback. */
  forget(): void {
    this.#known.clear()
    this.#touched.clear()
  }
}
