import assert from 'node:assert/strict'
import type { Result, WindowConfig, WindowEngine, WindowEvent } from '../../src/window/types.ts'
import { createWindow } from '../../src/window/window.ts'
import { random } from '../telemetry/random.ts'
import { Naive } from './naive.ts'

type Step = { push: WindowEvent[] } | { tick: number } | { advance: number } | { flush: boolean }

const aggregates: WindowConfig['aggregates'] = [
  { name: 'n', fn: 'count' },
  { name: 'nx', fn: 'count', field: 'x' },
  { name: 'all', fn: 'last', field: '*' },
  ...(
    ['sum', 'avg', 'min', 'max', 'range', 'stddev', 'stddevp', 'variance', 'variancep', 'first', 'last', 'span'] as const
  ).flatMap(fn => [
    { name: fn, fn, field: 'x' },
    { name: `${fn}Deep`, fn, field: 'o.y' },
  ]),
  { name: 'width', fn: 'span' },
]

function configOf(next: () => number): WindowConfig {
  const one = <const T extends unknown[]>(...of: T): T[number] => of[Math.floor(next() * of.length)]!
  const maybe = <K extends string, const V extends unknown[]>(name: K, ...of: V) =>
    next() < 0.5 ? {} : ({ [name]: one(...of) } as Record<K, V[number]>)
  return {
    type: 'tumbling',
    sizeMs: one(10, 7, 100),
    aggregates,
    ...maybe('offsetMs', 0, 3, -4),
    ...maybe('boundary', 'start', 'end'),
    ...maybe('outOfOrderMs', 0, 5, 40),
    ...maybe('lateMs', 0, 10, 60),
    ...maybe('lateArrivalMs', 20, 50),
    ...maybe('earlyMs', 0, 30),
    ...maybe('earlyPolicy', 'drop', 'adjust', 'output'),
    ...maybe('latePolicy', 'drop', 'adjust', 'output'),
    ...maybe('lateTest', 'window', 'time'),
    ...maybe('watermark', 'global', 'key', 'manual'),
    ...maybe('idleMs', 0, 15, 40),
    ...maybe('idleRule', 'pace', 'arrival'),
    ...maybe('dedupe', false, 'time', 'id'),
    ...(next() < 0.3 && { emitEmpty: one(true, 'null', 'zero', 'last'), keyTtlMs: 600_000 }),
    ...maybe('updates', 'final', 'each'),
    ...maybe('having', (r: Result) => r.count % 3 !== 0),
    ...maybe('startMs', 50),
  }
}

/** `json`: only values that JSON can hold, as snapshots keep whole objects in it. */
function stepsOf(next: () => number, json = false): Step[] {
  let now = 1000
  const steps: Step[] = []
  const keys = ['a', 'b|%', 'c', '']
  const x = () =>
    [Math.floor(next() * 9) - 4, next() * 1e6, null, 'text', true, json ? -2 : Number.NaN, undefined][Math.floor(next() * 9)] ??
    1.5
  const event = (): WindowEvent => ({
    key: keys[Math.floor(next() * keys.length)]!,
    time: now - 1000 + Math.floor((next() - 0.7) * 60) + (next() < 0.03 ? 300 : 0),
    values: { x: x(), o: next() < 0.2 ? null : { y: x() } },
    id: Math.floor(next() * 40),
    ...(next() < 0.5 && { arrival: now - 1000 + Math.floor(next() * 70) - 60 }),
  })
  while (steps.length < 80) {
    now += Math.floor(next() * next() * 40)
    const kind = next()
    if (kind < 0.75) steps.push({ push: Array.from({ length: 1 + Math.floor(next() * 3) }, event) })
    else if (kind < 0.95) steps.push({ tick: (now += Math.floor(next() * 30)) - 1000 })
    else steps.push({ advance: now - 1000 - Math.floor(next() * 50) })
  }
  steps.push({ flush: next() < 0.5 })
  return steps
}

