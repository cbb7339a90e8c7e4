import { existsSync, renameSync, rmSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { LoomError } from '../../errors.ts'
import type { JournalMeta, SeqRange, StoredConsumer, StoredLetter } from '../../journal/segment-port.ts'
import { makePrivateFile } from '../folder.ts'
import { journalFailure } from './journal-failure.ts'

const schema = `
  CREATE TABLE IF NOT EXISTS consumers(name TEXT PRIMARY KEY, spec TEXT, cursor INTEGER, updated INTEGER, seen INTEGER, state TEXT);
  CREATE TABLE IF NOT EXISTS pins(name TEXT PRIMARY KEY, seq INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS deadletters(id INTEGER PRIMARY KEY AUTOINCREMENT, seq INTEGER, device TEXT, consumer TEXT, code TEXT, message TEXT, node TEXT,
    deliveries INTEGER, at INTEGER, state TEXT, record BLOB);
  CREATE TABLE IF NOT EXISTS lost("from" INTEGER PRIMARY KEY, "to" INTEGER NOT NULL, reason TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS stops(orderly INTEGER NOT NULL);
`
const tables = ['consumers', 'pins', 'deadletters', 'lost'] as const
const name = 'meta.db'

/** `meta.db`: cursors, pins, dead letters, written in synced transactions. */
export class SqliteJournalMeta implements JournalMeta {
  readonly #db: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()
  /** The last stop was orderly, or there was none. */
  readonly orderly: boolean

  private constructor(db: DatabaseSync) {
    this.#db = db
    this.orderly = attempt(() => {
      const stop = db.prepare('SELECT orderly FROM stops').get()
      db.exec('BEGIN; DELETE FROM stops; INSERT INTO stops VALUES (0); COMMIT')
      return stop === undefined || stop.orderly === 1
    })
  }

  /** A damaged file becomes `.corrupt`; what can be read of it is taken over, and `cursorsLost` says whether that was all of the consumers. */
  static open(path: string): { meta: SqliteJournalMeta; cursorsLost: boolean; damage?: { file: string; kept: number } } {
    try {
      return { meta: new SqliteJournalMeta(connect(path)), cursorsLost: false }
    } catch (error) {
      const failure = journalFailure(error, name)
      if (failure.code !== 'JOURNAL_CORRUPT') throw failure
    }
    return attempt(() => {
      const aside = `${path}.corrupt`
      for (const suffix of ['', '-wal', '-shm']) {
        rmSync(aside + suffix, { force: true })
        if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix)
      }
      const fresh = connect(path)
      const { kept, complete } = takeOver(aside, fresh)
      return { meta: new SqliteJournalMeta(fresh), cursorsLost: !complete, damage: { file: `${name}.corrupt`, kept } }
    })
  }

  consumers(): StoredConsumer[] {
    return this.#all('SELECT name, spec, cursor, updated, seen, state FROM consumers') as unknown as StoredConsumer[]
  }

  saveConsumers(consumers: readonly StoredConsumer[]): void {
    this.#transaction(() => {
      for (const { name, spec, cursor, updated, seen, state } of consumers)
        this.#run('INSERT OR REPLACE INTO consumers VALUES (?, ?, ?, ?, ?, ?)', name, spec, cursor, updated, seen, state)
    })
  }

  deleteConsumer(name: string): void {
    this.#transaction(() => {
      this.#run('DELETE FROM consumers WHERE name = ?', name)
      this.#run(`DELETE FROM pins WHERE name = ? OR substr(name, 1, length(?) + 1) = ? || '/'`, name, name, name)
    })
  }

  pins(): [name: string, seq: number][] {
    return this.#all('SELECT name, seq FROM pins').map(row => [String(row.name), Number(row.seq)])
  }

  setPin(name: string, seq: number | undefined): void {
    if (seq === undefined) this.#run('DELETE FROM pins WHERE name = ?', name)
    else this.#run('INSERT OR REPLACE INTO pins VALUES (?, ?)', name, seq)
  }

  lost(): (SeqRange & { reason: 'corrupt' | 'dropped' })[] {
    return this.#all('SELECT "from", "to", reason FROM lost ORDER BY "from"') as unknown as (SeqRange & {
      reason: 'corrupt' | 'dropped'
    })[]
  }

  saveLost(ranges: readonly (SeqRange & { reason: 'corrupt' | 'dropped' })[]): void {
    this.#transaction(() => {
      this.#run('DELETE FROM lost')
      for (const { from, to, reason } of ranges) this.#run('INSERT INTO lost VALUES (?, ?, ?)', from, to, reason)
    })
  }

  addLetters(letters: readonly Omit<StoredLetter, 'id'>[]): number[] {
    const sql =
      'INSERT INTO deadletters(seq, device, consumer, code, message, node, deliveries, at, state, record) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)'
    const ids: number[] = []
    this.#transaction(() => {
      for (const { seq, device, consumer, code, message, node, deliveries, at, state, record } of letters) {
        const { lastInsertRowid } = this.#run(sql, seq, device, consumer, code, message, node, deliveries, at, state, record)
        ids.push(Number(lastInsertRowid))
      }
    })
    return ids
  }

  letter(id: number): StoredLetter | undefined {
    return attempt(() => this.#prepared('SELECT * FROM deadletters WHERE id = ?').get(id)) as unknown as StoredLetter | undefined
  }

  letters({
    before,
    limit,
    state,
  }: {
    before: number
    limit: number
    state?: StoredLetter['state'] | undefined
  }): StoredLetter[] {
    const rows = state
      ? this.#all('SELECT * FROM deadletters WHERE id < ? AND state = ? ORDER BY id DESC LIMIT ?', before, state, limit)
      : this.#all('SELECT * FROM deadletters WHERE id < ? ORDER BY id DESC LIMIT ?', before, limit)
    return rows as unknown as StoredLetter[]
  }

  putLetter({ id, seq, code, message, node, deliveries, state, record }: StoredLetter): void {
    const sql =
      'UPDATE deadletters SET seq = ?, code = ?, message = ?, node = ?, deliveries = ?, state = ?, record = ? WHERE id = ?'
    this.#run(sql, seq, code, message, node, deliveries, state, record, id)
  }

  letterTotals(): { count: number; bytes: number } {
    const [row] = this.#all('SELECT count(*) AS count, coalesce(sum(length(record)), 0) AS bytes FROM deadletters')
    return { count: Number(row!.count), bytes: Number(row!.bytes) }
  }

  oldestLetters(limit: number): { id: number; at: number; bytes: number }[] {
    const rows = this.#all('SELECT id, at, length(record) AS bytes FROM deadletters ORDER BY id LIMIT ?', limit)
    return rows as unknown as { id: number; at: number; bytes: number }[]
  }

  deleteLetters(upTo: number): void {
    this.#run('DELETE FROM deadletters WHERE id <= ?', upTo)
  }

  /** JOURNAL_FULL if the disk has no room for the mark; the next start then checks its files once more. */
  close(): void {
    try {
      this.#run('UPDATE stops SET orderly = 1')
    } finally {
      this.#db.close()
    }
  }

  /** Closes without the mark of an orderly stop. */
  abandon(): void {
    this.#db.close()
  }

  #prepared(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (!statement) this.#statements.set(sql, (statement = this.#db.prepare(sql)))
    return statement
  }

  #all(sql: string, ...values: (string | number)[]): Record<string, unknown>[] {
    return attempt(() => this.#prepared(sql).all(...values))
  }

  #run(sql: string, ...values: (string | number | null | Uint8Array)[]): { lastInsertRowid: number | bigint } {
    return attempt(() => this.#prepared(sql).run(...values))
  }

  #transaction(work: () => void): void {
    attempt(() => {
      this.#db.exec('BEGIN IMMEDIATE')
      try {
        work()
        this.#db.exec('COMMIT')
      } catch (error) {
        try {
          this.#db.exec('ROLLBACK')
        } catch {
          // SQLite rolls back by itself when the disk is full.
        }
        throw error
      }
    })
  }
}

