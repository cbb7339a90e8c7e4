import { LoomError } from '../errors.ts'
import { isTableName, type ReferenceContent, referenceLimits } from '../storage/reference-table.ts'
import type { Page, StateStore, Write } from '../storage/state-store.ts'
import type { AuditTrail } from './audit-trail.ts'
import type { ReferenceView, SqliteSource } from './hub-reference.ts'

const tablesColl = 'reference_tables'
/** By `{table}|{version}|{key}`, the row in `row`. */
const rowsColl = 'reference_rows'
const rowsInTx = 500
const bytesInTx = 1_048_576
const keysAtOnce = 500
/** Times that a lookup starts again since the table was replaced meanwhile. */
const mostTries = 10

/** `version` 0: nothing of it counts yet. */
interface Head extends ReferenceView {
  /** versions whose rows are to go, and the one that is being written */
  stale: number[]
}

export interface PutReference {
  name: string
  by: string
  content: Omit<ReferenceContent, 'rows' | 'bytes'> &
    ({ rows: ReadonlyMap<string, unknown>; bytes: number } | { count: number; sqlite: SqliteSource })
}

/** Reference tables on disk, a document a row. It must be the only writer of its collections. What a crash leaves of a table that was being written goes with `clean`. */
export async function openReferenceStore(o: { state: StateStore; trail: Pick<AuditTrail, 'write'>; now: () => number }) {
  const { state, trail, now } = o
  await state.declare(tablesColl, {})
  await state.declare(rowsColl, {})
  const heads = new Map<string, Head>()
  let queue: Promise<unknown> = Promise.resolve()
  let stopping = false
  const { items } = await state.query<Head>(tablesColl, { limit: 1000 })
  for (const { id, doc } of items) heads.set(id, doc)

  const inOrder = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = queue.then(work)
    queue = turn.catch(() => {})
    return turn
  }
  const need = (name: string): Head => {
    const head = heads.get(name)
    if (!head?.version) throw new LoomError('REFERENCE_UNKNOWN', JSON.stringify(String(name).slice(0, 100)))
    return head
  }
  const known = (): Head[] => [...heads.values()].filter(({ version }) => version > 0)
  const save = async (head: Head, more: Write[] = [], by?: string): Promise<void> => {
    await state.tx([{ op: 'put', coll: tablesColl, id: head.name, doc: head }, ...more], by === undefined ? {} : { by })
    heads.set(head.name, head)
  }

  /** Removes rows that count no more; with the last of them a table that was deleted is gone. */
  const clean = async (name: string): Promise<void> => {
    const head = heads.get(name)
    if (!head) return
    for (const version of head.stale)
      for (let left = true; left; ) {
        if (stopping) return
        const rows: Page = await state.query(rowsColl, { where: [['id', 'prefix', prefixOf(name, version)]], limit: rowsInTx })
        await state.tx(rows.items.map(({ id }) => ({ op: 'delete', coll: rowsColl, id })))
        left = rows.items.length === rowsInTx
      }
    if (head.version) return head.stale.length ? save({ ...head, stale: [] }) : undefined
    await state.tx([{ op: 'delete', coll: tablesColl, id: name }])
    heads.delete(name)
  }

  const write = async (name: string, version: number, rows: ReadonlyMap<string, unknown>): Promise<void> => {
    let writes: Write[] = []
    let bytes = 0
    for (const [key, row] of rows) {
      writes.push({ op: 'put', coll: rowsColl, id: prefixOf(name, version) + key, doc: { row } })
      bytes += JSON.stringify(row).length
      if (writes.length < rowsInTx && bytes < bytesInTx) continue
      await state.tx(writes)
      ;[writes, bytes] = [[], 0]
    }
    if (writes.length) await state.tx(writes)
  }

  const rowsOf = async (name: string, version: number, keys: readonly string[]): Promise<{ key: string; row: unknown }[]> => {
    const prefix = prefixOf(name, version)
    const found: { key: string; row: unknown }[] = []
    for (let at = 0; at < keys.length; at += keysAtOnce) {
      const ids = keys.slice(at, at + keysAtOnce).map(key => prefix + key)
      const { items } = await state.query<{ row: unknown }>(rowsColl, { where: [['id', 'in', ids]], limit: 1000 })
      for (const { id, doc } of items) found.push({ key: id.slice(prefix.length), row: doc.row })
    }
    return found
  }

  return {
    /** REFERENCE_UNKNOWN. */
    need: (name: string): ReferenceView => viewOf(need(name)),

    list({ prefix = '', limit = 100, cursor = '' }: { prefix?: string; limit?: number; cursor?: string }) {
      const all = known().filter(({ name }) => name.startsWith(prefix) && name > cursor)
      all.sort((a, b) => (a.name < b.name ? -1 : 1))
      const items = all.slice(0, Math.min(Math.max(limit, 1), 1000)).map(viewOf)
      return { items, ...(items.length < all.length && { next: items.at(-1)!.name }) }
    },

    /** Resolves when it counts; the rows of before are then on their way out. */
    put: ({ name, by, content }: PutReference): Promise<ReferenceView> =>
      inOrder(async () => {
        if (!isTableName(name))
          throw new LoomError('REFERENCE_INVALID', `name ${JSON.stringify(name)?.slice(0, 80)}`, {
            hint: 'a letter, then up to 63 letters, digits, _ or -',
          })
        const before = heads.get(name)
        if (!before?.version && known().length >= referenceLimits.tables)
          throw new LoomError('REFERENCE_LIMIT', `${referenceLimits.tables} tables`, { hint: 'delete old ones' })
        const { key, columns } = content
        const stale = before?.stale ?? []
        const version = Math.max(before?.version ?? 0, ...stale) + 1
        const blank = { name, key, columns, rows: 0, bytes: 0, updatedAt: now(), by, version: 0, stale }
        const head: Head =
          'sqlite' in content
            ? { ...blank, version, rows: content.count, sqlite: content.sqlite }
            : { ...blank, version, rows: content.rows.size, bytes: content.bytes }
        if ('rows' in content) {
          await save({ ...(before ?? blank), stale: [...stale, version] })
          try {
            await write(name, version, content.rows)
          } catch (error) {
            await clean(name).catch(() => {})
            throw error
          }
        }
        const done = { ...head, stale: before?.version ? [...stale, before.version] : stale }
        const detail = { version, rows: head.rows }
        await save(done, [trail.write('state', { by, action: 'reference.put', target: name, detail })], by)
        return viewOf(done)
      }),

    delete: ({ name, by }: { name: string; by: string }): Promise<void> =>
      inOrder(async () => {
        const head = need(name)
        const audit = trail.write('state', { by, action: 'reference.delete', target: name })
        await save({ ...head, version: 0, stale: [...head.stale, head.version] }, [audit], by)
      }),

    /** Removes what no lookup finds any more. */
    clean: (): Promise<void> =>
      inOrder(async () => {
        for (const { name, stale, version } of [...heads.values()]) if (stale.length || !version) await clean(name)
      }),

    /** What is not cleaned up yet is left to the next start. Resolves when nothing is written any more. */
    async stop(): Promise<void> {
      stopping = true
      await queue
    },

    /** All of one version, of a table whose rows are in the hub. */
    async lookup(table: string, keys: readonly string[]): Promise<{ version: number; items: { key: string; row: unknown }[] }> {
      for (let tries = 0; tries < mostTries; tries++) {
        const { version } = need(table)
        const items = await rowsOf(table, version, keys)
        // Rows of a version that counts no more may be gone.
        if (heads.get(table)?.version === version) return { version, items }
      }
      throw new LoomError('STORE_VERSION_CONFLICT', `table ${table} is replaced all the time`)
    },
  }
}

export type ReferenceStore = Awaited<ReturnType<typeof openReferenceStore>>

const prefixOf = (table: string, version: number): string => `${table}|${version}|`
const viewOf = ({ stale: _, ...view }: Head): ReferenceView => structuredClone(view)