const run = (engine: WindowEngine, step: Step): Result[] => {
  if ('push' in step) return engine.push(step.push)
  if ('tick' in step) return engine.tick(step.tick)
  return 'advance' in step ? engine.advanceTo(step.advance) : engine.flush({ partial: step.flush })
}
const naiveRun = (naive: Naive, step: Step): Result[] => {
  if ('push' in step) return step.push.flatMap(e => naive.push(e))
  if ('tick' in step) return naive.tick(step.tick)
  return 'advance' in step ? naive.advanceTo(step.advance) : naive.flush(step.flush)
}

/** Variances may differ in their last digits. */
function same(found: Result[], expected: Result[], about: string): void {
  const rounded = (results: Result[]) =>
    results.map(r => ({
      ...r,
      values: Object.fromEntries(Object.entries(r.values).map(([k, v]) => [k, /^(std|var)/.test(k) && v ? 0 : v])),
    }))
  assert.deepEqual(rounded(found), rounded(expected), about)
  for (const [i, { values }] of found.entries())
    for (const [name, v] of Object.entries(values)) {
      const w = expected[i]!.values[name]
      if (typeof v === 'number' && typeof w === 'number' && !Object.is(v, w))
        assert.ok(Math.abs(v - w) <= 1e-9 * Math.max(1, Math.abs(w)), `${about} ${name} ${v} ${w}`)
    }
}

describe('tumbling windows under random configurations, disorder and clocks', function () {
  // a slow machine may need more than the usual limit
  this.timeout(60_000)

  it('equal a naive recomputation, counts included', () => {
    let results = 0
    for (let seed = 1; seed <= 150; seed++) {
      const next = random(seed)
      const config = configOf(next)
      const [engine, naive] = [createWindow(config), new Naive(config)]
      for (const [i, step] of stepsOf(next).entries()) {
        const found = run(engine, step)
        results += found.length
        same(found, naiveRun(naive, step), `seed ${seed} step ${i}`)
      }
      const { trimmed, gap, invalid, ...counts } = engine.late
      assert.deepEqual(counts, naive.counts, `seed ${seed}`)
      assert.deepEqual([trimmed, gap, invalid], [0, 0, 0])
      assert.equal(engine.takeLate().length, naive.counts.output)
    }
    assert.ok(results > 3000, `${results}`)
  })

  it('go on identically from a snapshot taken anywhere', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const next = random(seed)
      const config = configOf(next)
      const steps = stepsOf(next, true)
      const cut = Math.floor(next() * steps.length)
      const whole = createWindow(config)
      const first = createWindow(config)
      const second = createWindow(config)
      for (const step of steps.slice(0, cut)) same(run(first, step), run(whole, step), `seed ${seed}`)
      const snapshot = first.snapshot()
      second.restore(snapshot)
      assert.deepEqual(second.snapshot(), snapshot, `seed ${seed}: the restored engine has another state`)
      for (const [i, step] of steps.slice(cut).entries()) {
        assert.deepEqual(run(second, step), run(whole, step), `seed ${seed} step ${i} after the cut ${JSON.stringify(config)}`)
        if (!('flush' in step)) for (const key of ['a', 'c', undefined]) assert.equal(second.watermark(key), whole.watermark(key))
      }
      assert.deepEqual(second.late, whole.late)
      assert.deepEqual(second.takeLate(), whole.takeLate())
    }
  })

  it('come out of a batch as of its events one by one', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const next = random(seed)
      const config = configOf(next)
      const [batched, single] = [createWindow(config), createWindow(config)]
      for (const step of stepsOf(next)) {
        const expected = 'push' in step ? step.push.flatMap(e => single.push(e)) : run(single, step)
        assert.deepEqual(run(batched, step), expected, `seed ${seed}`)
      }
    }
  })

  it('never give one id two contents', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const next = random(seed)
      const engine = createWindow(configOf(next))
      const ids = stepsOf(next).flatMap(step => run(engine, step).map(r => r.id))
      assert.equal(new Set(ids).size, ids.length, `seed ${seed}`)
    }
  })
})
