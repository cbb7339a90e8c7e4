import { LoomError } from '../errors.ts'
import { comparePlaces, cursorOf, matches, type Plan, planQuery } from './query.ts'
import type { Change, Doc, Page, Query, Stored } from './state-store.ts'
import { type Key, keyAt } from './value-order.ts'
import { changesKeptMs, type CheckedWrite, checkVersion, notUnique, undeclared } from './write.ts'

/** Everything a state store holds, as plain data: the form of the JSON file and of a migration. */
export interface StoreSnapshot {
  format: 1
  /** of the newest change ever made */
  seq: number
  collections: CollectionSnapshot[]
  changes: Change[]
}

export interface CollectionSnapshot {
  name: string
  indexes: string[]
  unique: string[]
  docs: { id: string; version: number; doc: Doc }[]
  /** Versions of deleted documents, so that they go on. */
  gone: { id: string; version: number; at: number }[]
}

interface Entry {
  version: number
  doc: Doc
  text: string
}

interface Collection {
  indexes: Set<string>
  unique: Map<string, Map<Key, string>>
  docs: Map<string, Entry>
  gone: Map<string, { version: number; at: number }>
}

/** Changes kept besides the seven days: the feed lives in memory and, for the JSON store, in every write of its file. */
const mostChanges = 10_000

/** The documents of a state store in memory. Nothing here waits or persists; `apply` returns how to take it back. */
export class Documents {
  #collections = new Map<string, Collection>()
  #changes: Change[] = []
  #seq = 0

