import { existsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { LoomError } from '../../errors.ts'
import { fileError, makeFolder, makePrivateFile } from '../folder.ts'

/**
 * Opens or creates a database whose commits are synced (WAL, synchronous=FULL), file 0600. After an unclean stop, seen by a log that was left behind, the
 * whole file is checked unless `checked` is false. `maxBytes` bounds its size. STORE_CORRUPT, STORE_READ_ONLY, STORE_LOCKED.
 */
export function openDatabase(
  path: string,
  { maxBytes, checked = true }: { maxBytes?: number | undefined; checked?: boolean } = {},
): DatabaseSync {
  makeFolder(dirname(path))
  makePrivateFile(path)
  const unclean = checked && existsSync(`${path}-wal`) && statSync(`${path}-wal`).size > 0
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(path)
    db.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=4000; PRAGMA cache_size=-16000')
    if (unclean) check(db, path)
    if (maxBytes !== undefined) db.exec(`PRAGMA max_page_count=${Math.max(1, Math.floor(maxBytes / pageBytes(db)))}`)
    return db
  } catch (error) {
    db?.close()
    throw databaseError(error, path)
  }
}

function check(db: DatabaseSync, path: string): void {
  const found = Object.values(db.prepare('PRAGMA quick_check(1)').get() ?? {})[0]
  if (found !== 'ok') throw corrupt(path, String(found).slice(0, 100))
}

const pageBytes = (db: DatabaseSync): number => Number(Object.values(db.prepare('PRAGMA page_size').get()!)[0])

const corrupt = (path: string, detail: string, cause?: unknown): LoomError =>
  new LoomError('STORE_CORRUPT', `${path}: ${detail}`, {
    cause,
    hint: 'stop the hub, keep a copy of the file for repair, and put back a backup of it; deleting it loses what it holds',
  })

/** Result codes of SQLite (https://sqlite.org/rescode.html). */
const results = {
  busy: 5,
  locked: 6,
  readOnly: 8,
  ioError: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  constraint: 19,
  notADatabase: 26,
}

/** The LoomError of a failed statement or of stored text that is no JSON any more; bugs and anything unexpected pass. */
export function databaseError(error: unknown, path: string): Error {
  if (error instanceof LoomError) return error
  const result = resultOf(error)
  if (isDamage(error)) return corrupt(path, (error as Error).message.slice(0, 100), error)
  if (result === undefined) return fileError(error, path)
  if (result === results.readOnly || result === results.cannotOpen)
    return new LoomError('STORE_READ_ONLY', path, {
      cause: error,
      hint: 'make the file and its folder writable for the user that runs Node-RED',
    })
  if (result === results.full)
    return new LoomError('STORE_LIMIT', `no space left for ${path}`, {
      cause: error,
      hint: 'free space on that disk, or raise the limit',
    })
  if (result === results.busy || result === results.locked)
    return new LoomError('STORE_LOCKED', path, { cause: error, hint: 'close the other program that has the file open' })
  return error as Error
}

/** Whether the content of the file is to blame, also of an error that was translated before. */
export function isDamage(error: unknown): boolean {
  if (error instanceof LoomError) return error.cause !== undefined && isDamage(error.cause)
  const result = resultOf(error)
  return result === results.corrupt || result === results.notADatabase || error instanceof SyntaxError
}

export const isConstraint = (error: unknown): boolean => resultOf(error) === results.constraint

/** The primary result code; extended codes carry it in the low byte. */
function resultOf(error: unknown): number | undefined {
  const { code, errcode } = error as { code?: string; errcode?: number }
  return code === 'ERR_SQLITE_ERROR' && errcode !== undefined ? errcode & 0xff : undefined
}

/** Prepared statements by their text, the least lately used dropped beyond 300. */
export class Statements {
  readonly #db: DatabaseSync
  readonly #cache = new Map<string, StatementSync>()

  constructor(db: DatabaseSync) {
    this.#db = db
  }

  of(sql: string): StatementSync {
    const known = this.#cache.get(sql)
    if (known) {
      if (this.#cache.size < 300) return known
      this.#cache.delete(sql)
      this.#cache.set(sql, known)
      return known
    }
    const statement = this.#db.prepare(sql)
    this.#cache.set(sql, statement)
    if (this.#cache.size > 300) this.#cache.delete(this.#cache.keys().next().value!)
    return statement
  }
}
