import { LoomError } from '../errors.ts'
import { isConflict } from '../identity/identity-store.ts'
import type { StateStore, Stored, Write } from '../storage/state-store.ts'
import { type AllowListEntry, checkEntry, isPattern, keysOfSerial } from './allow-list-entry.ts'

export interface Writing {
  /** who did it, for the change feed */
  by?: string
  /** further documents of the same store, written in the same transaction */
  also?: readonly Write[]
}

export interface AllowListView {
  name: string
  createdAt: number
  /** entries that stand for every serial of some beginning */
  patterns: AllowListEntry[]
}

/** An entry as it is kept. */
export interface KeptEntry extends AllowListEntry {
  /** the device that came with it; each entry admits one */
  spentBy?: string
  /** epoch ms */
  spentAt?: number
}

export interface AllowListMatch {
  entry: KeptEntry
  /** Marks it as spent, in the transaction that admits the device: a second one at the same time is a conflict. None for a pattern. */
  spend(o: { by: string; at: number }): Write[]
}

/** Named lists of the devices that may come. It must be the only writer of its collections. */
export interface AllowLists {
  /** PROV_INVALID, PROV_EXISTS, PROV_LIMIT. */
  create(name: string, o?: Writing): Promise<AllowListView>
  get(name: string): Promise<AllowListView | undefined>
  list(): Promise<AllowListView[]>
  /** With its entries; may be repeated after an interruption. NOT_FOUND. */
  delete(name: string, o?: Writing): Promise<void>
  /** All of these or none, at most 500; what is known is replaced and stays spent. NOT_FOUND, PROV_INVALID, PROV_LIMIT. */
  add(name: string, entries: readonly unknown[], o?: Writing): Promise<{ added: number; replaced: number }>
  /** At most 500. */
  remove(name: string, serials: readonly string[], o?: Writing): Promise<{ removed: number }>
  /** By serial, without patterns. */
  entries(name: string, o?: { limit?: number; cursor?: string }): Promise<{ items: KeptEntry[]; next?: string }>
  /** The entry that names this serial: itself, by its hash, or by a pattern. Three reads at most. */
  match(name: string, serial: string): Promise<AllowListMatch | undefined>
}

const listsColl = 'allow_lists'
const entriesColl = 'allow_list_entries'
const mostLists = 1000
const mostPatterns = 500
const mostAtOnce = 500
const maxTries = 5

interface ListDoc {
  createdAt: number
  patterns: AllowListEntry[]
}

