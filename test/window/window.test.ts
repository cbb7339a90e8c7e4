import assert from 'node:assert/strict'
import type { LoomError } from '../../src/errors.ts'
import type { Result, WindowConfig, WindowEvent } from '../../src/window/types.ts'
import { createWindow } from '../../src/window/window.ts'

const base: WindowConfig = {
  type: 'tumbling',
  sizeMs: 10_000,
  aggregates: [
    { name: 'sum', fn: 'sum', field: 'v' },
    { name: 'list', fn: 'count' },
  ],
}
const engine = (more: Partial<WindowConfig> = {}) => createWindow({ ...base, ...more })
/** An event at a second, worth its second unless said otherwise. */
const at = (second: number, v: number = second, key = 'k', more: Partial<WindowEvent> = {}): WindowEvent => ({
  key,
  time: second * 1000,
  values: { v },
  ...more,
})
const rows = (results: Result[]) => results.map(r => [r.start / 1000, r.end / 1000, r.count, r.values.sum])
const code = (fn: () => unknown): string => {
  try {
    fn()
  } catch (error) {
    return (error as LoomError).code
  }
  return 'nothing was thrown'
}

describe('the worked example of disorder', () => {
  const seconds = [1, 8, 11, 9, 12, 7]

  it('drops what comes after its window closed', () => {
    const w = engine({ outOfOrderMs: 2000 })
    const out = seconds.map(s => rows(w.push(at(s))))
    assert.deepEqual(out, [[], [], [], [], [[0, 10, 3, 18]], []])
    assert.equal(w.late.dropped, 1)
    assert.equal(w.watermark(), 10_000)
  })

  it('revises the window within the allowed lateness', () => {
    const w = engine({ outOfOrderMs: 2000, lateMs: 5000 })
    const results = seconds.flatMap(s => w.push(at(s)))
    assert.deepEqual(results, [
      { id: 'k|0|10000|0', key: 'k', start: 0, end: 10_000, count: 3, values: { sum: 18, list: 3 }, revision: 0 },
      { id: 'k|0|10000|1', key: 'k', start: 0, end: 10_000, count: 4, values: { sum: 25, list: 4 }, revision: 1 },
    ])
    assert.equal(w.late.dropped, 0)
  })

  it('moves the late event to the watermark where that is asked', () => {
    const w = engine({ outOfOrderMs: 2000, latePolicy: 'adjust', aggregates: [{ name: 'sum', fn: 'span' }] })
    for (const s of seconds) w.push(at(s))
    // second 10 to second 12
    assert.deepEqual(rows(w.flush()), [[10, 20, 3, 2000]])
    assert.equal(w.late.adjusted, 1)
  })

  it('hands out the untouched event where that is asked', () => {
    const w = engine({ outOfOrderMs: 2000, latePolicy: 'output' })
    for (const s of seconds) w.push(at(s))
    assert.deepEqual(w.takeLate(), [{ event: at(7), reason: 'late', behindMs: 3000 }])
    assert.deepEqual(w.takeLate(), [])
    assert.equal(w.late.output, 1)
  })
})

describe('the worked example of windows', () => {
  const events = [at(3, 4), at(10, 6), at(12, 2), at(21, 8)]
  const run = (more: Partial<WindowConfig>) => {
    const w = engine(more)
    return rows([...w.push(events), ...w.flush()])
  }

  it('of tumbling windows that hold their start', () =>
    assert.deepEqual(run({}), [
      [0, 10, 1, 4],
      [10, 20, 2, 8],
      [20, 30, 1, 8],
    ]))

  it('of tumbling windows that hold their end', () =>
    assert.deepEqual(run({ boundary: 'end' }), [
      [0, 10, 2, 10],
      [10, 20, 1, 2],
      [20, 30, 1, 8],
    ]))

  it('shifted, and before 1970', () => {
    const w = engine({ offsetMs: 3000 })
    assert.deepEqual(rows([...w.push([at(-8, 1), at(3, 4)]), ...w.flush()]), [
      [-17, -7, 1, 1],
      [3, 13, 1, 4],
    ])
  })
})

