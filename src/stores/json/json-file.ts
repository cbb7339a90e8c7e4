import { open, readFile, rename, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Adapter } from 'lowdb'
import { LoomError } from '../../errors.ts'
import { checkedSnapshot, type StoreSnapshot } from '../../storage/documents.ts'
import { closeToOthers, fileError, syncFolder } from '../folder.ts'

/**
 * The file of a JSON store, one document a line. A write is on disk when it resolves: temporary file, fsync, rename, fsync of the folder (lowdb's own
 * writer never syncs). A crash leaves the old file or the new one.
 */
export class JsonFile implements Adapter<StoreSnapshot> {
  readonly #path: string
  readonly #temporary: string

  constructor(path: string) {
    this.#path = path
    this.#temporary = `${path}.tmp`
  }

  /** Null if there is none yet. STORE_CORRUPT, STORE_READ_ONLY. */
  async read(): Promise<StoreSnapshot | null> {
    let text: string
    try {
      text = await readFile(this.#path, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw fileError(error, this.#path)
    }
    closeToOthers(this.#path)
    try {
      return checkedSnapshot(JSON.parse(text))
    } catch (cause) {
      throw new LoomError('STORE_CORRUPT', this.#path, {
        cause,
        hint: 'stop the hub, keep a copy of the file, correct its JSON or put back a backup of it',
      })
    }
  }

  async write(snapshot: StoreSnapshot): Promise<void> {
    try {
      const file = await open(this.#temporary, 'w', 0o600)
      try {
        await file.writeFile(textOf(snapshot))
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(this.#temporary, this.#path)
      await syncFolder(dirname(this.#path))
    } catch (error) {
      await unlink(this.#temporary).catch(() => {})
      throw fileError(error, this.#path)
    }
  }
}

function textOf({ format, seq, collections, changes }: StoreSnapshot): string {
  const parts = collections.map(
    ({ name, indexes, unique, docs, gone }) =>
      `{"name":${JSON.stringify(name)},"indexes":${JSON.stringify(indexes)},"unique":${JSON.stringify(unique)},` +
      `"docs":${lines(docs)},"gone":${lines(gone)}}`,
  )
  return `{"format":${format},"seq":${seq},"collections":[${parts.join(',\n')}],"changes":${lines(changes)}}\n`
}

const lines = (items: readonly object[]): string => `[\n${items.map(item => JSON.stringify(item)).join(',\n')}\n]`