function connect(path: string): DatabaseSync {
  makePrivateFile(path)
  const db = new DatabaseSync(path)
  try {
    // A short write-ahead file: it has to fit into what the reserve frees.
    db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 500; ${schema}`)
    const stop = db.prepare('SELECT orderly FROM stops').get()
    if (stop?.orderly === 0) {
      const [first] = db.prepare('PRAGMA quick_check(1)').all() as { quick_check: string }[]
      if (first?.quick_check !== 'ok') throw new LoomError('JOURNAL_CORRUPT', `${name}: ${first?.quick_check}`)
    }
    for (const table of tables) db.prepare(`SELECT * FROM ${table} LIMIT 1`).get()
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

/** Copies row by row until a table fails; the rest of that table is lost. */
function takeOver(from: string, to: DatabaseSync): { kept: number; complete: boolean } {
  let kept = 0
  let complete = true
  let old: DatabaseSync | undefined
  try {
    old = new DatabaseSync(from, { readOnly: true })
    for (const table of tables) {
      try {
        for (const row of old.prepare(`SELECT * FROM ${table}`).iterate() as Iterable<
          Record<string, string | number | null | Uint8Array>
        >) {
          const values = Object.values(row)
          to.prepare(`INSERT OR IGNORE INTO ${table} VALUES (${values.map(() => '?').join(', ')})`).run(...values)
          kept++
        }
      } catch {
        if (table === 'consumers') complete = false
      }
    }
  } catch {
    complete = false
  }
  try {
    old?.close()
  } catch {
    // The damaged file stays aside as it is.
  }
  return { kept, complete }
}

function attempt<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw journalFailure(error, name)
  }
}
