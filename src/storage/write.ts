import { LoomError } from '../errors.ts'
import { checkPath } from './query.ts'
import type { Doc, Write } from './state-store.ts'

/** UTF-8 bytes of a document's JSON. */
export const documentLimitBytes = 262_144
/** How long the change feed, and with it the version of a deleted document, is kept. */
export const changesKeptMs = 7 * 24 * 3_600_000

/** A write whose arguments were checked; `text` is the JSON of a put's document. */
export type CheckedWrite =
  | { op: 'put'; coll: string; id: string; text: string; version?: number | 'new' }
  | { op: 'delete'; coll: string; id: string; version?: number }

/** STORE_QUERY_INVALID for a wrong name, id, version or document; STORE_LIMIT for one too large. */
export function checkedWrite(write: Write): CheckedWrite {
  const { coll, id, version } = write
  checkId(id)
  if (version !== undefined && version !== 'new' && !(Number.isSafeInteger(version) && version > 0))
    throw invalid(`version ${String(version)}`, "give 'new' or a whole number from 1")
  if (write.op === 'put') {
    const text = documentText(write.doc, `${coll}/${id}`)
    return { op: 'put', coll, id, text, ...(write.version !== undefined && { version: write.version }) }
  }
  if (write.op !== 'delete') throw invalid(`operation ${String((write as { op: unknown }).op)}`, "give 'put' or 'delete'")
  return { op: 'delete', coll, id, ...(write.version !== undefined && { version: write.version }) }
}

export function checkCollection(coll: string): void {
  if (typeof coll !== 'string' || !/^[a-z][a-z0-9_]{0,62}$/.test(coll))
    throw invalid(`collection ${JSON.stringify(coll)?.slice(0, 80)}`, 'use lower case letters, digits and underscores')
}

/** The paths of a declaration, checked; `unique` ones are indexed anyway. */
export function checkedIndexes({ indexes = [], unique = [] }: { indexes?: readonly string[]; unique?: readonly string[] }): {
  indexes: string[]
  unique: string[]
} {
  for (const path of [...indexes, ...unique]) {
    checkPath(path)
    if (path === 'id') throw invalid('an index on id', 'id is always indexed')
  }
  return { indexes: [...new Set(indexes)], unique: [...new Set(unique)] }
}

export const undeclared = (coll: string): LoomError => {
  checkCollection(coll)
  return new LoomError('STORE_QUERY_INVALID', `collection ${coll} is not declared`, { hint: 'declare it before use' })
}

/** Refuses a write that expects another version than the current one (undefined: there is none). */
export function checkVersion(write: CheckedWrite, current: number | undefined): void {
  const { coll, id, version } = write
  if (version === undefined || version === current) return
  if (version === 'new') {
    if (current === undefined) return
    throw conflict(`${coll}/${id} exists at version ${current}`)
  }
  if (current !== undefined) throw conflict(`${coll}/${id} is at version ${current}, not ${version}`)
  if (write.op === 'delete') throw new LoomError('STORE_NOT_FOUND', `${coll}/${id}`)
  throw conflict(`${coll}/${id} does not exist, version ${version} was expected`)
}

export const notUnique = (coll: string, path: string): LoomError =>
  conflict(`another document of ${coll} has the same ${path}`, `${path} is unique in ${coll}`)

export const closedStore = (): LoomError => new LoomError('STORE_CLOSED')

export function checkPosition(since: number, limit: number): void {
  if (!Number.isSafeInteger(since) || since < 0) throw invalid(`since ${String(since)}`, 'give a whole number from 0')
  if (!Number.isInteger(limit) || limit < 1 || limit > 10_000)
    throw invalid(`limit ${String(limit)}`, 'give a whole number from 1 to 10,000')
}

function checkId(id: string): void {
  if (typeof id !== 'string' || !id.length || id.length > 65_535 || id.includes('\0') || !id.isWellFormed())
    throw invalid(`id ${JSON.stringify(id)?.slice(0, 80)}`, 'ids are strings of 1 to 65,535 characters without NUL')
}

function documentText(doc: Doc, name: string): string {
  const text: string | undefined = JSON.stringify(doc)
  if (!text?.startsWith('{')) throw invalid(`the document of ${name}`, 'documents are JSON objects')
  const bytes = text.length > documentLimitBytes ? text.length : Buffer.byteLength(text)
  if (bytes <= documentLimitBytes) return text
  throw new LoomError('STORE_LIMIT', `${name} has ${bytes} bytes`, { hint: `documents have at most ${documentLimitBytes} bytes` })
}

const conflict = (detail: string, hint = 'read it again and retry'): LoomError =>
  new LoomError('STORE_VERSION_CONFLICT', detail, { hint })
const invalid = (what: string, hint: string): LoomError => new LoomError('STORE_QUERY_INVALID', what, { hint })
