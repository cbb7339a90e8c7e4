import { pathReader } from './path.ts'
import type { Aggregate, AggregateFn } from './types.ts'

/** Columns that every row begins with: events, emissions so far, whether the last emission passed `having`. */
export const COUNT = 0
export const EMISSIONS = 1
export const PASSED = 2
const HEADER = 3

/** Rows of one pane: `width` numbers a slot, and values of any kind beside them. */
export interface Rows {
  rows: Float64Array
  side: unknown[]
}

/** Places of one field's accumulators within a row, -1 where no aggregate asks for them. */
interface FieldColumns {
  read: (values: Record<string, unknown>) => unknown
  /** non-null values */
  present: number
  firstTime: number
  lastTime: number
  firstValue: number
  lastValue: number
  /** numeric values */
  numbers: number
  sum: number
  min: number
  max: number
  /** mean, and M2 behind it */
  mean: number
}

const groups: Readonly<Record<AggregateFn, readonly (keyof FieldColumns)[]>> = {
  count: ['present'],
  first: ['present', 'firstTime', 'firstValue'],
  last: ['present', 'lastTime', 'lastValue'],
  span: ['present', 'firstTime', 'lastTime'],
  sum: ['numbers', 'sum'],
  avg: ['numbers', 'sum'],
  min: ['numbers', 'min'],
  max: ['numbers', 'max'],
  range: ['numbers', 'min', 'max'],
  stddev: ['numbers', 'mean'],
  stddevp: ['numbers', 'mean'],
  variance: ['numbers', 'mean'],
  variancep: ['numbers', 'mean'],
}
export const aggregateFns = Object.keys(groups) as AggregateFn[]

/** The layout of a row and how events go in and results come out; built once per engine. */
export interface Columns {
  width: number
  sideWidth: number
  /** Equal for layouts whose rows can be exchanged. */
  signature: string
  add(into: Rows, slot: number, time: number, values: Record<string, unknown>): void
  values(of: Rows, slot: number): Record<string, unknown>
  emptyValues(fill: 'null' | 'zero'): Record<string, unknown>
}

/** Variance by Welford's update, which does not lose the small differences of large values; sums of integers stay exact to 2^53. */
export function planColumns(aggregates: readonly Aggregate[]): Columns {
  const fields = new Map<string, FieldColumns>()
  let width = HEADER
  let sideWidth = 0
  for (const { fn, field } of aggregates) {
    if (fn === 'count' && field === undefined) continue
    const path = field ?? ''
    let columns = fields.get(path)
    if (!columns) fields.set(path, (columns = newField(path)))
    for (const name of groups[fn]) {
      if (name === 'read' || columns[name] >= 0) continue
      if (name === 'firstValue' || name === 'lastValue') columns[name] = sideWidth++
      else columns[name] = width++
      if (name === 'mean') width++
    }
  }
  const list = [...fields.values()]
  const readers = aggregates.map(({ fn, field }) => reader(fn, fields.get(field ?? '')))
  const names = aggregates.map(({ name }) => name)

  return {
    width,
    sideWidth,
    signature: JSON.stringify([...fields].map(([path, columns]) => [path, Object.values(columns).slice(1)])),
    add(into, slot, time, values) {
      const base = slot * width
      into.rows[base]! += 1
      for (let i = 0; i < list.length; i++) addValue(list[i]!, into, base, slot * sideWidth, time, values)
    },
    values({ rows, side }, slot) {
      const result: Record<string, unknown> = {}
      for (let i = 0; i < readers.length; i++) result[names[i]!] = readers[i]!(rows, slot * width, side, slot * sideWidth)
      return result
    },
    emptyValues: fill =>
      Object.fromEntries(aggregates.map(({ name, fn }) => [name, fill === 'zero' || fn === 'count' ? 0 : null])),
  }
}

const newField = (path: string): FieldColumns => ({
  // a span without a field looks at every event
  read: path === '' ? () => true : pathReader(path),
  present: -1,
  firstTime: -1,
  lastTime: -1,
  firstValue: -1,
  lastValue: -1,
  numbers: -1,
  sum: -1,
  min: -1,
  max: -1,
  mean: -1,
})

function addValue(
  f: FieldColumns,
  { rows, side }: Rows,
  base: number,
  sideBase: number,
  time: number,
  values: Record<string, unknown>,
) {
  const value = f.read(values)
  if (value === undefined || value === null) return
  if (f.present >= 0) {
    const fresh = rows[base + f.present]!++ === 0
    // at equal times the earlier arrival is first, the later one last
    if (f.firstTime >= 0 && (fresh || time < rows[base + f.firstTime]!)) {
      rows[base + f.firstTime] = time
      if (f.firstValue >= 0) side[sideBase + f.firstValue] = value
    }
    if (f.lastTime >= 0 && (fresh || time >= rows[base + f.lastTime]!)) {
      rows[base + f.lastTime] = time
      if (f.lastValue >= 0) side[sideBase + f.lastValue] = value
    }
  }
  if (f.numbers < 0) return
  const x = typeof value === 'number' ? value : value === true ? 1 : value === false ? 0 : Number.NaN
  if (!Number.isFinite(x)) return
  const n = ++rows[base + f.numbers]!
  if (f.sum >= 0) rows[base + f.sum]! += x
  if (f.min >= 0 && (n === 1 || x < rows[base + f.min]!)) rows[base + f.min] = x
  if (f.max >= 0 && (n === 1 || x > rows[base + f.max]!)) rows[base + f.max] = x
  if (f.mean >= 0) {
    const at = base + f.mean
    const d = x - rows[at]!
    rows[at]! += d / n
    rows[at + 1]! += d * (x - rows[at]!)
  }
}

type Reader = (rows: Float64Array, base: number, side: unknown[], sideBase: number) => unknown

function reader(fn: AggregateFn, f: FieldColumns | undefined): Reader {
  if (!f) return (rows, base) => rows[base + COUNT]
  const ifAny =
    (column: number, read: Reader): Reader =>
    (rows, base, side, sideBase) =>
      rows[base + column]! > 0 ? read(rows, base, side, sideBase) : null
  const variance =
    (less: 0 | 1, finish: (v: number) => number): Reader =>
    (rows, base) => {
      const n = rows[base + f.numbers]!
      return n > less ? finish(Math.max(0, rows[base + f.mean + 1]!) / (n - less)) : null
    }
  switch (fn) {
    case 'count':
      return (rows, base) => rows[base + f.present]
    case 'first':
      return ifAny(f.present, (_rows, _base, side, at) => side[at + f.firstValue])
    case 'last':
      return ifAny(f.present, (_rows, _base, side, at) => side[at + f.lastValue])
    case 'span':
      return ifAny(f.present, (rows, base) => rows[base + f.lastTime]! - rows[base + f.firstTime]!)
    case 'sum':
      return ifAny(f.numbers, (rows, base) => rows[base + f.sum])
    case 'avg':
      return ifAny(f.numbers, (rows, base) => rows[base + f.sum]! / rows[base + f.numbers]!)
    case 'min':
      return ifAny(f.numbers, (rows, base) => rows[base + f.min])
    case 'max':
      return ifAny(f.numbers, (rows, base) => rows[base + f.max])
    case 'range':
      return ifAny(f.numbers, (rows, base) => rows[base + f.max]! - rows[base + f.min]!)
    case 'variance':
      return variance(1, v => v)
    case 'variancep':
      return variance(0, v => v)
    case 'stddev':
      return variance(1, Math.sqrt)
    case 'stddevp':
      return variance(0, Math.sqrt)
  }
}
