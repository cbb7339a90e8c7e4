import { existsSync } from 'node:fs'
import { access, constants } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Low } from 'lowdb'
import { LoomError } from '../../errors.ts'
import { Documents, type StoreSnapshot } from '../../storage/documents.ts'
import type { Change, Doc, Page, Query, StateStore, Stored, Write } from '../../storage/state-store.ts'
import {
  type CheckedWrite,
  checkCollection,
  checkedIndexes,
  checkedWrite,
  checkPosition,
  closedStore,
} from '../../storage/write.ts'
import { fileError, makeFolder } from '../folder.ts'
import { JsonFile } from './json-file.ts'

export interface JsonStateStoreOptions {
  /** of the file; its folder is created */
  path: string
  now: () => number
  /** A warning from `warnAt` documents of `coll` on, no new ones from `refuseAt` on. */
  limit?: { coll: string; warnAt: number; refuseAt: number }
  warn?: (message: string) => void
  /** Least time between two writes of the file, default 250. */
  coalesceMs?: number
}

/**
 * Documents in one readable JSON file, written whole: for some hundred devices. Writes share a file write at most every 250 ms, and resolve after it; one
 * that fails takes all its changes back. Of the change feed at most the newest 10,000 are kept.
 * Opening: STORE_CORRUPT, STORE_READ_ONLY, HUB_CONFIG_INVALID if the file was migrated to SQLite.
 */
export async function openJsonStateStore(options: JsonStateStoreOptions): Promise<StateStore> {
  const { path } = options
  if (!existsSync(path) && existsSync(`${path}.migrated`))
    throw new LoomError('HUB_CONFIG_INVALID', `${path} was migrated to SQLite`, { hint: 'set the store to sqlite' })
  makeFolder(dirname(path))
  await access(dirname(path), constants.W_OK).catch(error => {
    throw fileError(error, dirname(path))
  })
  const file = new Low<StoreSnapshot>(new JsonFile(path), new Documents().snapshot())
  await file.read()
  return new JsonStateStore(options, file)
}

interface Job {
  writes: CheckedWrite[]
  by: string
  resolve(versions: number[]): void
  reject(error: Error): void
}

/** A job whose writes are in memory and wait for the file. */
interface Applied {
  job: Job
  versions: number[]
  undo: () => void
}

class JsonStateStore implements StateStore {
  readonly #options: JsonStateStoreOptions
  readonly #file: Low<StoreSnapshot>
  readonly #documents: Documents
  #queue: Job[] = []
  #flush: Promise<void> | undefined
  #cooling: NodeJS.Timeout | undefined
  #scheduled = false
  #warned = false
  #declares = false
  #closed = false

  constructor(options: JsonStateStoreOptions, file: Low<StoreSnapshot>) {
    this.#options = options
    this.#file = file
    this.#documents = Documents.of(file.data)
    if (options.limit && file.data.collections.some(c => c.name === options.limit!.coll)) this.#warnIfLarge()
  }

