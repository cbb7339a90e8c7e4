import assert from 'node:assert/strict'
import { KeyFrames } from '../../src/telemetry/key-frames.ts'
import type { Reading } from '../../src/telemetry/reading.ts'
import { seeded } from '../seeded.ts'

const of = (
  frame: 'key' | 'diff' | '',
  seq: number | undefined,
  values: Record<string, unknown>,
  more: Partial<Reading> = {},
): Reading => ({
  ...{ device: 'd', time: seq ?? 1, values, ...(seq !== undefined && { seq }) },
  ...(frame && { properties: { frame } }),
  ...more,
})

describe('key frames', () => {
  it('differences are merged into what the key frame said; null takes a value away', () => {
    const frames = new KeyFrames()
    const { readings } = frames.take(
      [
        of('key', 1, { a: 1, b: 2 }),
        of('diff', 2, { b: 3 }),
        of('diff', 3, { a: null, c: 4 }),
        of('', 9, { z: 1 }),
        of('key', 4, { a: 7 }),
      ],
      0,
    )
    assert.deepEqual(
      readings.map(({ values }) => values),
      [{ a: 1, b: 2 }, { a: 1, b: 3 }, { b: 3, c: 4 }, { z: 1 }, { a: 7 }],
    )
  })

  it('a difference without its base is held back, and a key frame wished for once in 30 s', () => {
    const frames = new KeyFrames()
    const first = frames.take([of('diff', 5, { a: 1 }), of('diff', 6, { a: 2 }, { stream: 's' })], 0)
    assert.deepEqual(first.wishes, [
      { device: 'd', stream: '' },
      { device: 'd', stream: 's' },
    ])
    assert.equal(first.unfounded.length, 2)
    assert.deepEqual(frames.take([of('diff', 6, { a: 1 })], 29_999).wishes, [])
    assert.equal(frames.take([of('diff', 7, { a: 1 })], 30_000).wishes.length, 1)
    assert.deepEqual(frames.take([of('key', 8, { a: 1 })], 30_001).readings.length, 1)
  })

  it('a missing number makes the base unknown, and what comes again is passed over', () => {
    const frames = new KeyFrames()
    frames.take([of('key', 1, { a: 1 }), of('diff', 2, { a: 2 })], 0)
    assert.deepEqual(frames.take([of('diff', 2, { a: 2 })], 0), { readings: [], wishes: [], unfounded: [] })
    assert.equal(frames.take([of('diff', 4, { b: 1 })], 0).wishes.length, 1)
    assert.equal(frames.take([of('diff', 5, { b: 1 })], 0).unfounded.length, 1)
  })

  it('a device whose numbers begin anew is heard, and one without numbers by the order of arrival', () => {
    const frames = new KeyFrames()
    frames.take([of('key', 50, { a: 1 })], 0)
    assert.equal(frames.take([of('key', 1, { a: 2 }, { time: 60 })], 0).readings.length, 1)
    const { readings } = frames.take(
      [of('key', undefined, { a: 1 }, { device: 'x' }), of('diff', undefined, { b: 1 }, { device: 'x' })],
      0,
    )
    assert.deepEqual(readings[1]!.values, { a: 1, b: 1 })
  })

  it('streams and names are bounded', () => {
    const frames = new KeyFrames({ limits: { streams: 2, names: 2 } })
    for (const device of ['a', 'b', 'c']) frames.take([of('key', 1, { x: 1 }, { device })], 0)
    assert.equal(frames.take([of('diff', 2, { x: 2 }, { device: 'a' })], 0).unfounded.length, 1)
    assert.equal(frames.take([of('diff', 2, { x: 2 }, { device: 'c' })], 0).readings.length, 1)
    assert.equal(frames.take([of('diff', 3, { y: 2, z: 2 }, { device: 'c' })], 0).unfounded.length, 1)
  })

  it('touches no prototype', () => {
    const { readings } = new KeyFrames().take(
      [of('key', 1, JSON.parse('{"__proto__": {"polluted": 1}}')), of('diff', 2, { a: 1 })],
      0,
    )
    assert.deepEqual(Object.keys(readings[1]!.values), ['__proto__', 'a'])
    assert.equal(({} as { polluted?: number }).polluted, undefined)
  })

  it('whatever is lost, a reading that comes out is what the device had', () => {
    const random = seeded(4)
    const frames = new KeyFrames()
    let state: Record<string, unknown> = {}
    let wanted = true
    let whole = 0
    for (let seq = 1; seq < 5000; seq++) {
      const name = random.pick(['a', 'b', 'c', 'd'])
      const value = random.below(4) ? random.below(100) : null
      const next = { ...state, [name]: value }
      if (value === null) delete next[name]
      state = next
      const reading = wanted && random.below(3) === 0 ? of('key', seq, state) : of('diff', seq, { [name]: value })
      if (random.below(20) === 0) continue
      const taken = frames.take(random.below(10) ? [reading] : [reading, reading], seq * 1000)
      if (taken.wishes.length) wanted = true
      if (taken.readings.length) wanted = false
      for (const { values } of taken.readings) assert.deepEqual(values, state)
      whole += taken.readings.length
    }
    assert.ok(whole > 1000)
  })
})
