import { LoomError } from '../errors.ts'
import type { QueryApi } from '../hub/hub.ts'
import type { FillFn, WarmPage } from '../storage/warm-store.ts'

const fillFns: readonly string[] = [
  'avg',
  'min',
  'max',
  'sum',
  'count',
  'first',
  'last',
  'stddev',
  'twa',
  'p50',
  'p95',
  'p99',
] satisfies FillFn[]

/** A query as settings and `msg.query` say it; anything may be missing or wrong. */
export interface QueryFields {
  kind?: unknown
  devices?: unknown
  streams?: unknown
  points?: unknown
  from?: unknown
  to?: unknown
  everyMs?: unknown
  maxPoints?: unknown
  fn?: unknown
  shape?: unknown
  order?: unknown
  limit?: unknown
  cursor?: unknown
}

export type QueryRequest = { [K in keyof QueryApi]: { kind: K; query: Parameters<QueryApi[K]>[0] } }[keyof QueryApi]

const wrong = (what: string, value: unknown, hint: string): LoomError =>
  new LoomError('STORE_QUERY_INVALID', `${what} ${String(value).slice(0, 60)}`, { hint, position: what })

function words(what: string, value: unknown): string[] {
  const list = Array.isArray(value)
    ? value
    : typeof value === 'string'
      ? value.split(',').map(word => word.trim())
      : value === undefined
        ? []
        : undefined
  if (!list?.every(word => typeof word === 'string')) throw wrong(what, value, 'a list of names, or names parted by commas')
  return list.filter(Boolean)
}

/** Epoch ms, an ISO date, a Date, or a time before now such as `-15m`. */
function timeOf(what: string, value: unknown, now: number): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value
  if (value instanceof Date) return value.getTime()
  const text = String(value).trim()
  const ago = /^-(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text)
  if (ago) return now - Number(ago[1]) * { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[ago[2] as 's']
  const time = /^-?\d+$/.test(text) ? Number(text) : Date.parse(text)
  if (!Number.isFinite(time)) throw wrong(what, value, 'epoch milliseconds, an ISO date or a time ago such as -15m')
  return time
}

function count(what: string, value: unknown, most: number): number {
  const number = Number(value)
  if (!Number.isInteger(number) || number < 1 || number > most) throw wrong(what, value, `a whole number from 1 to ${most}`)
  return number
}

const given = (value: unknown): boolean => value !== undefined && value !== null && value !== ''

/** The hub's query of some fields; a missing `to` is now, a missing `from` an hour before `to`. STORE_QUERY_INVALID. */
export function queryRequestOf(fields: QueryFields, now: number): QueryRequest {
  const { kind = 'range' } = fields
  const devices = words('devices', fields.devices)
  if (!devices.length) throw wrong('devices', fields.devices, 'name at least one device')
  const [points, streams] = [words('points', fields.points), words('streams', fields.streams)]
  const what = { devices, ...(points.length > 0 && { points }), ...(streams.length > 0 && { streams }) }
  if (kind === 'last') return { kind, query: what }
  const to = given(fields.to) ? timeOf('to', fields.to, now) : now
  const from = given(fields.from) ? timeOf('from', fields.from, now) : to - 3_600_000
  const range = { ...what, from, to }
  if (kind === 'aggregate') {
    const fn = given(fields.fn) ? fields.fn : 'avg'
    if (!fillFns.includes(fn as string)) throw wrong('fn', fn, fillFns.join(', '))
    return { kind, query: { ...range, everyMs: count('everyMs', fields.everyMs, 400 * 86_400_000), fn: fn as FillFn } }
  }
  if (kind === 'downsample') {
    const fn = fields.shape === 'lttb' ? 'lttb' : 'minmax'
    return { kind, query: { ...range, maxPoints: count('maxPoints', fields.maxPoints, 100_000), fn } }
  }
  if (kind !== 'range') throw wrong('kind', kind, 'range, aggregate, downsample or last')
  return {
    kind,
    query: {
      ...range,
      order: fields.order === 'desc' ? 'desc' : 'asc',
      limit: given(fields.limit) ? count('limit', fields.limit, 10_000) : 1000,
      ...(given(fields.cursor) && { cursor: String(fields.cursor) }),
    },
  }
}

/** One page of a query over a range. */
export function pageOf(api: QueryApi, { kind, query }: Exclude<QueryRequest, { kind: 'last' }>): Promise<WarmPage> {
  if (kind === 'aggregate') return api.aggregate(query)
  return kind === 'downsample' ? api.downsample(query) : api.range(query)
}
