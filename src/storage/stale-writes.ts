import type { StateStore, Write } from './state-store.ts'

const pageSize = 500

/** Slices that fit a query by `in`, without repeated values. */
export function* pagesOf(values: readonly string[]): Generator<string[]> {
  const all = [...new Set(values)]
  for (let at = 0; at < all.length; at += pageSize) yield all.slice(at, at + pageSize)
}

/**
 * Those of `writes`, to be done in this order, that expect another version than the current one: which of a transaction's writes were refused, as its
 * STORE_VERSION_CONFLICT names only the first. Values of unique paths are not looked at.
 */
export async function staleWrites(store: StateStore, writes: readonly Write[]): Promise<Set<Write>> {
  const ids = new Map<string, string[]>()
  for (const { coll, id, version } of writes)
    if (version !== undefined) {
      const known = ids.get(coll)
      if (known) known.push(id)
      else ids.set(coll, [id])
    }
  const current = new Map<string, number | 'written'>()
  for (const [coll, wanted] of ids)
    for (const some of pagesOf(wanted)) {
      const { items } = await store.query(coll, { where: [['id', 'in', some]], limit: some.length })
      for (const { id, version } of items) current.set(`${coll}/${id}`, version)
    }
  const stale = new Set<Write>()
  for (const write of writes) {
    const key = `${write.coll}/${write.id}`
    const { version } = write
    const now = current.get(key)
    const fits = version === undefined || now === 'written' || (version === 'new' ? now === undefined : now === version)
    if (!fits) stale.add(write)
    else if (write.op === 'delete') current.delete(key)
    else current.set(key, 'written')
  }
  return stale
}
