import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { LoomError } from '../errors.ts'
import { fileError, makeFolder, makePrivateFile } from './folder.ts'
import { databaseError } from './sqlite/database.ts'

/**
 * Takes the data folder for this process: an exclusive transaction on `lock.db`, held until release; the system frees it when the process ends, however
 * it ends. Creates the folder (0700). STORE_LOCKED if another holds it, also within this process; STORE_READ_ONLY.
 */
export async function lockDataDir(dir: string): Promise<{ release(): Promise<void> }> {
  makeFolder(dir)
  try {
    accessSync(dir, constants.W_OK)
  } catch (error) {
    throw fileError(error, dir)
  }
  const path = join(dir, 'lock.db')
  makePrivateFile(path)
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(path)
    db.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    db?.close()
    const failure = databaseError(error, path)
    if (failure instanceof LoomError && failure.code === 'STORE_LOCKED')
      throw new LoomError('STORE_LOCKED', dir, { cause: error, hint: 'stop the other hub or choose another data folder' })
    throw failure
  }
  const held = db
  let released = false
  return {
    async release() {
      if (released) return
      released = true
      held.close()
    },
  }
}
