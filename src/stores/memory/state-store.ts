import { Documents } from '../../storage/documents.ts'
import type { Change, Doc, Page, Query, StateStore, Stored, Write } from '../../storage/state-store.ts'
import { checkCollection, checkedIndexes, checkedWrite, checkPosition, closedStore } from '../../storage/write.ts'

/** Documents that live as long as the process. Of the change feed at most the newest 10,000 are kept. */
export async function openMemoryStateStore({ now }: { now: () => number }): Promise<StateStore> {
  const documents = new Documents()
  let closed = false
  const opened = (): Documents => {
    if (closed) throw closedStore()
    return documents
  }
  const write = (writes: readonly Write[], by = ''): number[] => {
    const { versions } = opened().apply(writes.map(checkedWrite), { by, now: now() })
    documents.prune(now())
    return versions
  }
  return {
    async declare(coll, o) {
      checkCollection(coll)
      opened().declare(coll, checkedIndexes(o))
    },
    async get<T extends Doc>(coll: string, id: string): Promise<Stored<T> | null> {
      return opened().get<T>(coll, id)
    },
    async put(coll, id, doc, { version, by } = {}) {
      return write([{ op: 'put', coll, id, doc, ...(version !== undefined && { version }) }], by)[0]!
    },
    async delete(coll, id, { version, by } = {}) {
      write([{ op: 'delete', coll, id, ...(version !== undefined && { version }) }], by)
    },
    async query<T extends Doc>(coll: string, query: Query): Promise<Page<T>> {
      return opened().query<T>(coll, query)
    },
    async tx(writes, { by } = {}) {
      return write(writes, by)
    },
    async changes(since, limit): Promise<Change[]> {
      checkPosition(since, limit)
      return opened().changes(since, limit)
    },
    async count(coll) {
      return opened().count(coll)
    },
    async close() {
      closed = true
    },
  }
}
