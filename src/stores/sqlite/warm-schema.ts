import type { DatabaseSync } from 'node:sqlite'
import { LoomError } from '../../errors.ts'
import type { Stamp, StoredRow } from '../../storage/warm-row.ts'

/** `rows` is clustered by series and time: a range of one device is one walk. `x` holds what few rows have. */
export function createWarmTables(db: DatabaseSync, path: string): void {
  db.exec(`
    CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
    INSERT OR IGNORE INTO meta VALUES('format', 1), ('rows', 0);
    CREATE TABLE IF NOT EXISTS series(
      sid INTEGER PRIMARY KEY, device TEXT NOT NULL, stream TEXT NOT NULL, class TEXT NOT NULL, UNIQUE(device, stream, class));
    CREATE TABLE IF NOT EXISTS rows(
      sid INTEGER NOT NULL, time INTEGER NOT NULL, tie INTEGER NOT NULL, sub INTEGER NOT NULL,
      arrived INTEGER NOT NULL, seq INTEGER, jseq INTEGER, idx INTEGER, x TEXT, v TEXT NOT NULL,
      PRIMARY KEY(sid, time, tie, sub)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS latest(sid INTEGER PRIMARY KEY, points TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS cursors(consumer TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;`)
  const format = db.prepare("SELECT value FROM meta WHERE key = 'format'").get()?.value
  if (format !== 1)
    throw new LoomError('STORE_CORRUPT', `${path} has format ${String(format)}`, {
      hint: 'use the version of Thingloom that wrote it',
    })
}

export const columns = 'time, tie, sub, arrived, seq, jseq, idx, x, v'

export interface TableRow extends Omit<StoredRow, 'values' | 'mixed' | 'schema'> {
  x: string | null
  v: string
}

/** Property by property: spreading the driver's null-prototype rows costs more than reading them. */
export function storedRowOf({ time, tie, sub, arrived, seq, jseq, idx, x, v }: TableRow): StoredRow {
  const values: Record<string, unknown> = JSON.parse(v)
  if (x === null) return { time, tie, sub, arrived, seq, jseq, idx, schema: null, values, mixed: null }
  const { schema = null, mixed = null } = JSON.parse(x) as { schema?: string; mixed?: Record<string, Stamp> }
  return { time, tie, sub, arrived, seq, jseq, idx, schema, values, mixed }
}

/** What column `x` holds. */
export function extraOf({ schema, mixed }: StoredRow): string | null {
  return schema === null && mixed === null
    ? null
    : JSON.stringify({ ...(schema !== null && { schema }), ...(mixed && { mixed }) })
}
