/** A JSON object. Adapters store exactly what JSON.stringify keeps of it. */
export type Doc = object

export interface Stored<T extends Doc = Doc> {
  id: string
  doc: T
  /** Integer from 1; goes on when an id returns while the change feed remembers it. */
  version: number
}

export type Comparison = '=' | '<' | '<=' | '>' | '>=' | 'in' | 'prefix'
/**
 * `path`: dotted path in the document, or `id`. `in` takes an array, `prefix` a string. Numbers compare with numbers, strings with strings by code point; a
 * boolean counts as 1 or 0, an object or array as its JSON text; missing and null match nothing.
 */
export type Condition = readonly [path: string, op: Comparison, value: string | number | boolean | readonly (string | number)[]]

export interface Query {
  where?: readonly Condition[]
  /** Indexed path or `id` (default), ascending unless `desc`; missing values first, then numbers, then strings; ties by id; `desc` reverses all. */
  order?: { by: string; desc?: boolean }
  /** 1..1000, default 100. */
  limit?: number
  /** Opaque, from `next` of the page before. */
  cursor?: string
  /** Allows paths without an index. */
  scan?: boolean
}

export interface Page<T extends Doc = Doc> {
  items: Stored<T>[]
  next?: string
}

/** `version`: `'new'` = must not exist; a number = must be the current one; absent = whatever. */
export type Write =
  | { op: 'put'; coll: string; id: string; doc: Doc; version?: number | 'new' }
  | { op: 'delete'; coll: string; id: string; version?: number }

export interface Change {
  /** dense, from 1 */
  seq: number
  coll: string
  id: string
  version: number
  op: 'put' | 'delete'
  /** epoch ms */
  at: number
  /** who did it, '' if not said */
  by: string
}

/**
 * Documents in collections. A promise of a write resolves when the change is durable (synced for files). Codes: STORE_VERSION_CONFLICT,
 * STORE_NOT_FOUND (delete of an absent document with a version), STORE_NOT_INDEXED, STORE_QUERY_INVALID (also an undeclared collection), STORE_LIMIT (document over 262,144 bytes,
 * or a store past its size), STORE_CLOSED.
 * Returned documents belong to the caller; changing them changes nothing stored. Collections: `[a-z][a-z0-9_]*`.
 */
export interface StateStore {
  /** Creates the collection and its indexes if absent; `unique` paths refuse a second document with the same value (STORE_VERSION_CONFLICT). */
  declare(coll: string, o: { indexes?: readonly string[]; unique?: readonly string[] }): Promise<void>
  get<T extends Doc>(coll: string, id: string): Promise<Stored<T> | null>
  put(coll: string, id: string, doc: Doc, o?: { version?: number | 'new'; by?: string }): Promise<number>
  delete(coll: string, id: string, o?: { version?: number; by?: string }): Promise<void>
  query<T extends Doc>(coll: string, query: Query): Promise<Page<T>>
  /** All or nothing. Resolves with the version of each write, in order (deletes: the version deleted, 0 if absent). */
  tx(writes: readonly Write[], o?: { by?: string }): Promise<number[]>
  /** Changes with seq > since, kept for 7 days. */
  changes(since: number, limit: number): Promise<Change[]>
  count(coll: string): Promise<number>
  /** Resolves when everything is on disk. */
  close(): Promise<void>
}