export async function openAllowLists(o: {
  store: StateStore
  now: () => number
  /** of all lists together, default 1,000,000 */
  mostEntries?: number
}): Promise<AllowLists> {
  const { store, now, mostEntries = 1_000_000 } = o
  await store.declare(listsColl, {})
  await store.declare(entriesColl, {})
  let total = await store.count(entriesColl)

  const found = async (name: string): Promise<Stored<ListDoc>> => {
    const stored = isListName(name) ? await store.get<ListDoc>(listsColl, name) : null
    if (!stored) throw new LoomError('NOT_FOUND', `no allow list ${JSON.stringify(String(name).slice(0, 80))}`)
    return stored
  }
  const again = async <T>(work: () => Promise<T>): Promise<T> => {
    for (let tries = 1; ; tries++) {
      try {
        return await work()
      } catch (error) {
        if (!isConflict(error) || tries === maxTries) throw error
      }
    }
  }
  const known = async (ids: readonly string[]) => {
    const page = ids.length
      ? await store.query<KeptEntry>(entriesColl, { where: [['id', 'in', ids]], limit: 1000 })
      : { items: [] as Stored<KeptEntry>[] }
    return new Map(page.items.map(stored => [stored.id, stored]))
  }
  const viewOf = ({ id, doc }: Stored<ListDoc>): AllowListView => ({ name: id, ...doc })

  return {
    async create(name, { by, also = [] } = {}) {
      if (!isListName(name)) throw new LoomError('PROV_INVALID', 'name', { hint: 'a list name has 1 to 64 of A-Z a-z 0-9 . _ -' })
      if ((await store.count(listsColl)) >= mostLists) throw new LoomError('PROV_LIMIT', `${mostLists} lists`)
      const doc: ListDoc = { createdAt: now(), patterns: [] }
      await store
        .tx([{ op: 'put', coll: listsColl, id: name, doc, version: 'new' }, ...also], byOf(by))
        .catch(error => Promise.reject(isConflict(error) ? new LoomError('PROV_EXISTS', `list "${name}"`) : error))
      return { name, ...doc }
    },
    async get(name) {
      const stored = isListName(name) ? await store.get<ListDoc>(listsColl, name) : null
      return stored ? viewOf(stored) : undefined
    },
    list: async () => (await store.query<ListDoc>(listsColl, { limit: 1000 })).items.map(viewOf),
    async delete(name, { by, also = [] } = {}) {
      await found(name)
      while (true) {
        const { items } = await store.query(entriesColl, { where: [['id', 'prefix', `${name}/`]], limit: mostAtOnce })
        if (items.length === 0) break
        await store.tx(
          items.map(({ id }): Write => ({ op: 'delete', coll: entriesColl, id })),
          byOf(by),
        )
        total -= items.length
      }
      await store.tx([{ op: 'delete', coll: listsColl, id: name }, ...also], byOf(by))
    },
    async add(name, given, { by, also = [] } = {}) {
      if (given.length > mostAtOnce) throw new LoomError('PROV_LIMIT', `${given.length} entries at once, at most ${mostAtOnce}`)
      const entries = new Map(given.map(value => checkEntry(value)).map(entry => [entry.serial.toLowerCase(), entry]))
      return again(async () => {
        const { doc, version } = await found(name)
        const plain = [...entries].filter(([, entry]) => !isPattern(entry))
        const before = await known(plain.map(([key]) => `${name}/${key}`))
        if (total + plain.length - before.size > mostEntries) throw new LoomError('PROV_LIMIT', `${mostEntries} entries`)
        const patterns = new Map(doc.patterns.map(entry => [entry.serial.toLowerCase(), entry]))
        const had = patterns.size
        for (const [key, entry] of entries) if (isPattern(entry)) patterns.set(key, entry)
        if (patterns.size > mostPatterns) throw new LoomError('PROV_LIMIT', `${mostPatterns} patterns in a list`)
        const writes = plain.map(([key, entry]): Write => {
          const id = `${name}/${key}`
          const old = before.get(id)
          return { op: 'put', coll: entriesColl, id, doc: { ...entry, ...spentOf(old?.doc) }, version: old?.version ?? 'new' }
        })
        const list: Write = { op: 'put', coll: listsColl, id: name, doc: { ...doc, patterns: [...patterns.values()] }, version }
        await store.tx([...writes, ...(entries.size > plain.length ? [list] : []), ...also], byOf(by))
        total += plain.length - before.size
        const added = plain.length - before.size + patterns.size - had
        return { added, replaced: entries.size - added }
      })
    },
    async remove(name, serials, { by, also = [] } = {}) {
      if (serials.length > mostAtOnce)
        throw new LoomError('PROV_LIMIT', `${serials.length} entries at once, at most ${mostAtOnce}`)
      const keys = new Set(serials.map(serial => String(serial).toLowerCase()))
      return again(async () => {
        const { doc, version } = await found(name)
        const before = await known([...keys].filter(key => key !== '' && !key.endsWith('*')).map(key => `${name}/${key}`))
        const patterns = doc.patterns.filter(({ serial }) => !keys.has(serial.toLowerCase()))
        const list: Write = { op: 'put', coll: listsColl, id: name, doc: { ...doc, patterns }, version }
        const gone = [...before.values()].map(
          (old): Write => ({ op: 'delete', coll: entriesColl, id: old.id, version: old.version }),
        )
        await store.tx([...gone, ...(patterns.length < doc.patterns.length ? [list] : []), ...also], byOf(by))
        total -= gone.length
        return { removed: gone.length + doc.patterns.length - patterns.length }
      })
    },
    async entries(name, { limit = 100, cursor } = {}) {
      await found(name)
      const page = await store.query<KeptEntry>(entriesColl, {
        where: [['id', 'prefix', `${name}/`]],
        limit,
        ...(cursor !== undefined && { cursor }),
      })
      return { items: page.items.map(({ doc }) => doc), ...(page.next !== undefined && { next: page.next }) }
    },
    async match(name, serial) {
      if (!isListName(name)) return undefined
      for (const key of keysOfSerial(serial)) {
        const stored = await store.get<KeptEntry>(entriesColl, `${name}/${key}`)
        if (stored) return { entry: stored.doc, spend: ({ by, at }) => [spent(stored, by, at)] }
      }
      const list = await store.get<ListDoc>(listsColl, name)
      const lower = serial.toLowerCase()
      const entry = list?.doc.patterns.find(pattern => lower.startsWith(pattern.serial.slice(0, -1).toLowerCase()))
      return entry && { entry, spend: () => [] }
    },
  }
}

const isListName = (name: unknown): name is string => typeof name === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(name)

const byOf = (by: string | undefined) => (by === undefined ? {} : { by })

const spentOf = (old: KeptEntry | undefined) =>
  old?.spentBy === undefined ? {} : { spentBy: old.spentBy, ...(old.spentAt !== undefined && { spentAt: old.spentAt }) }

const spent = ({ id, doc, version }: Stored<KeptEntry>, by: string, at: number): Write => ({
  op: 'put',
  coll: entriesColl,
  id,
  doc: { ...doc, spentBy: by, spentAt: at },
  version,
})
