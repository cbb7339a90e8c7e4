import { statSync } from 'node:fs'
import { basename } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { LoomError } from '../../errors.ts'
import type { LogRow } from '../../journal/segment-port.ts'
import { makePrivateFile } from '../folder.ts'
import { journalFailure } from './journal-failure.ts'
import { RowInsert, segmentColumns } from './journal-row-insert.ts'

// No second index: the log is written in the order of its key. Idempotency keys are rare and have a table of their own.
const schema = `
  CREATE TABLE IF NOT EXISTS records(seq INTEGER PRIMARY KEY, at, kind, device TEXT, topic TEXT, qos, flags, props TEXT, payload BLOB);
  CREATE TABLE IF NOT EXISTS keys(key TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS info(created INTEGER NOT NULL, floor INTEGER NOT NULL);
`
const full = 2

/** One segment `{firstSeq}.db`, open. Every failure is a LoomError of `journalFailure`. */
export class SegmentFile {
  readonly path: string
  readonly firstSeq: number
  readonly #db: DatabaseSync
  #begin: StatementSync | undefined
  #commit: StatementSync | undefined
  #insert: RowInsert | undefined
  #insertKey: StatementSync | undefined
  #select: StatementSync | undefined

  private constructor(path: string, firstSeq: number, db: DatabaseSync) {
    this.path = path
    this.firstSeq = firstSeq
    this.#db = db
  }

  static create(path: string, firstSeq: number, info: { created: number; floor: number }): SegmentFile {
    return attempt(path, firstSeq, () => {
      makePrivateFile(path)
      const db = connect(path)
      try {
        db.exec(`BEGIN IMMEDIATE; ${schema}`)
        db.prepare('INSERT INTO info VALUES (?, ?)').run(info.created, info.floor)
        db.exec('COMMIT')
        return new SegmentFile(path, firstSeq, db)
      } catch (error) {
        db.close()
        throw error
      }
    })
  }

  static open(path: string, firstSeq: number): SegmentFile {
    return attempt(path, firstSeq, () => new SegmentFile(path, firstSeq, connect(path)))
  }

