import { LoomError } from '../../errors.ts'
import { readBytes, type SpoolEntry, type SpoolPort } from '../../routing/action/spool-port.ts'
import { databaseError, openDatabase, Statements } from './database.ts'
import { GroupCommit } from './group-commit.ts'

type Job =
  | { do: 'append'; endpoint: string; at: number; content: Uint8Array }
  | { do: 'remove'; endpoint: string; ids: readonly number[] }

interface Total {
  count: number
  bytes: number
}

const transactionBytes = 16 * 1024 * 1024

/** A spool in a file of its own. STORE_CORRUPT, STORE_READ_ONLY, STORE_LOCKED. */
export async function openSqliteSpool({ path }: { path: string }): Promise<SpoolPort> {
  const db = openDatabase(path)
  const statements = new Statements(db)
  // AUTOINCREMENT: the id of an entry that was removed last must not come again.
  db.exec(`CREATE TABLE IF NOT EXISTS entries(
    id INTEGER PRIMARY KEY AUTOINCREMENT, endpoint TEXT NOT NULL, at INTEGER NOT NULL, size INTEGER NOT NULL, content BLOB NOT NULL) STRICT;
    CREATE INDEX IF NOT EXISTS by_endpoint ON entries(endpoint, id, at, size)`)
  let closed = false
  const totals = new Map<string, Total>()
  for (const { endpoint, ...total } of db
    .prepare('SELECT endpoint, count(*) AS count, sum(size) AS bytes FROM entries GROUP BY endpoint')
    .all() as unknown as (Total & { endpoint: string })[])
    totals.set(endpoint, total)
  /** What the open transaction changes. */
  let changes: { endpoint: string; count: number; bytes: number }[] = []

  const commits = new GroupCommit<Job, number>({
    db,
    limit: transactionBytes,
    size: job => (job.do === 'append' ? job.content.byteLength : 0),
    apply(job) {
      if (job.do === 'remove') {
        for (const id of job.ids) {
          const found = statements.of('SELECT size FROM entries WHERE id = ? AND endpoint = ?').get(id, job.endpoint)
          if (!found) continue
          statements.of('DELETE FROM entries WHERE id = ?').run(id)
          changes.push({ endpoint: job.endpoint, count: -1, bytes: -Number(found.size) })
        }
        return 0
      }
      const { endpoint, at, content } = job
      const { lastInsertRowid } = statements
        .of('INSERT INTO entries(endpoint, at, size, content) VALUES(?, ?, ?, ?)')
        .run(endpoint, at, content.byteLength, content)
      changes.push({ endpoint, count: 1, bytes: content.byteLength })
      return Number(lastInsertRowid)
    },
    committed() {
      for (const { endpoint, count, bytes } of changes) {
        const before = totals.get(endpoint) ?? { count: 0, bytes: 0 }
        totals.set(endpoint, { count: before.count + count, bytes: before.bytes + bytes })
        if (before.count + count === 0) totals.delete(endpoint)
      }
      changes = []
    },
    undone() {
      changes = []
    },
    errorOf: error => databaseError(error, path),
  })
  const add = async (job: Job): Promise<number> => {
    if (closed) throw new LoomError('STORE_CLOSED', path)
    return commits.add(job)
  }

  return {
    append: (endpoint, { at, content }) => add({ do: 'append', endpoint, at, content }),
    async remove(endpoint, ids) {
      await add({ do: 'remove', endpoint, ids })
    },
    async read(endpoint, { limit, after = 0 }) {
      if (closed) throw new LoomError('STORE_CLOSED', path)
      const found: SpoolEntry[] = []
      let bytes = 0
      try {
        const rows = statements
          .of('SELECT id, at, content FROM entries WHERE endpoint = ? AND id > ? ORDER BY id LIMIT ?')
          .iterate(endpoint, after, limit)
        for (const row of rows as Iterable<SpoolEntry & Record<string, never>>) {
          bytes += row.content.byteLength
          if (found.length && bytes > readBytes) break
          found.push({ id: row.id, at: row.at, content: row.content })
        }
      } catch (error) {
        throw databaseError(error, path)
      }
      return found
    },
    figures(endpoint) {
      const total = totals.get(endpoint)
      if (!total || closed) return { count: 0, bytes: 0 }
      const oldest = statements.of('SELECT at FROM entries WHERE endpoint = ? ORDER BY id LIMIT 1').get(endpoint)
      return { ...total, ...(oldest && { oldestAt: Number(oldest.at) }) }
    },
    endpoints: () => [...totals.keys()],
    async close() {
      if (closed) return
      closed = true
      commits.drain()
      db.close()
    },
  }
}
