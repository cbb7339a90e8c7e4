import { LoomError } from '../errors.ts'
import type { Comparison, Condition, Query } from './state-store.ts'
import { compareKeys, compareText, type Key, keyAt, prefixEnd } from './value-order.ts'

/** A checked query. `after`: the last document of the page before. */
export interface Plan {
  where: PlannedCondition[]
  by: string
  desc: boolean
  limit: number
  after: { key: Key; id: string } | undefined
}

/** `value` as it is compared; an array for `in`, `among` its members. `end`: exclusive upper bound of a prefix. */
export interface PlannedCondition {
  path: string
  op: Comparison
  value: string | number | readonly (string | number)[]
  among?: ReadonlySet<Key>
  end?: string
}

const comparisons: readonly string[] = ['=', '<', '<=', '>', '>=', 'in', 'prefix']
const greatestLimit = 1_000
const mostAlternatives = 1_000

/** Checks a query against the indexed paths. STORE_QUERY_INVALID, STORE_NOT_INDEXED. */
export function planQuery(query: Query, indexed: ReadonlySet<string>): Plan {
  const { limit = 100, order, scan = false } = query
  if (!Number.isInteger(limit) || limit < 1 || limit > greatestLimit)
    throw invalid(`limit ${String(limit)}`, `give a whole number from 1 to ${greatestLimit}`)
  const by = order?.by ?? 'id'
  const where = (query.where ?? []).map(plannedCondition)
  for (const path of [by, ...where.map(c => c.path)]) {
    checkPath(path)
    if (path !== 'id' && !indexed.has(path) && !scan)
      throw new LoomError('STORE_NOT_INDEXED', path, { hint: 'declare an index for it or allow a scan' })
  }
  const desc = order?.desc ?? false
  return { where, by, desc, limit, after: query.cursor === undefined ? undefined : afterOf(query.cursor, by, desc) }
}

/** Dotted names without quotes or backslashes: they become part of SQL text. */
export function checkPath(path: string): void {
  if (typeof path !== 'string' || path.length > 256 || !/^[^."\\\p{Cc}]+(\.[^."\\\p{Cc}]+)*$/u.test(path))
    throw invalid(`path ${JSON.stringify(path)?.slice(0, 100)}`, 'give names joined by dots')
}

export function cursorOf({ by, desc }: Plan, last: { key: Key; id: string }): string {
  return Buffer.from(JSON.stringify([by, desc, last.key, last.id])).toString('base64url')
}

/** Whether a document is in the answer of the query, its place in the pages aside. */
export function matches(plan: Plan, id: string, doc: object): boolean {
  return plan.where.every(c => holds(c, c.path === 'id' ? id : keyAt(doc, c.path)))
}

/** Order of the answer: by key, ties by id, all reversed by `desc`. */
export function comparePlaces({ desc }: Plan, a: { key: Key; id: string }, b: { key: Key; id: string }): number {
  const ascending = compareKeys(a.key, b.key) || compareText(a.id, b.id)
  return desc ? -ascending : ascending
}

function holds({ op, value, among }: PlannedCondition, key: Key): boolean {
  if (key === null) return false
  if (among) return among.has(key)
  if (op === 'prefix') return typeof key === 'string' && key.startsWith(value as string)
  if (typeof key !== typeof value) return false
  const order = compareKeys(key, value as Key)
  if (op === '=') return order === 0
  if (op === '<') return order < 0
  if (op === '<=') return order <= 0
  return op === '>' ? order > 0 : order >= 0
}

function plannedCondition(condition: Condition): PlannedCondition {
  const [path, op, value] = condition
  if (!comparisons.includes(op)) throw invalid(`comparison ${String(op).slice(0, 20)}`, `use one of ${comparisons.join(' ')}`)
  if (op === 'in') {
    if (!Array.isArray(value) || value.length > mostAlternatives || !value.every(isOperand))
      throw invalid(`the value of ${path} in`, `give an array of at most ${mostAlternatives} strings or numbers`)
    return { path, op, value: [...value] as (string | number)[], among: new Set(value as Key[]) }
  }
  if (op === 'prefix') {
    if (typeof value !== 'string') throw invalid(`the value of ${path} prefix`, 'give a string')
    const end = prefixEnd(value)
    return { path, op, value, ...(end !== undefined && { end }) }
  }
  if (typeof value === 'boolean') return { path, op, value: Number(value) }
  if (!isOperand(value)) throw invalid(`the value of ${path} ${op}`, 'give a string, a finite number or a boolean')
  return { path, op, value }
}

const isOperand = (value: unknown): value is string | number =>
  typeof value === 'string' ? value.isWellFormed() : typeof value === 'number' && Number.isFinite(value)

function afterOf(cursor: string, by: string, desc: boolean): { key: Key; id: string } {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    if (Array.isArray(parts) && parts[0] === by && parts[1] === desc && typeof parts[3] === 'string' && isKey(parts[2]))
      return { key: parts[2], id: parts[3] }
  } catch {}
  throw invalid('the cursor', 'pass `next` of the page before, with the same order')
}

const isKey = (value: unknown): value is Key => value === null || typeof value === 'string' || typeof value === 'number'

const invalid = (what: string, hint: string): LoomError => new LoomError('STORE_QUERY_INVALID', what, { hint })
