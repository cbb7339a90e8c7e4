import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import type { LogRow } from '../../journal/segment-port.ts'

const columns = ['seq', 'at', 'kind', 'device', 'topic', 'qos', 'flags', 'props', 'payload'] as const
export const segmentColumns = columns.join(', ')

/** Rows of one statement, largest first: running a statement costs more than binding another row to it. */
const sizes = [32, 8, 1]

/** Inserts the rows of a commit with few statements. */
export class RowInsert {
  readonly #db: DatabaseSync
  readonly #statements = new Map<number, StatementSync>()

  constructor(db: DatabaseSync) {
    this.#db = db
  }

  run(rows: readonly LogRow[]): void {
    let at = 0
    for (const size of sizes)
      while (rows.length - at >= size) {
        const values: SQLInputValue[] = []
        for (const end = at + size; at < end; at++) {
          const row = rows[at]!
          values.push(row.seq, row.at, row.kind, row.device, row.topic, row.qos, row.flags, row.props, row.payload)
        }
        this.#of(size).run(...values)
      }
  }

  #of(size: number): StatementSync {
    let statement = this.#statements.get(size)
    if (!statement) {
      const row = `(${columns.map(() => '?').join(', ')})`
      statement = this.#db.prepare(`INSERT INTO records(${segmentColumns}) VALUES ${Array(size).fill(row).join(', ')}`)
      this.#statements.set(size, statement)
    }
    return statement
  }
}