describe('a window engine', () => {
  it('orders results of one step by end, start and first appearance of the key', () => {
    const w = engine({ watermark: 'manual' })
    w.push([at(11, 1, 'b'), at(1, 1, 'z'), at(2, 1, 'b'), at(3, 1, 'a'), at(12, 1, 'z')])
    assert.deepEqual(
      w.advanceTo(30_000).map(r => [r.key, r.start]),
      [
        ['b', 0],
        ['z', 0],
        ['a', 0],
        ['b', 10_000],
        ['z', 10_000],
      ],
    )
    const scoped = engine({ watermark: 'key', outOfOrderMs: 100_000 })
    scoped.push([at(11, 1, 'b'), at(1, 1, 'z'), at(2, 1, 'b')])
    assert.deepEqual(
      scoped.advanceTo(30_000).map(r => `${r.key}${r.start}`),
      ['b0', 'z0', 'b10000'],
    )
  })

  it('keeps a watermark per key where asked, and a floor for keys to come', () => {
    const w = engine({ watermark: 'key' })
    w.push([at(100, 1, 'a')])
    assert.equal(w.push(at(1, 1, 'b')).length, 0)
    assert.deepEqual(
      [w.watermark('a'), w.watermark('b'), w.watermark(), w.watermark('c')],
      [100_000, 1000, 1000, Number.NEGATIVE_INFINITY],
    )
    assert.deepEqual(rows(w.advanceTo(50_000, 'b')), [[0, 10, 1, 1]])
    assert.equal(w.watermark('c'), Number.NEGATIVE_INFINITY)
    w.advanceTo(60_000)
    assert.equal(w.watermark('c'), 60_000)
    w.push(at(59, 1, 'c'))
    w.push(at(49, 1, 'c'))
    assert.equal(w.late.dropped, 2)
  })

  it('holds a watermark for a key that has sent nothing yet', () => {
    const w = engine({ watermark: 'key' })
    assert.deepEqual(w.advanceTo(20_000, 'new'), [])
    w.push(at(5, 1, 'new'))
    assert.equal(w.late.dropped, 1)
  })

  it('goes on by the arrival clock when idle, from the last event', () => {
    const w = engine({ idleMs: 5000, outOfOrderMs: 1000 })
    const now = 1_000_000
    w.tick(now)
    w.push(at(8))
    assert.deepEqual(w.tick(now + 2900), [])
    assert.equal(w.watermark(), 7000)
    assert.deepEqual(rows(w.tick(now + 5000)), [[0, 10, 1, 8]])
    assert.equal(w.watermark(), 12_000)
    w.tick(now - 5000)
    assert.equal(w.watermark(), 12_000)
  })

  it('does not take a key for idle because its first event arrived long ago', () => {
    const w = engine({ watermark: 'key', idleMs: 10 })
    w.tick(1000)
    w.push(at(1, 1, 'a', { arrival: 0 }))
    w.push(at(1, 2, 'a', { arrival: 0 }))
    assert.equal(w.watermark('a'), 1000)
    w.tick(1001)
    assert.equal(w.watermark('a'), 2001)
  })

  it('counts bad events and goes on with the batch', () => {
    const w = engine({ maxKeys: 1 })
    const bad = [
      { key: 'k', time: Number.NaN, values: {} },
      { key: 'k', values: {} },
      { key: 'k', time: 1 },
      null,
      { ...at(1), time: 1e300 },
    ]
    w.push([...(bad as WindowEvent[]), at(1), at(2, 2, 'too many'), at(3)])
    assert.equal(w.late.invalid, 6)
    assert.deepEqual(rows(w.flush()), [[0, 10, 2, 4]])
  })

  it('takes its key from paths and its time from arrival', () => {
    const w = createWindow({ ...base, key: ['site', 'o.line'], time: 'arrival' })
    w.push([
      { time: 0, arrival: 15_000.9, values: { v: 1, site: 'a|b', o: { line: 7 } } },
      { time: 0, values: { v: 1 } },
    ])
    assert.deepEqual(
      w.flush().map(r => [r.key, r.start, r.id]),
      [['a%7Cb|7', 10_000, 'a%257Cb%7C7|10000|20000|0']],
    )
    assert.equal(w.late.invalid, 1)
    const single = createWindow({ ...base, key: 'site' })
    single.push({ time: 0, values: { site: 'a|b' } })
    assert.deepEqual(single.flush()[0]?.key, 'a|b')
  })

  it('retracts a revision that no longer satisfies the condition', () => {
    const w = engine({ lateMs: 60_000, having: r => (r.values.sum as number) < 5 })
    w.push([at(1, 1), at(20, 9)])
    const [revised] = w.push(at(2, 8))
    assert.deepEqual([revised?.revision, revised?.retracted, revised?.values.sum], [1, true, 9])
    assert.deepEqual(w.push(at(3, 1)), [])
    const [again] = w.push(at(4, -9))
    assert.deepEqual([again?.revision, again?.retracted, again?.values.sum], [2, undefined, 1])
  })

  it('reports windows without events as null, zero or the last values', () => {
    const run = (emitEmpty: WindowConfig['emitEmpty'] & {}) => {
      const w = engine({ emitEmpty })
      return [...w.push([at(1), at(35)]), ...w.flush()].map(r => [r.start, r.count, r.values.sum, r.empty])
    }
    const shape = (fill: number | null) => [
      [0, 1, 1, undefined],
      [10_000, 0, fill, true],
      [20_000, 0, fill, true],
      [30_000, 1, 35, undefined],
    ]
    assert.deepEqual(run(true), shape(null))
    assert.deepEqual(run('null'), shape(null))
    assert.deepEqual(run('zero'), shape(0))
    assert.deepEqual(run('last'), shape(1))
  })

  it('stops reporting a key that stays silent, and starts again with its next event', () => {
    const w = engine({ emitEmpty: true, keyTtlMs: 30_000 })
    w.push([at(5, 1, 'a'), at(5, 1, 'b')])
    const starts = w.push(at(1000, 1, 'b')).map(r => `${r.key}${r.start / 1000}`)
    assert.deepEqual(starts, ['a0', 'b0', 'a10', 'b10', 'a20', 'b20'])
    assert.deepEqual(
      w.advanceTo(1_030_000).map(r => `${r.key}${r.start / 1000}`),
      ['b1000', 'b1010', 'b1020'],
    )
  })

  it('forgets silent keys, so that keys which come and go do not fill it', () => {
    for (const watermark of ['global', 'key'] as const) {
      const w = engine({ maxKeys: 10, keyTtlMs: 20_000, watermark, ...(watermark === 'key' && { idleMs: 1000 }) })
      for (let i = 0; i < 500; i++) {
        w.push(at(i * 10, 1, `key ${i}`, { arrival: i * 10_000 }))
        w.tick(i * 10_000)
      }
      assert.equal(w.late.invalid, 0, watermark)
    }
  })

  it('jumps over a year without data', () => {
    const w = engine({ sizeMs: 1, lateMs: 5, emitEmpty: false })
    w.push(at(0))
    assert.equal(w.push(at(400 * 86_400)).length, 1)
    const filled = engine({ sizeMs: 1000, emitEmpty: true, keyTtlMs: 10_000 })
    filled.push(at(0))
    assert.equal(filled.push(at(400 * 86_400)).length, 10)
  })

  it('keeps duplicates out as long as their window lives', () => {
    const w = engine({ dedupe: 'id', lateMs: 5000 })
    w.push([at(1, 1, 'k', { id: 'x' }), at(2, 1, 'k', { id: 'x' }), at(2, 1, 'other', { id: 'x' }), at(12)])
    w.push(at(3, 1, 'k', { id: 'x' }))
    assert.equal(w.late.duplicate, 2)
    w.push([at(16), at(17, 1, 'k', { id: 'x' })])
    assert.equal(w.late.duplicate, 2)
  })

  it('refuses to outgrow its memory and hands over what it had made', () => {
    const w = engine({ maxStateMb: 1, watermark: 'global', outOfOrderMs: 0 })
    w.push(at(0))
    const flood = [at(10), ...Array.from({ length: 20_000 }, (_, i) => at(11, 1, `k${i}`))]
    assert.equal(
      code(() => w.push(flood)),
      'WINDOW_STATE_LIMIT',
    )
    assert.deepEqual(rows(w.tick(0)), [[0, 10, 1, 0]])
  })

  it('holds only the newest of too many diverted events', () => {
    const w = engine({ latePolicy: 'output' })
    w.push(at(100))
    for (let i = 0; i < 25_000; i++) w.push(at(0, i))
    const taken = w.takeLate()
    assert.deepEqual([taken.length, taken.at(-1)?.event.values.v, w.late.output], [10_000, 24_999, 25_000])
  })

  it('finds spread in values that hardly differ', () => {
    const w = createWindow({ ...base, aggregates: [{ name: 'variance', fn: 'variance', field: 'v' }] })
    for (let i = 0; i < 1000; i++) w.push({ time: i, values: { v: 1e9 + (i % 2) } })
    const variance = w.flush()[0]!.values.variance as number
    assert.ok(Math.abs(variance - 0.25025025) < 1e-6, `${variance}`)
  })

  it('reads no inherited member as a field', () => {
    const w = createWindow({ ...base, aggregates: [{ name: 'n', fn: 'count', field: 'constructor' }] })
    w.push([
      { time: 0, values: {} },
      { time: 0, values: { constructor: 1 } },
    ])
    assert.equal(w.flush()[0]!.values.n, 1)
  })

  it('takes a flat name with dots before the path', () => {
    const w = createWindow({ ...base, aggregates: [{ name: 's', fn: 'sum', field: 'a.b' }] })
    w.push([
      { time: 0, values: { 'a.b': 1 } },
      { time: 0, values: { a: { b: 10 } } },
      { time: 0, values: { a: 5 } },
    ])
    assert.equal(w.flush()[0]!.values.s, 11)
  })

  it('takes nothing after the end of input', () => {
    const w = engine()
    w.push(at(1))
    w.flush()
    const calls = [() => w.push(at(1)), () => w.tick(1), () => w.advanceTo(1), () => w.flush(), () => w.restore(new Uint8Array())]
    for (const call of calls) assert.equal(code(call), 'WINDOW_CLOSED')
    assert.equal(w.watermark(), Number.POSITIVE_INFINITY)
    const after = engine()
    after.restore(w.snapshot())
    assert.equal(
      code(() => after.push(at(1))),
      'WINDOW_CLOSED',
    )
  })

  it('refuses times that are none, and a key without a scope', () => {
    const w = engine()
    for (const call of [() => w.advanceTo(Number.NaN), () => w.tick(Number.POSITIVE_INFINITY), () => w.advanceTo(1, 'k')])
      assert.equal(code(call), 'REQUEST_INVALID')
  })
})
