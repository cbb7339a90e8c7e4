import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { LoomError } from '../errors.ts'
import { fileError, syncFolder } from './folder.ts'
import { JsonFile } from './json/json-file.ts'
import { lockDataDir } from './lock.ts'
import { originOf, writeStateSnapshot } from './sqlite/state-snapshot.ts'

const names = ['state', 'identity'] as const

/**
 * Moves the JSON stores of a data folder to SQLite, versions and change feed kept, and renames the sources to `.json.migrated`. Harmless to repeat, also after a
 * crash at any point. STORE_LOCKED while a hub runs there, HUB_CONFIG_INVALID if there is no such folder or both stores hold documents.
 */
export async function migrateStore(o: {
  dataDir: string
  now: () => number
}): Promise<{ collections: number; documents: number }> {
  const { dataDir, now } = o
  if (!existsSync(dataDir))
    throw new LoomError('HUB_CONFIG_INVALID', `there is no folder ${dataDir}`, { hint: 'give the data folder of the hub' })
  const lock = await lockDataDir(dataDir)
  try {
    const total = { collections: 0, documents: 0 }
    for (const name of names) {
      const { collections, documents } = await migrateFile(join(dataDir, name), now())
      total.collections += collections
      total.documents += documents
    }
    await syncFolder(dataDir)
    return total
  } catch (error) {
    throw fileError(error, dataDir)
  } finally {
    await lock.release()
  }
}

/** The database appears under its name only when it is whole; its origin tells a repeated run that it was made of this very file. */
async function migrateFile(base: string, now: number): Promise<{ collections: number; documents: number }> {
  const [source, target, building] = [`${base}.json`, `${base}.db`, `${base}.db.new`]
  const snapshot = await new JsonFile(source).read()
  if (!snapshot) return { collections: 0, documents: 0 }
  const origin = createHash('sha256')
    .update(await readFile(source))
    .digest('hex')
  if (!existsSync(target)) {
    for (const suffix of ['', '-wal', '-shm']) await rm(building + suffix, { force: true })
    writeStateSnapshot({ path: building, snapshot, origin, now })
    await rename(building, target)
    await syncFolder(join(base, '..'))
  } else if (originOf(target) !== origin) {
    throw new LoomError('HUB_CONFIG_INVALID', `${source} and ${target} are two different stores`, {
      hint: 'keep the one that is right and move the other out of the folder',
    })
  }
  await rename(source, `${source}.migrated`)
  return { collections: snapshot.collections.length, documents: snapshot.collections.reduce((n, c) => n + c.docs.length, 0) }
}
