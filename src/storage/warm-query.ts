import { LoomError } from '../errors.ts'
import type { Reading } from '../telemetry/reading.ts'
import { Buckets } from './buckets.ts'
import { numberOf } from './fold.ts'
import { lttb } from './lttb.ts'
import { MergedRows, type PagePlace, type Series } from './merged-rows.ts'
import { MinMax, type Point } from './min-max.ts'
import { readingOf, type StoredRow } from './warm-row.ts'
import type { AggregateQuery, DownsampleQuery, RangeQuery, TimeRange } from './warm-store.ts'

/** How a long read shares its thread: `pause` resolves when others had their turn; it rejects if the store was closed meanwhile. */
export interface Pace {
  due(): boolean
  pause(): Promise<void>
}

export interface Reach {
  /** Ordered by device and stream. */
  series: readonly Series[]
  pace: Pace
  /** STORE_QUERY_TOO_LARGE beyond. */
  maxRows: number
}

export interface Answer {
  items: Reading[]
  next?: string
  /** rows read */
  rows: number
}

const mostItems = 200_000
/** Values held at once to rank them or to keep their shape. */
const mostHeld = 2_000_000
/** Rows looked back for the value that holds at the start of a range. */
const carryRows = 256

/** Rows by (time, device, stream), one page. */
export async function rangeOf(query: RangeQuery, { series, pace, maxRows }: Reach): Promise<Answer> {
  const { points, order = 'asc', limit = 1_000 } = query
  checkRange(query)
  checkWhole('limit', limit, 1, 10_000)
  const desc = order === 'desc'
  const after = query.cursor === undefined ? undefined : placeOfCursor(query.cursor, desc)
  const rows = new MergedRows({ from: query.from, to: query.to, desc })
  const chunk = Math.min(256, Math.ceil(limit / Math.max(1, series.length)) + 1)
  for (const each of series) {
    rows.add(each, { after, chunk })
    if (pace.due()) await pace.pause()
  }
  const items: Reading[] = []
  let last: PagePlace | undefined
  for (let found = rows.next(); found; found = rows.next()) {
    if (pace.due()) await pace.pause()
    checkRead(rows.read, maxRows)
    const values = points ? partOf(found.row.values, points) : found.row.values
    if (!values) continue
    if (items.length === limit) return { items, next: cursorOfPlace(last!, desc), rows: rows.read }
    items.push(readingOf(found.series, found.row, values))
    const { time, tie, sub } = found.row
    last = { time, tie, sub, device: found.series.device, stream: found.series.stream }
  }
  return { items, rows: rows.read }
}

/** Buckets by device, stream and time. */
export async function aggregateOf(query: AggregateQuery, reach: Reach): Promise<Answer> {
  const { from, to, everyMs, fn } = query
  checkRange(query)
  checkWhole('everyMs', everyMs, 1, Number.MAX_SAFE_INTEGER)
  if (!fns.includes(fn)) throw invalid(`fn ${String(fn).slice(0, 20)}`, `use one of ${fns.join(' ')}`)
  const items: Reading[] = []
  let rows = 0
  for (const { device, stream, all } of byStream(reach.series)) {
    const points = query.points && new Set(query.points)
    const buckets = new Buckets({
      from,
      to,
      everyMs,
      fn,
      points,
      emit: (time, values) => items.push({ device, stream, time, values }),
    })
    if (fn === 'twa') carry(all, from, buckets)
    rows += await eachRow(all, query, { ...reach, maxRows: reach.maxRows - rows }, row => {
      buckets.add(row)
      if (buckets.open > mostHeld && /^p\d/.test(fn))
        throw tooLarge(`a bucket of more than ${mostHeld} values`, 'take smaller buckets')
      if (items.length > mostItems) throw tooLarge(`more than ${mostItems} buckets`, 'take larger buckets or fewer devices')
    })
    buckets.end()
  }
  return { items, rows }
}

/** Numeric points thinned out, by device, stream and time. */
export async function downsampleOf(query: DownsampleQuery, reach: Reach): Promise<Answer> {
  checkRange(query)
  checkWhole('maxPoints', query.maxPoints, 2, 100_000)
  if (query.fn !== 'minmax' && query.fn !== 'lttb') throw invalid(`fn ${String(query.fn).slice(0, 20)}`, 'use minmax or lttb')
  const items: Reading[] = []
  let rows = 0
  for (const { device, stream, all } of byStream(reach.series)) {
    const kept = query.fn === 'minmax' ? extremes(query) : shape(query, reach.pace)
    const points = query.points && new Set(query.points)
    rows += await eachRow(all, query, { ...reach, maxRows: reach.maxRows - rows }, ({ time, values }) => {
      for (const name of Object.keys(values)) {
        const value = !points || points.has(name) ? numberOf(values[name]) : undefined
        if (value !== undefined) kept.add(name, { time, value })
      }
    })
    for (const { time, values } of rowsOf(await kept.result())) items.push({ device, stream, time, values })
    if (items.length > mostItems) throw tooLarge(`more than ${mostItems} points`, 'ask for fewer points or devices')
  }
  return { items, rows }
}