  static of(snapshot: StoreSnapshot): Documents {
    const documents = new Documents()
    documents.#seq = snapshot.seq
    documents.#changes = [...snapshot.changes]
    for (const { name, indexes, unique, docs, gone } of snapshot.collections) {
      const entries = docs.map(({ id, version, doc }) => [id, { version, doc, text: JSON.stringify(doc) }] as const)
      documents.#collections.set(name, {
        indexes: new Set(indexes),
        unique: new Map(),
        docs: new Map(entries),
        gone: new Map(gone.map(({ id, version, at }) => [id, { version, at }])),
      })
      documents.declare(name, { indexes, unique })
    }
    return documents
  }

  snapshot(): StoreSnapshot {
    const collections = Array.from(this.#collections, ([name, { indexes, unique, docs, gone }]) => ({
      name,
      indexes: [...indexes],
      unique: [...unique.keys()],
      docs: Array.from(docs, ([id, { version, doc }]) => ({ id, version, doc })),
      gone: Array.from(gone, ([id, { version, at }]) => ({ id, version, at })),
    }))
    return { format: 1, seq: this.#seq, collections, changes: [...this.#changes] }
  }

  /** Returns whether anything is new. A unique path on documents that clash: STORE_VERSION_CONFLICT, nothing declared. */
  declare(coll: string, { indexes, unique }: { indexes: readonly string[]; unique: readonly string[] }): boolean {
    const existing = this.#collections.get(coll)
    const target = existing ?? { indexes: new Set(), unique: new Map(), docs: new Map(), gone: new Map() }
    const added = unique.filter(path => !target.unique.has(path)).map(path => [path, ownersOf(target.docs, coll, path)] as const)
    const news = !existing || added.length > 0 || indexes.some(path => !target.indexes.has(path))
    for (const [path, owners] of added) target.unique.set(path, owners)
    for (const path of indexes) target.indexes.add(path)
    this.#collections.set(coll, target)
    return news
  }

  get<T extends Doc>(coll: string, id: string): Stored<T> | null {
    const entry = this.#collection(coll).docs.get(id)
    return entry ? storedOf<T>(id, entry) : null
  }

  /** All or nothing. `undo` may be called as long as nothing was applied after it. */
  apply(writes: readonly CheckedWrite[], o: { by: string; now: number }): { versions: number[]; undo: () => void } {
    const seq = this.#seq
    const length = this.#changes.length
    const steps: (() => void)[] = []
    const undo = (): void => {
      for (const step of steps.reverse()) step()
      this.#seq = seq
      this.#changes.length = length
    }
    try {
      const at = Math.max(o.now, this.#changes.at(-1)?.at ?? 0)
      return { versions: writes.map(write => this.#write(write, { by: o.by, at }, steps)), undo }
    } catch (error) {
      undo()
      throw error
    }
  }

  query<T extends Doc>(coll: string, query: Query): Page<T> {
    const collection = this.#collection(coll)
    const plan = planQuery(query, new Set([...collection.indexes, ...collection.unique.keys()]))
    const found: { id: string; key: Key; entry: Entry }[] = []
    for (const [id, entry] of candidates(collection, plan)) {
      if (!matches(plan, id, entry.doc)) continue
      const place = { id, key: plan.by === 'id' ? id : keyAt(entry.doc, plan.by), entry }
      if (!plan.after || comparePlaces(plan, place, plan.after) > 0) found.push(place)
    }
    found.sort((a, b) => comparePlaces(plan, a, b))
    const page = found.slice(0, plan.limit)
    const items = page.map(({ id, entry }) => storedOf<T>(id, entry))
    return found.length > plan.limit ? { items, next: cursorOf(plan, page.at(-1)!) } : { items }
  }

  changes(since: number, limit: number): Change[] {
    const first = this.#changes[0]?.seq ?? 1
    const from = Math.max(0, since + 1 - first)
    return this.#changes.slice(from, from + limit).map(change => ({ ...change }))
  }

  count(coll: string): number {
    return this.#collection(coll).docs.size
  }

  /** Forgets changes and deleted versions past their time. Not between `apply` and its `undo`. */
  prune(now: number): void {
    const cutoff = now - changesKeptMs
    let drop = Math.max(0, this.#changes.length - mostChanges)
    while (drop < this.#changes.length && this.#changes[drop]!.at < cutoff) drop++
    if (drop) this.#changes.splice(0, drop)
    for (const { gone } of this.#collections.values())
      for (const [id, { at }] of gone) {
        if (at >= cutoff && gone.size <= mostChanges) break
        gone.delete(id)
      }
  }

  #write(write: CheckedWrite, { by, at }: { by: string; at: number }, steps: (() => void)[]): number {
    const { coll, id, op } = write
    const collection = this.#collection(coll)
    const before = collection.docs.get(id)
    checkVersion(write, before?.version)
    if (op === 'delete' && !before) return 0
    const forgotten = collection.gone.get(id)
    const version = op === 'delete' ? before!.version : (before?.version ?? forgotten?.version ?? 0) + 1
    const after = op === 'put' ? { version, doc: JSON.parse(write.text) as Doc, text: write.text } : undefined
    for (const [path, owners] of collection.unique) {
      const owner = after && owners.get(keyAt(after.doc, path))
      if (owner !== undefined && owner !== id) throw notUnique(coll, path)
    }
    replace(collection, id, before, after)
    if (after) collection.gone.delete(id)
    else collection.gone.set(id, { version, at })
    steps.push(() => {
      replace(collection, id, after, before)
      if (forgotten) collection.gone.set(id, forgotten)
      else collection.gone.delete(id)
    })
    this.#changes.push({ seq: ++this.#seq, coll, id, version, op, at, by })
    return version
  }

  #collection(coll: string): Collection {
    const collection = this.#collections.get(coll)
    if (!collection) throw undeclared(coll)
    return collection
  }
}

function replace(collection: Collection, id: string, before: Entry | undefined, after: Entry | undefined): void {
  if (after) collection.docs.set(id, after)
  else collection.docs.delete(id)
  for (const [path, owners] of collection.unique) {
    if (before) owners.delete(keyAt(before.doc, path))
    const key = after && keyAt(after.doc, path)
    if (key !== undefined && key !== null) owners.set(key, id)
  }
}

function ownersOf(docs: Map<string, Entry>, coll: string, path: string): Map<Key, string> {
  const owners = new Map<Key, string>()
  for (const [id, { doc }] of docs) {
    const key = keyAt(doc, path)
    if (key === null) continue
    if (owners.has(key)) throw notUnique(coll, path)
    owners.set(key, id)
  }
  return owners
}

/** All documents, or those that a condition on `id` or an equality on a unique path leaves. */
function candidates({ docs, unique }: Collection, { where }: Plan): Iterable<readonly [string, Entry]> {
  for (const { path, op, value, among } of where) {
    if (path === 'id' && among) return entriesOf(docs, among)
    if (op !== '=' || (path !== 'id' && !unique.has(path))) continue
    return entriesOf(docs, [path === 'id' ? (value as Key) : unique.get(path)!.get(value as Key)])
  }
  return docs
}

function* entriesOf(docs: Collection['docs'], ids: Iterable<Key | undefined>): Iterable<readonly [string, Entry]> {
  for (const id of ids) {
    const entry = typeof id === 'string' ? docs.get(id) : undefined
    if (entry) yield [id as string, entry]
  }
}

const storedOf = <T extends Doc>(id: string, { version, text }: Entry): Stored<T> => ({ id, doc: JSON.parse(text) as T, version })

/** Refuses anything that is not a snapshot of this format. */
export function checkedSnapshot(value: unknown): StoreSnapshot {
  const snapshot = value as StoreSnapshot
  const sound =
    snapshot?.format === 1 &&
    Number.isSafeInteger(snapshot.seq) &&
    Array.isArray(snapshot.changes) &&
    Array.isArray(snapshot.collections) &&
    snapshot.collections.every(c => typeof c?.name === 'string' && [c.indexes, c.unique, c.docs, c.gone].every(Array.isArray))
  if (!sound) throw new LoomError('STORE_CORRUPT', 'this is not a store file of format 1')
  return snapshot
}
