import { realpathSync, statSync } from 'node:fs'
import { join, resolve, sep } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { plainInteger } from '../../codec/plain.ts'
import { LoomError } from '../../errors.ts'
import { databaseError } from './database.ts'

export interface ReferenceFileOptions {
  /** What the file must lie in, links followed. */
  folder: string
  file: string
  table: string
  /** default: the first column */
  key?: string
}

interface Opened {
  db: DatabaseSync
  inode: number
  key: string
  columns: string[]
}

/** Values of one statement. */
const keysAtOnce = 500

/**
 * A table of somebody else's SQLite file, read only, by key. A file that was replaced is opened anew; what others write into it is seen at once. REFERENCE_INVALID for a file outside of
 * the folder, and for a table or column that is not there; of rows with the same key any one is answered.
 */
export class ReferenceFile {
  readonly #options: ReferenceFileOptions
  #opened: Opened | undefined

  constructor(options: ReferenceFileOptions) {
    this.#options = options
  }

  describe(): { key: string; columns: string[]; rows: number } {
    return this.#reading(({ db, key, columns }) => {
      const { n } = db.prepare(`SELECT count(*) AS n FROM ${quoted(this.#options.table)}`).get() as { n: number }
      return { key, columns, rows: n }
    })
  }

  lookup(keys: readonly string[]): Map<string, Record<string, unknown>> {
    return this.#reading(({ db, key }) => {
      const wanted = new Set(keys)
      const found = new Map<string, Record<string, unknown>>()
      for (let at = 0; at < keys.length; at += keysAtOnce) {
        const some = keys.slice(at, at + keysAtOnce).flatMap(bothForms)
        const marks = some.map(() => '?').join(',')
        const statement = db.prepare(`SELECT * FROM ${quoted(this.#options.table)} WHERE ${quoted(key)} IN (${marks})`)
        statement.setReadBigInts(true)
        for (const row of statement.iterate(...some) as Iterable<Record<string, unknown>>) {
          const text = String(row[key])
          if (wanted.has(text) && !found.has(text)) found.set(text, plainRow(row))
        }
      }
      return found
    })
  }

  close(): void {
    this.#opened?.db.close()
    this.#opened = undefined
  }

  #reading<T>(read: (opened: Opened) => T): T {
    const { file } = this.#options
    const path = this.#path()
    try {
      const inode = statSync(path).ino
      if (this.#opened && this.#opened.inode !== inode) this.close()
      this.#opened ??= { inode, ...this.#open(path) }
      return read(this.#opened)
    } catch (error) {
      this.close()
      throw databaseError(error, file)
    }
  }

  #path(): string {
    const { folder, file } = this.#options
    const outside = (cause?: unknown): LoomError =>
      new LoomError('REFERENCE_INVALID', `no file ${JSON.stringify(file.slice(0, 100))}`, {
        cause,
        hint: 'put it into the folder "reference" of the data folder of the hub',
      })
    // Before the file system is asked: nobody learns from an answer what else there is.
    if (!resolve(folder, file).startsWith(folder + sep)) throw outside()
    let path: string
    let home: string
    try {
      home = realpathSync(folder)
      path = realpathSync(join(folder, file))
    } catch (cause) {
      throw outside(cause)
    }
    if (!path.startsWith(home + sep) || !statSync(path).isFile()) throw outside()
    return path
  }

  #open(path: string): Omit<Opened, 'inode'> {
    const { table, key } = this.#options
    const db = new DatabaseSync(path, { readOnly: true })
    try {
      // The file is not ours: its schema may run nothing.
      db.exec('PRAGMA trusted_schema=OFF; PRAGMA query_only=ON; PRAGMA busy_timeout=1000')
      const there = db.prepare(`SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?`).get(table)
      if (!there || /^CREATE VIRTUAL/i.test(String(there.sql))) throw missing(`table ${table.slice(0, 60)}`)
      const columns = db
        .prepare(`PRAGMA table_info(${quoted(table)})`)
        .all()
        .map(({ name }) => String(name))
      if (key !== undefined && !columns.includes(key)) throw missing(`column ${key.slice(0, 60)}`)
      return { db, key: key ?? columns[0]!, columns }
    } catch (error) {
      db.close()
      throw error
    }
  }
}

const missing = (what: string): LoomError => new LoomError('REFERENCE_INVALID', `the file has no ${what}`)
const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`
/** A column without a type holds a number as a number, and no text equals that. */
const bothForms = (key: string): (string | number)[] => (key !== '' && String(Number(key)) === key ? [key, Number(key)] : [key])

const plainRow = (row: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(row).flatMap(([name, value]): [string, unknown][] => {
      if (value === null) return []
      if (typeof value === 'bigint') return [[name, plainInteger(value)]]
      return [[name, value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value]]
    }),
  )
