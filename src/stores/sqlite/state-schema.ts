import type { DatabaseSync } from 'node:sqlite'
import { LoomError } from '../../errors.ts'

export interface Declared {
  indexes: string[]
  unique: string[]
}

/** Tables every state database has; STORE_CORRUPT for one of another format. */
export function createStateTables(db: DatabaseSync, path: string): void {
  db.exec(`
    CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
    INSERT OR IGNORE INTO meta VALUES('format', 1);
    CREATE TABLE IF NOT EXISTS collections(name TEXT PRIMARY KEY, indexes TEXT NOT NULL, uniques TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS changes(
      seq INTEGER PRIMARY KEY, coll TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, op TEXT NOT NULL, at INTEGER NOT NULL, by TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS gone(
      coll TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY(coll, id)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS gone_at ON gone(at);`)
  const format = db.prepare("SELECT value FROM meta WHERE key = 'format'").get()?.value
  if (format !== 1)
    throw new LoomError('STORE_CORRUPT', `${path} has format ${String(format)}`, {
      hint: 'use the version of Thingloom that wrote it',
    })
}

export function declaredCollections(db: DatabaseSync): Map<string, Declared> {
  const rows = db.prepare('SELECT name, indexes, uniques FROM collections').all() as {
    name: string
    indexes: string
    uniques: string
  }[]
  return new Map(rows.map(({ name, indexes, uniques }) => [name, { indexes: JSON.parse(indexes), unique: JSON.parse(uniques) }]))
}

/** Creates the table and the indexes that are missing; runs inside a transaction of the caller. Resolves the union with what was there. */
export function createCollection(db: DatabaseSync, coll: string, before: Declared | undefined, wanted: Declared): Declared {
  const declared = {
    indexes: [...new Set([...(before?.indexes ?? []), ...wanted.indexes])],
    unique: [...new Set([...(before?.unique ?? []), ...wanted.unique])],
  }
  db.exec(`CREATE TABLE IF NOT EXISTS ${tableOf(coll)}(
    n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, ver INTEGER NOT NULL, updated INTEGER NOT NULL, doc TEXT NOT NULL)`)
  for (const path of declared.indexes)
    db.exec(`CREATE INDEX IF NOT EXISTS "i:${coll}:${path}" ON ${tableOf(coll)}(${expressionOf(path)}, id)`)
  for (const path of declared.unique)
    db.exec(`CREATE UNIQUE INDEX IF NOT EXISTS "u:${coll}:${path}" ON ${tableOf(coll)}(${expressionOf(path)})`)
  db.prepare('INSERT OR REPLACE INTO collections VALUES(?, ?, ?)').run(
    coll,
    JSON.stringify(declared.indexes),
    JSON.stringify(declared.unique),
  )
  return declared
}

/** Collection names are checked before: they need no escape. */
export const tableOf = (coll: string): string => `"c_${coll}"`

/** The SQL of a checked path; must be the same text in index and query, else SQLite does not use the index. */
export function expressionOf(path: string): string {
  if (path === 'id') return 'id'
  const names = path.split('.').map(name => `."${name.replaceAll("'", "''")}"`)
  return `doc->>'$${names.join('')}'`
}

/** The path of the unique index that refused a row, from SQLite's message; `` if it names none. */
export function uniquePathOf(message: string): string {
  return /index 'u:[a-z0-9_]+:(.+)'/.exec(message)?.[1] ?? ''
}
