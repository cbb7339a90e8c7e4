import { existsSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { LoomError } from '../../errors.ts'
import { cursorOf, planQuery } from '../../storage/query.ts'
import type { Change, Doc, Page, Query, StateStore, Stored, Write } from '../../storage/state-store.ts'
import type { Key } from '../../storage/value-order.ts'
import {
  type CheckedWrite,
  changesKeptMs,
  checkCollection,
  checkedIndexes,
  checkedWrite,
  checkPosition,
  checkVersion,
  closedStore,
  notUnique,
  undeclared,
} from '../../storage/write.ts'
import { databaseError, isConstraint, openDatabase, Statements } from './database.ts'
import { GroupCommit, rollback } from './group-commit.ts'
import { selectOf } from './state-query.ts'
import { createCollection, createStateTables, type Declared, declaredCollections, tableOf, uniquePathOf } from './state-schema.ts'
import { TextCache } from './text-cache.ts'

export interface SqliteStateStoreOptions {
  /** of the database file; its folder is created */
  path: string
  now: () => number
  /** Size of the file past which writes are STORE_LIMIT; default as large as the disk. */
  maxBytes?: number
  /** What is deleted is overwritten in the file. */
  overwrite?: boolean
}

/**
 * Documents in one SQLite file. A write that fails its check fails alone; a full disk fails the writes of its turn with STORE_LIMIT and reads go on.
 * Opening: STORE_CORRUPT, STORE_READ_ONLY, HUB_CONFIG_INVALID if a JSON store of that name waits for migration.
 */
export async function openSqliteStateStore(options: SqliteStateStoreOptions): Promise<StateStore> {
  refuseUnmigrated(options.path)
  return new SqliteStateStore(options)
}

interface Job {
  writes: CheckedWrite[]
  by: string
}

interface DocumentRow {
  id: string
  ver: number
  doc: string
  k: Key
}

const pruneEveryMs = 3_600_000
const pruneRows = 1_000

class SqliteStateStore implements StateStore {
  readonly #path: string
  readonly #now: () => number
  readonly #db: DatabaseSync
  readonly #statements: Statements
  readonly #commits: GroupCommit<Job, number[]>
  readonly #cache = new TextCache<string>({ most: 10_000, mostUnits: 32 * 1024 ** 2 })
  readonly #declared: Map<string, Declared>
  /** of the newest change: in this transaction, and on disk */
  #seq: number
  #jobSeq: number
  #groupSeq: number
  #lastAt: number
  #nextPrune = 0
  #closed = false

  constructor({ path, now, maxBytes, overwrite = false }: SqliteStateStoreOptions) {
    this.#path = path
    this.#now = now
    this.#db = openDatabase(path, { maxBytes })
    try {
      if (overwrite) this.#db.exec('PRAGMA secure_delete = ON')
      createStateTables(this.#db, path)
      this.#declared = declaredCollections(this.#db)
      const last = this.#db.prepare('SELECT seq, at FROM changes ORDER BY seq DESC LIMIT 1').get() as Change | undefined
      const inherited = this.#db.prepare("SELECT value AS seq FROM meta WHERE key = 'seq'").get() as Change | undefined
      this.#seq = this.#jobSeq = this.#groupSeq = Math.max(last?.seq ?? 0, inherited?.seq ?? 0)
      this.#lastAt = last?.at ?? 0
    } catch (error) {
      this.#db.close()
      throw databaseError(error, path)
    }
    this.#statements = new Statements(this.#db)
    this.#commits = new GroupCommit({
      db: this.#db,
      limit: 1_000,
      size: job => job.writes.length,
      apply: job => this.#apply(job),
      finish: () => this.#prune(),
      committed: jobs => this.#committed(jobs),
      undone: scope => this.#undone(scope),
      errorOf: error => databaseError(error, path),
    })
  }

  async declare(coll: string, o: { indexes?: readonly string[]; unique?: readonly string[] }): Promise<void> {
    this.#checkOpen()
    checkCollection(coll)
    const wanted = checkedIndexes(o)
    const before = this.#declared.get(coll)
    if (before && !wanted.indexes.some(p => !before.indexes.includes(p)) && !wanted.unique.some(p => !before.unique.includes(p)))
      return
    try {
      this.#db.exec('BEGIN IMMEDIATE')
      const declared = createCollection(this.#db, coll, before, wanted)
      this.#db.exec('COMMIT')
      this.#declared.set(coll, declared)
    } catch (error) {
      rollback(this.#db)
      throw isConstraint(error) ? notUnique(coll, uniquePathOf((error as Error).message)) : databaseError(error, this.#path)
    }
  }

  async get<T extends Doc>(coll: string, id: string): Promise<Stored<T> | null> {
    this.#checkOpen()
    this.#declaredOf(coll)
    const key = `${coll}/${id}`
    let entry = this.#cache.get(key)
    if (!entry) {
      const row = this.#read(`SELECT ver, doc FROM ${tableOf(coll)} WHERE id = ?`, String(id))[0] as DocumentRow | undefined
      if (!row) return null
      entry = { version: row.ver, text: row.doc }
      this.#cache.set(key, entry)
    }
    return { id, doc: JSON.parse(entry.text) as T, version: entry.version }
  }

  async put(coll: string, id: string, doc: Doc, o: { version?: number | 'new'; by?: string } = {}): Promise<number> {
    const { version, by = '' } = o
    return (await this.#commit([{ op: 'put', coll, id, doc, ...(version !== undefined && { version }) }], by))[0]!
  }

  async delete(coll: string, id: string, o: { version?: number; by?: string } = {}): Promise<void> {
    const { version, by = '' } = o
    await this.#commit([{ op: 'delete', coll, id, ...(version !== undefined && { version }) }], by)
  }

  async tx(writes: readonly Write[], o: { by?: string } = {}): Promise<number[]> {
    return this.#commit(writes, o.by ?? '')
  }

  async query<T extends Doc>(coll: string, query: Query): Promise<Page<T>> {
    this.#checkOpen()
    const { indexes, unique } = this.#declaredOf(coll)
    const plan = planQuery(query, new Set([...indexes, ...unique]))
    const { sql, values } = selectOf(coll, plan)
    const rows = this.#read(sql, ...values) as DocumentRow[]
    const items = rows.slice(0, plan.limit).map(({ id, ver, doc }) => ({ id, doc: JSON.parse(doc) as T, version: ver }))
    if (rows.length <= plan.limit) return { items }
    const last = rows[plan.limit - 1]!
    return { items, next: cursorOf(plan, { key: last.k, id: last.id }) }
  }

  async changes(since: number, limit: number): Promise<Change[]> {
    this.#checkOpen()
    checkPosition(since, limit)
    const rows = this.#read('SELECT * FROM changes WHERE seq > ? ORDER BY seq LIMIT ?', since, limit) as Change[]
    return rows.map(row => ({ ...row }))
  }

  async count(coll: string): Promise<number> {
    this.#checkOpen()
    this.#declaredOf(coll)
    return Number((this.#read(`SELECT count(*) AS n FROM ${tableOf(coll)}`)[0] as { n: number }).n)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#commits.drain()
    this.#db.close()
  }

  async #commit(writes: readonly Write[], by: string): Promise<number[]> {
    this.#checkOpen()
    const checked = writes.map(checkedWrite)
    for (const { coll } of checked) this.#declaredOf(coll)
    return checked.length ? this.#commits.add({ writes: checked, by }) : []
  }

  #apply({ writes, by }: Job): number[] {
    this.#jobSeq = this.#seq
    this.#lastAt = Math.max(this.#lastAt, this.#now())
    return writes.map(write => this.#write(write, by))
  }

  #write(write: CheckedWrite, by: string): number {
    const { coll, id, op } = write
    const table = tableOf(coll)
    const at = this.#lastAt
    const current = this.#statements.of(`SELECT ver FROM ${table} WHERE id = ?`).get(id) as { ver: number } | undefined
    checkVersion(write, current?.ver)
    if (op === 'delete' && !current) return 0
    let version = current?.ver ?? 0
    if (op === 'delete') {
      this.#statements.of(`DELETE FROM ${table} WHERE id = ?`).run(id)
      this.#statements.of('INSERT OR REPLACE INTO gone VALUES(?, ?, ?, ?)').run(coll, id, version, at)
    } else if (current) {
      this.#refusable(coll, `UPDATE ${table} SET ver = ?, updated = ?, doc = ? WHERE id = ?`, ++version, at, write.text, id)
    } else {
      const gone = this.#statements.of('SELECT version FROM gone WHERE coll = ? AND id = ?').get(coll, id) as Change | undefined
      version = (gone?.version ?? 0) + 1
      this.#refusable(coll, `INSERT INTO ${table}(ver, updated, doc, id) VALUES(?, ?, ?, ?)`, version, at, write.text, id)
      if (gone) this.#statements.of('DELETE FROM gone WHERE coll = ? AND id = ?').run(coll, id)
    }
    this.#statements.of('INSERT INTO changes VALUES(?, ?, ?, ?, ?, ?, ?)').run(++this.#seq, coll, id, version, op, at, by)
    return version
  }

  #refusable(coll: string, sql: string, version: number, at: number, text: string, id: string): void {
    try {
      this.#statements.of(sql).run(version, at, text, id)
    } catch (error) {
      throw isConstraint(error) ? notUnique(coll, uniquePathOf((error as Error).message)) : error
    }
  }

  /** The newest change always stays: it carries the sequence on. */
  #prune(): void {
    const now = this.#now()
    if (now < this.#nextPrune) return
    const cutoff = now - changesKeptMs
    const { changes } = this.#statements
      .of('DELETE FROM changes WHERE seq < ? AND seq IN (SELECT seq FROM changes ORDER BY seq LIMIT ?) AND at < ?')
      .run(this.#seq, pruneRows, cutoff)
    const gone = this.#statements.of(
      'DELETE FROM gone WHERE at < ? AND (coll, id) IN (SELECT coll, id FROM gone WHERE at < ? ORDER BY at LIMIT ?)',
    )
    const forgotten = gone.run(cutoff, cutoff, pruneRows).changes
    if (Number(changes) < pruneRows - 1 && Number(forgotten) < pruneRows) this.#nextPrune = now + pruneEveryMs
  }

  #committed(jobs: readonly Job[]): void {
    this.#groupSeq = this.#seq
    for (const { writes } of jobs) for (const { coll, id } of writes) this.#cache.delete(`${coll}/${id}`)
  }

  #undone(scope: 'job' | 'group'): void {
    this.#seq = scope === 'job' ? this.#jobSeq : this.#groupSeq
  }

  #read(sql: string, ...values: (string | number)[]): unknown[] {
    try {
      return this.#statements.of(sql).all(...values)
    } catch (error) {
      throw databaseError(error, this.#path)
    }
  }

  #declaredOf(coll: string): Declared {
    const declared = this.#declared.get(coll)
    if (!declared) throw undeclared(coll)
    return declared
  }

  #checkOpen(): void {
    if (this.#closed) throw closedStore()
  }
}

function refuseUnmigrated(path: string): void {
  const json = path.replace(/\.db$/, '.json')
  if (json === path || existsSync(path) || !existsSync(json)) return
  throw new LoomError('HUB_CONFIG_INVALID', `${json} holds the documents of a JSON store`, {
    hint: 'migrate it with: npx thingloom migrate --data <dir>, or set the store back to json',
  })
}
