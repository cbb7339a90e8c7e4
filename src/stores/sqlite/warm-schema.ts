import type { DatabaseSync } from 'node:sqlite'
import { LoomError } from '../../errors.ts'
import type { Stamp, StoredRow } from '../../storage/warm-row.ts'
import { Statements } from './database.ts'
import { WarmLatest } from './warm-latest.ts'
import { inTransaction } from './warm-transaction.ts'

const format = 2

/**
 * `rows` is clustered by series and time: a range of one device is one walk; `x` holds what few rows have. `point` of `latest_values` is a name in JSON;
 * `latest_unwritten` names series whose rows from that time and arrival on may hold newer ones. What an older format wrote is brought to this one.
 */
export function createWarmTables(db: DatabaseSync, path: string): void {
  db.exec(`
    CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
    INSERT OR IGNORE INTO meta VALUES('format', ${format}), ('rows', 0)`)
  const found = db.prepare("SELECT value FROM meta WHERE key = 'format'").get()?.value
  if (found !== 1 && found !== format)
    throw new LoomError('STORE_CORRUPT', `${path} has format ${String(found)}`, {
      hint: 'use the version of Thingloom that wrote it',
    })
  db.exec(`
    CREATE TABLE IF NOT EXISTS series(
      sid INTEGER PRIMARY KEY, device TEXT NOT NULL, stream TEXT NOT NULL, class TEXT NOT NULL, UNIQUE(device, stream, class));
    CREATE TABLE IF NOT EXISTS rows(
      sid INTEGER NOT NULL, time INTEGER NOT NULL, tie INTEGER NOT NULL, sub INTEGER NOT NULL,
      arrived INTEGER NOT NULL, seq INTEGER, jseq INTEGER, idx INTEGER, x TEXT, v TEXT NOT NULL,
      PRIMARY KEY(sid, time, tie, sub)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS latest_values(
      sid INTEGER NOT NULL, point TEXT NOT NULL, time INTEGER NOT NULL,
      arrived INTEGER NOT NULL, jseq INTEGER NOT NULL, idx INTEGER NOT NULL, v TEXT NOT NULL,
      PRIMARY KEY(sid, point)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS latest_unwritten(sid INTEGER PRIMARY KEY, time INTEGER NOT NULL, arrived INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS cursors(consumer TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;`)
  if (found === 1) importFormat1({ db, path })
}

/** Format 1 had the last values of a series in one JSON text, of any number of names. */
function importFormat1({ db, path }: { db: DatabaseSync; path: string }): void {
  const latest = new WarmLatest(new Statements(db))
  inTransaction({ db, path }, () => {
    const rows = db.prepare('SELECT sid, points FROM latest').iterate() as Iterable<{ sid: number; points: string }>
    for (const { sid, points } of rows) {
      const entries = JSON.parse(points) as [string, number, Stamp, unknown][]
      latest.put(sid, new Map(entries.map(([name, time, stamp, value]) => [name, { time, stamp, value }])))
    }
    db.exec(`DROP TABLE latest; UPDATE meta SET value = ${format} WHERE key = 'format'`)
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