async function eachRow(
  all: readonly Series[],
  { from, to }: TimeRange,
  { pace, maxRows }: Reach,
  take: (row: StoredRow) => void,
): Promise<number> {
  const rows = new MergedRows({ from, to, desc: false })
  for (const each of all) rows.add(each, { after: undefined, chunk: 256 })
  for (let found = rows.next(); found; found = rows.next()) {
    take(found.row)
    if (pace.due()) await pace.pause()
    checkRead(rows.read, maxRows)
  }
  return rows.read
}

function carry(all: readonly Series[], from: number, buckets: Buckets): void {
  const rows = new MergedRows({ from: -Number.MAX_SAFE_INTEGER, to: from, desc: true })
  for (const each of all) rows.add(each, { after: undefined, chunk: carryRows })
  for (let n = 0; n < carryRows; n++) {
    const found = rows.next()
    if (!found) return
    buckets.carry(found.row)
  }
}

interface Kept {
  add(name: string, point: Point): void
  result(): Promise<Map<string, Point[]>>
}

function extremes(query: DownsampleQuery): Kept {
  const byName = new Map<string, MinMax>()
  return {
    add(name, point) {
      let minMax = byName.get(name)
      if (!minMax) byName.set(name, (minMax = new MinMax(query)))
      minMax.add(point)
    },
    result: async () => new Map(Array.from(byName, ([name, minMax]) => [name, minMax.result()])),
  }
}

function shape({ maxPoints }: DownsampleQuery, pace: Pace): Kept {
  const byName = new Map<string, { times: number[]; values: number[] }>()
  let held = 0
  return {
    add(name, { time, value }) {
      let line = byName.get(name)
      if (!line) byName.set(name, (line = { times: [], values: [] }))
      line.times.push(time)
      line.values.push(value)
      if (++held > mostHeld) throw tooLarge(`lttb of more than ${mostHeld} values`, 'use minmax or a shorter range')
    },
    async result() {
      const results = new Map<string, Point[]>()
      for (const [name, { times, values }] of byName) {
        const steps = lttb(times, values, maxPoints)
        let step = steps.next()
        for (; !step.done; step = steps.next()) if (pace.due()) await pace.pause()
        results.set(
          name,
          step.value.map(i => ({ time: times[i]!, value: values[i]! })),
        )
      }
      return results
    },
  }
}

/** Points of several names as rows of time; a name that has two values at one time makes two rows. */
function rowsOf(byName: Map<string, Point[]>): { time: number; values: Record<string, number> }[] {
  const rows = new Map<string, { time: number; nth: number; values: [string, number][] }>()
  for (const [name, points] of byName) {
    let nth = 0
    points.forEach(({ time, value }, i) => {
      nth = points[i - 1]?.time === time ? nth + 1 : 0
      const key = `${time}/${nth}`
      const row = rows.get(key)
      if (row) row.values.push([name, value])
      else rows.set(key, { time, nth, values: [[name, value]] })
    })
  }
  return [...rows.values()]
    .sort((a, b) => a.time - b.time || a.nth - b.nth)
    .map(({ time, values }) => ({ time, values: Object.fromEntries(values) }))
}

function byStream(series: readonly Series[]): { device: string; stream: string; all: Series[] }[] {
  const groups: { device: string; stream: string; all: Series[] }[] = []
  for (const each of series) {
    const last = groups.at(-1)
    if (last && last.device === each.device && last.stream === each.stream) last.all.push(each)
    else groups.push({ device: each.device, stream: each.stream, all: [each] })
  }
  return groups
}

function partOf(values: Record<string, unknown>, points: readonly string[]): Record<string, unknown> | undefined {
  const part = points.filter(name => Object.hasOwn(values, name)).map(name => [name, values[name]] as const)
  return part.length ? Object.fromEntries(part) : undefined
}

function checkRange({ from, to }: TimeRange): void {
  if (!Number.isFinite(from) || !Number.isFinite(to) || from > to)
    throw invalid(`from ${String(from)} to ${String(to)}`, 'give from <= to in milliseconds since 1970')
}

function checkWhole(name: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most)
    throw invalid(`${name} ${String(value)}`, `give a whole number from ${least} to ${most}`)
}

function checkRead(read: number, maxRows: number): void {
  if (read > maxRows) throw tooLarge(`more than ${maxRows} rows`, 'take a shorter range or fewer devices')
}

const fns: readonly string[] = ['avg', 'min', 'max', 'sum', 'count', 'first', 'last', 'stddev', 'twa', 'p50', 'p95', 'p99']

const cursorOfPlace = ({ time, device, stream, tie, sub }: PagePlace, desc: boolean): string =>
  Buffer.from(JSON.stringify([desc, time, device, stream, tie, sub])).toString('base64url')

function placeOfCursor(cursor: string, desc: boolean): PagePlace {
  try {
    const [wasDesc, time, device, stream, tie, sub] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[]
    if (
      wasDesc === desc &&
      typeof device === 'string' &&
      typeof stream === 'string' &&
      [time, tie, sub].every(Number.isSafeInteger)
    )
      return { time, device, stream, tie, sub } as PagePlace
  } catch {}
  throw invalid('the cursor', 'pass `next` of the page before, with the same order')
}

const invalid = (what: string, hint: string): LoomError => new LoomError('STORE_QUERY_INVALID', what, { hint })
const tooLarge = (what: string, hint: string): LoomError => new LoomError('STORE_QUERY_TOO_LARGE', what, { hint })
