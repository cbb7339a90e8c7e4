import type { AggregateQuery, RangeQuery, WarmRow } from '../../src/storage/warm-store.ts'
import type { Reading } from '../../src/telemetry/reading.ts'

export interface NaiveRows {
  range(query: Omit<RangeQuery, 'limit' | 'cursor'>): Reading[]
  last(devices: string[]): { device: string; stream: string; point: string; time: number; value: unknown }[]
}

/** Merged readings by plain sorting: of each name of a time the value that arrived last. */
export function naiveRows(rows: readonly WarmRow[]): NaiveRows {
  // Two classes are two series that a read joins: within a stamp the order of appends decides only inside a class.
  const arrivals = rows.map((row, n) => ({ row, n })).sort((a, b) => rank(a.row, b.row) || a.n - b.n)
  const merged = new Map<string, Reading & { stream: string }>()
  for (const { row } of arrivals) {
    const { device, stream = '', time, values } = row
    const key = JSON.stringify([device, stream, time])
    merged.set(key, { device, stream, time, values: { ...merged.get(key)?.values, ...values } })
  }
  const all = [...merged.values()].sort((a, b) => a.time - b.time || text(a.device, b.device) || text(a.stream, b.stream))
  return {
    range({ devices, streams, points, from, to, order }) {
      const found = all
        .filter(r => devices.includes(r.device) && (!streams || streams.includes(r.stream)) && r.time >= from && r.time < to)
        .map(r => ({
          ...r,
          values: points ? Object.fromEntries(Object.entries(r.values).filter(([k]) => points.includes(k))) : r.values,
        }))
        .filter(r => !points || Object.keys(r.values).length)
      return order === 'desc' ? found.reverse() : found
    },
    last(devices) {
      const found = new Map<string, { device: string; stream: string; point: string; time: number; value: unknown }>()
      for (const { device, stream, time, values } of all.filter(r => devices.includes(r.device)))
        for (const [point, value] of Object.entries(values))
          found.set(JSON.stringify([device, stream, point]), { device, stream, point, time, value })
      return [...found.values()].sort((a, b) => text(a.device, b.device) || text(a.stream, b.stream) || text(a.point, b.point))
    },
  }
}

export function naiveAggregate(model: NaiveRows, query: AggregateQuery): Reading[] {
  const { from, to, everyMs, fn } = query
  const rows = model.range(query)
  const names = new Set(rows.flatMap(r => Object.keys(r.values)))
  const items = new Map<string, Reading>()
  const buckets = [...new Set(rows.map(r => Math.floor(r.time / everyMs) * everyMs))]
  const lanes = new Map(rows.map(({ device, stream = '' }) => [JSON.stringify([device, stream]), { device, stream }]))
  for (const { device, stream } of lanes.values())
    for (const time of buckets)
      for (const name of names) {
        const inside = (r: Reading) => r.device === device && r.stream === stream && r.time >= time && r.time < time + everyMs
        const samples = rows.filter(inside).map(r => ({ time: r.time, value: r.values[name] }))
        const span = { start: Math.max(time, from), end: Math.min(time + everyMs, to) }
        const before = model
          .range({ devices: [device], streams: [stream], from: Number.NEGATIVE_INFINITY, to: span.start })
          .map(r => number(r.values[name]))
          .filter(v => v !== undefined)
          .at(-1)
        const value = aggregate(fn, samples, span, before)
        if (value === undefined) continue
        const key = JSON.stringify([device, stream, time])
        const item = items.get(key) ?? { device, stream, time, values: {} }
        item.values[name] = value
        items.set(key, item)
      }
  return [...items.values()].sort((a, b) => text(a.device, b.device) || text(a.stream!, b.stream!) || a.time - b.time)
}

function aggregate(
  fn: AggregateQuery['fn'],
  samples: { time: number; value: unknown }[],
  { start, end }: { start: number; end: number },
  before: number | undefined,
): unknown {
  const present = samples.filter(s => s.value !== null && s.value !== undefined)
  const numeric = present.flatMap(s => (number(s.value) === undefined ? [] : [{ time: s.time, value: number(s.value)! }]))
  if (fn === 'count') return present.length || undefined
  if (fn === 'first') return present[0]?.value
  if (fn === 'last') return present.at(-1)?.value
  const n = numeric.length
  if (!n) return undefined
  const values = numeric.map(s => s.value).sort((a, b) => a - b)
  const sum = values.reduce((a, b) => a + b, 0)
  if (fn === 'sum') return sum
  if (fn === 'avg') return sum / n
  if (fn === 'min') return values[0]
  if (fn === 'max') return values[n - 1]
  if (fn === 'stddev') return n === 1 ? null : Math.sqrt(values.reduce((a, v) => a + (v - sum / n) ** 2, 0) / (n - 1))
  if (fn === 'twa') {
    const steps = before === undefined ? numeric : [{ time: start, value: before }, ...numeric]
    const area = steps.reduce((a, s, i) => a + s.value * ((steps[i + 1]?.time ?? end) - s.time), 0)
    return end > steps[0]!.time ? area / (end - steps[0]!.time) : steps.at(-1)!.value
  }
  const at = (Number(fn.slice(1)) / 100) * (n - 1)
  const low = values[Math.floor(at)]!
  return low + (at - Math.floor(at)) * ((values[Math.ceil(at)] ?? low) - low)
}

const number = (v: unknown): number | undefined => (typeof v === 'boolean' ? Number(v) : typeof v === 'number' ? v : undefined)
const text = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
const rank = (a: WarmRow, b: WarmRow): number =>
  (a.arrived ?? 0) - (b.arrived ?? 0) || (a.jseq ?? 0) - (b.jseq ?? 0) || (a.idx ?? 0) - (b.idx ?? 0)