  async declare(coll: string, o: { indexes?: readonly string[]; unique?: readonly string[] }): Promise<void> {
    this.#checkOpen()
    checkCollection(coll)
    // Goes to disk with the next write or the close: a crash before loses an empty collection, and who opens the store declares it again.
    if (this.#documents.declare(coll, checkedIndexes(o))) this.#declares = true
  }

  async get<T extends Doc>(coll: string, id: string): Promise<Stored<T> | null> {
    this.#checkOpen()
    return this.#documents.get<T>(coll, id)
  }

  async put(coll: string, id: string, doc: Doc, o: { version?: number | 'new'; by?: string } = {}): Promise<number> {
    const { version, by } = o
    return (await this.tx([{ op: 'put', coll, id, doc, ...(version !== undefined && { version }) }], { by: by ?? '' }))[0]!
  }

  async delete(coll: string, id: string, o: { version?: number; by?: string } = {}): Promise<void> {
    const { version, by } = o
    await this.tx([{ op: 'delete', coll, id, ...(version !== undefined && { version }) }], { by: by ?? '' })
  }

  async query<T extends Doc>(coll: string, query: Query): Promise<Page<T>> {
    this.#checkOpen()
    return this.#documents.query<T>(coll, query)
  }

  async tx(writes: readonly Write[], o: { by?: string } = {}): Promise<number[]> {
    this.#checkOpen()
    const checked = writes.map(checkedWrite)
    for (const { coll } of checked) this.#documents.count(coll)
    return checked.length ? this.#add(checked, o.by ?? '') : []
  }

  async changes(since: number, limit: number): Promise<Change[]> {
    this.#checkOpen()
    checkPosition(since, limit)
    return this.#documents.changes(since, limit)
  }

  async count(coll: string): Promise<number> {
    this.#checkOpen()
    return this.#documents.count(coll)
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#cooling)
    this.#cooling = undefined
    while (this.#flush || this.#queue.length || this.#declares) await (this.#flush ?? this.#start())
  }

  #add(writes: CheckedWrite[], by: string): Promise<number[]> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ writes, by, resolve, reject })
      this.#cooling?.ref()
      if (this.#flush || this.#cooling || this.#scheduled) return
      this.#scheduled = true
      setImmediate(() => {
        this.#scheduled = false
        if (!this.#flush && this.#queue.length) void this.#start()
      })
    })
  }

  #start(): Promise<void> {
    this.#flush = this.#write().then(() => {
      this.#flush = undefined
      if (this.#closed) return
      this.#cooling = setTimeout(() => {
        this.#cooling = undefined
        if (this.#queue.length) void this.#start()
      }, this.#options.coalesceMs ?? 250)
      if (!this.#queue.length) this.#cooling.unref()
    })
    return this.#flush
  }

  /** Never rejects: each job learns its own end. Nothing else is applied until the file is written, so undoing in reverse restores all. */
  async #write(): Promise<void> {
    const applied: Applied[] = []
    const declares = this.#declares
    this.#declares = false
    for (const job of this.#queue.splice(0)) {
      try {
        this.#checkLimit(job.writes)
        applied.push({ job, ...this.#documents.apply(job.writes, { by: job.by, now: this.#options.now() }) })
      } catch (error) {
        job.reject(LoomError.from(error))
      }
    }
    if (!applied.length && !declares) return
    try {
      this.#file.data = this.#documents.snapshot()
      await this.#file.write()
    } catch (error) {
      this.#declares = declares && !this.#closed
      for (const { undo } of applied.reverse()) undo()
      for (const { job } of applied) job.reject(LoomError.from(error))
      return
    }
    this.#documents.prune(this.#options.now())
    if (applied.some(({ job }) => job.writes.some(w => w.coll === this.#options.limit?.coll))) this.#warnIfLarge()
    for (const { job, versions } of applied) job.resolve(versions)
  }

  #checkLimit(writes: readonly CheckedWrite[]): void {
    const { limit, path } = this.#options
    if (!limit) return
    const added = writes.filter(w => w.op === 'put' && w.coll === limit.coll && !this.#documents.get(w.coll, w.id)).length
    if (!added || this.#documents.count(limit.coll) + added <= limit.refuseAt) return
    throw new LoomError('STORE_LIMIT', `a JSON store holds at most ${limit.refuseAt} ${limit.coll}`, {
      hint: migrationHint(path),
    })
  }

  #warnIfLarge(): void {
    const { limit, warn, path } = this.#options
    if (!limit || this.#warned) return
    const count = this.#documents.count(limit.coll)
    if (count < limit.warnAt) return
    this.#warned = true
    warn?.(
      `the JSON store ${path} holds ${count} ${limit.coll} and slows down; it refuses more at ${limit.refuseAt}: ${migrationHint(path)}`,
    )
  }

  #checkOpen(): void {
    if (this.#closed) throw closedStore()
  }
}

const migrationHint = (path: string): string => `stop the hub and migrate with: npx thingloom migrate --data ${dirname(path)}`