  /** The last record and what was noted at creation. A missing table is damage. */
  facts(): { lastSeq: number; lastAt: number; created: number } {
    return this.#attempt(() => {
      const info = this.#tolerant('SELECT created, floor FROM info')
      const last = this.#tolerant('SELECT seq, at FROM records ORDER BY seq DESC LIMIT 1')
      const floor = Number(info?.floor ?? 0)
      return {
        lastSeq: last ? Number(last.seq) : this.firstSeq - 1,
        lastAt: last ? Math.max(Number(last.at), floor) : floor,
        created: Number(info?.created ?? 0),
      }
    })
  }

  /** One transaction, synced; `beforeCommit` may throw and so undo it. */
  append(rows: readonly LogRow[], beforeCommit?: (rows: number) => void): void {
    this.#attempt(() => {
      this.#insert ??= new RowInsert(this.#db)
      this.#begin ??= this.#db.prepare('BEGIN IMMEDIATE')
      this.#begin.run()
      try {
        this.#insert.run(rows)
        for (let i = 0; i < rows.length; i++) if (rows[i]!.key !== undefined) this.#remember(rows[i]!.key!, rows[i]!.seq)
        beforeCommit?.(rows.length)
        this.#commit ??= this.#db.prepare('COMMIT')
        this.#commit.run()
      } catch (error) {
        this.#rollBack()
        throw error
      }
    })
  }

  seqOfKey(key: string): number | undefined {
    return this.#attempt(() => {
      const row = this.#db.prepare('SELECT seq FROM keys WHERE key = ?').get(key)
      return row && Number(row.seq)
    })
  }

  /** Up to `limit` rows or `bytes`, at least one if there is one. */
  read(from: number, limit: number, bytes: number): LogRow[] {
    return this.#attempt(() => {
      this.#select ??= this.#db.prepare(`SELECT ${segmentColumns} FROM records WHERE seq >= ? ORDER BY seq LIMIT ?`)
      const rows: LogRow[] = []
      let left = bytes
      for (const row of this.#select.iterate(from, limit) as Iterable<Record<string, unknown>>) {
        const sound = soundRow(row)
        rows.push(sound)
        left -= sound.payload.byteLength + sound.props.length
        if (left <= 0) break
      }
      return rows
    })
  }

  atOf(seq: number): number | undefined {
    return this.#attempt(() => {
      const row = this.#db.prepare('SELECT at FROM records WHERE seq >= ? ORDER BY seq LIMIT 1').get(seq)
      return row && Number(row.at)
    })
  }

  /** Size of the database without what a checkpoint has still to move. Costly: it takes a read lock. */
  logicalBytes(): number {
    return this.#attempt(() => Number(this.#db.prepare('PRAGMA page_count').get()!.page_count) * pageBytes)
  }

  diskBytes(): number {
    return fileBytes(this.path)
  }

  /** JOURNAL_CORRUPT unless SQLite finds the file sound. */
  check(): void {
    this.#attempt(() => {
      const [first] = this.#db.prepare('PRAGMA quick_check(1)').all() as { quick_check: string }[]
      if (first?.quick_check !== 'ok')
        throw new LoomError('JOURNAL_CORRUPT', `${basename(this.path)}: ${first?.quick_check}`, { position: this.firstSeq })
    })
  }

  /** The connection's settings as SQLite reports them. */
  settings(): { synchronous: number; journalMode: string; autocheckpoint: number } {
    return settingsOf(this.#db)
  }

  close(): void {
    this.#db.close()
  }

  #remember(key: string, seq: number): void {
    this.#insertKey ??= this.#db.prepare('INSERT INTO keys(key, seq) VALUES (?, ?)')
    this.#insertKey.run(key, seq)
  }

  #rollBack(): void {
    try {
      this.#db.exec('ROLLBACK')
    } catch {
      // SQLite rolls back by itself when the disk is full.
    }
  }

  #tolerant(sql: string): Record<string, unknown> | undefined {
    try {
      return this.#db.prepare(sql).get()
    } catch (error) {
      const { message } = error as Error
      if (!/no such (table|column)/.test(message)) throw error
      throw new LoomError('JOURNAL_CORRUPT', `${basename(this.path)}: ${message}`, { position: this.firstSeq, cause: error })
    }
  }

  #attempt<T>(work: () => T): T {
    return attempt(this.path, this.firstSeq, work)
  }
}

export const pageBytes = 4096

/** The size of a database with its write-ahead file. */
export const fileBytes = (path: string): number =>
  (statSync(path, { throwIfNoEntry: false })?.size ?? 0) + (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0)

/** A damaged page can yield values of other types; such a row is damage, too. */
export function soundRow(row: Record<string, unknown>): LogRow {
  const { seq, at, kind, device, topic, qos, flags, props, payload } = row
  if (typeof device !== 'string' || typeof topic !== 'string' || typeof props !== 'string' || !(payload instanceof Uint8Array))
    throw Object.assign(new Error(`record ${seq} is damaged`), { errcode: 11 })
  return {
    seq: Number(seq),
    at: Number(at),
    kind: Number(kind),
    device,
    topic,
    qos: Number(qos),
    flags: Number(flags),
    props,
    payload,
  }
}

/** With the durability the journal promises; JOURNAL_FAILED on a volume where SQLite cannot give it. */
function connect(path: string): DatabaseSync {
  const db = new DatabaseSync(path)
  try {
    db.exec(
      `PRAGMA page_size = ${pageBytes}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000`,
    )
    const { journalMode, synchronous } = settingsOf(db)
    if (journalMode !== 'wal' || synchronous !== full)
      throw new LoomError('JOURNAL_FAILED', `${basename(path)}: this volume offers journal mode "${journalMode}" only`)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

function settingsOf(db: DatabaseSync): { synchronous: number; journalMode: string; autocheckpoint: number } {
  const value = (name: string): unknown => Object.values(db.prepare(`PRAGMA ${name}`).get()!)[0]
  return {
    synchronous: Number(value('synchronous')),
    journalMode: String(value('journal_mode')),
    autocheckpoint: Number(value('wal_autocheckpoint')),
  }
}

function attempt<T>(path: string, firstSeq: number, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw journalFailure(error, basename(path), firstSeq)
  }
}
