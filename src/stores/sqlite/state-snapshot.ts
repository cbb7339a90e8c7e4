import type { StoreSnapshot } from '../../storage/documents.ts'
import { databaseError, openDatabase } from './database.ts'
import { createCollection, createStateTables, tableOf } from './state-schema.ts'

/** Writes a new state database that continues the snapshot: versions, change feed, deleted versions. `origin` is kept in it. Synced when it returns. */
export function writeStateSnapshot(o: { path: string; snapshot: StoreSnapshot; origin: string; now: number }): void {
  const { path, snapshot, origin, now } = o
  const db = openDatabase(path)
  try {
    createStateTables(db, path)
    db.exec('BEGIN IMMEDIATE')
    db.prepare("INSERT INTO meta VALUES('origin', ?), ('seq', ?)").run(origin, snapshot.seq)
    for (const { name, indexes, unique, docs, gone } of snapshot.collections) {
      createCollection(db, name, undefined, { indexes, unique })
      const put = db.prepare(`INSERT INTO ${tableOf(name)}(id, ver, updated, doc) VALUES(?, ?, ?, ?)`)
      for (const { id, version, doc } of docs) put.run(id, version, now, JSON.stringify(doc))
      const forget = db.prepare('INSERT INTO gone VALUES(?, ?, ?, ?)')
      for (const { id, version, at } of gone) forget.run(name, id, version, at)
    }
    const change = db.prepare('INSERT INTO changes VALUES(?, ?, ?, ?, ?, ?, ?)')
    for (const { seq, coll, id, version, op, at, by } of snapshot.changes) change.run(seq, coll, id, version, op, at, by)
    db.exec('COMMIT')
  } catch (error) {
    throw databaseError(error, path)
  } finally {
    db.close()
  }
}

/** The origin a snapshot was written with; undefined for a database that began otherwise. */
export function originOf(path: string): string | undefined {
  const db = openDatabase(path)
  try {
    createStateTables(db, path)
    return db.prepare("SELECT value FROM meta WHERE key = 'origin'").get()?.value as string | undefined
  } catch (error) {
    throw databaseError(error, path)
  } finally {
    db.close()
  }
}
