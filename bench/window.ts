import type { Result, WindowConfig, WindowEvent } from '../src/window/types.ts'
import { createWindow } from '../src/window/window.ts'

/*
 * The window engine against a bare loop over the same events, in one run: a Map look-up and five columns of a Float64Array, with no lateness, no order,
 * no results but the rows of each minute. CPU time, median of three.
 */
const sizeMs = 60_000
const columns = 5
const events = Number(process.env.BENCH_EVENTS ?? 2_000_000)

const config: WindowConfig = {
  type: 'tumbling',
  sizeMs,
  aggregates: [
    { name: 'n', fn: 'count' },
    { name: 'sum', fn: 'sum', field: 'v' },
    { name: 'avg', fn: 'avg', field: 'v' },
    { name: 'min', fn: 'min', field: 'v' },
    { name: 'max', fn: 'max', field: 'v' },
  ],
}

/** Every key once a second; `jitterMs` of disorder. */
function readings(keys: number, jitterMs: number): WindowEvent[] {
  let noise = 1
  const next = () => (noise = (Math.imul(noise, 1103515245) + 12345) & 0x7fffffff) / 0x80000000
  return Array.from({ length: events }, (_, i) => ({
    key: `device-${i % keys}`,
    time: Math.floor((i / keys) * 1000 - next() * jitterMs),
    values: { v: next() * 100 },
  }))
}

function bareLoop(input: readonly WindowEvent[]): number {
  const indexes = new Map<string, number>()
  let rows = new Float64Array(1024 * columns)
  let end = Number.NEGATIVE_INFINITY
  let results = 0
  for (const { key, time, values } of input) {
    if (time >= end) {
      results += indexes.size
      rows.fill(0)
      end = Math.floor(time / sizeMs) * sizeMs + sizeMs
    }
    let index = indexes.get(key as string)
    if (index === undefined) {
      index = indexes.size
      indexes.set(key as string, index)
      if (rows.length < indexes.size * columns) {
        const grown = new Float64Array(rows.length * 2)
        grown.set(rows)
        rows = grown
      }
    }
    const v = values.v as number
    const at = index * columns
    const n = rows[at]!
    rows[at] = n + 1
    rows[at + 1]! += v
    rows[at + 2]! += v * v
    if (n === 0 || v < rows[at + 3]!) rows[at + 3] = v
    if (n === 0 || v > rows[at + 4]!) rows[at + 4] = v
  }
  return results
}

function engine(input: readonly WindowEvent[], more: Partial<WindowConfig>): number {
  const window = createWindow({ ...config, ...more })
  let results = 0
  const count = (found: Result[]) => {
    results += found.length
  }
  for (let i = 0; i < input.length; i += 100) count(window.push(input.slice(i, i + 100)))
  count(window.flush())
  return results
}

function cpuMs(run: () => number): number {
  const samples = Array.from({ length: 4 }, () => {
    const before = process.cpuUsage()
    run()
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1000
  })
  // the first one warms up
  return samples.slice(1).toSorted((a, b) => a - b)[1]!
}

const cases: [name: string, keys: number, jitterMs: number, more: Partial<WindowConfig>][] = [
  ['one key', 1, 0, {}],
  ['10,000 keys', 10_000, 0, {}],
  ['10,000 keys, 2 s of disorder', 10_000, 2000, { outOfOrderMs: 2000 }],
  ['10,000 keys, lateness and revisions', 10_000, 2000, { lateMs: sizeMs }],
  ['10,000 keys, a watermark each', 10_000, 0, { watermark: 'key' }],
  ['10,000 keys, a watermark each, idle clock', 10_000, 0, { watermark: 'key', idleMs: 30_000 }],
]

console.log(`Tumbling windows of ${sizeMs / 1000} s, 5 aggregates, ${events} events in batches of 100, results as objects\n`)
console.log('| input | bare loop, ns an event | engine, ns an event | of the limit |')
console.log('| --- | --- | --- | --- |')
for (const [name, keys, jitterMs, more] of cases) {
  const input = readings(keys, jitterMs)
  const limit = cpuMs(() => bareLoop(input))
  const ours = cpuMs(() => engine(input, more))
  const ns = (ms: number) => ((ms * 1e6) / events).toFixed(0)
  console.log(`| ${name} | ${ns(limit)} | ${ns(ours)} | ${(limit / ours).toFixed(2)} |`)
}
