import type { DatabaseSync } from 'node:sqlite'
import { databaseError } from './database.ts'
import { rollback } from './group-commit.ts'

/** What `work` wrote is committed when this returns, or nothing of it. */
export function inTransaction<T>({ db, path }: { db: DatabaseSync; path: string }, work: () => T): T {
  try {
    db.exec('BEGIN IMMEDIATE')
    const result = work()
    db.exec('COMMIT')
    return result
  } catch (error) {
    rollback(db)
    throw databaseError(error, path)
  }
}
