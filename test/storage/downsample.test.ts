import assert from 'node:assert/strict'
import { foldOf } from '../../src/storage/fold.ts'
import { lttb } from '../../src/storage/lttb.ts'
import { MinMax } from '../../src/storage/min-max.ts'
import { seeded } from '../seeded.ts'

function chosen(times: number[], values: number[], maxPoints: number): number[] {
  const steps = lttb(times, values, maxPoints)
  let step = steps.next()
  while (!step.done) step = steps.next()
  return step.value
}

describe('thinning out', () => {
  it('by shape keeps first and last, one point of each bucket, in order, exactly as many as asked', () => {
    const random = seeded(3)
    for (const n of [1, 2, 3, 10, 11, 997]) {
      const times = Array.from({ length: n }, (_, i) => i * 10)
      const values = times.map(() => random.next())
      for (const maxPoints of [2, 3, 4, 10, 50]) {
        const kept = chosen(times, values, maxPoints)
        assert.equal(kept.length, Math.min(n, maxPoints))
        assert.equal(kept[0], 0)
        assert.equal(kept.at(-1), n - 1)
        for (let i = 1; i < kept.length; i++) assert.ok(kept[i]! > kept[i - 1]!)
      }
    }
  })

  it('by shape takes the largest triangle', () => {
    assert.deepEqual(chosen([0, 1, 2, 3, 4, 5], [0, 0, 9, 0, 0, 0], 3), [0, 2, 5])
    assert.deepEqual(chosen([0, 1, 2, 3, 4, 5], [0, -1, 1, 5, 0, 0], 4), [0, 1, 3, 5])
  })

  it('by extremes keeps least and greatest of every span', () => {
    const random = seeded(4)
    const points = Array.from({ length: 1000 }, (_, time) => ({ time, value: random.below(1000) }))
    const minMax = new MinMax({ from: 0, to: 1000, maxPoints: 20 })
    for (const point of points) minMax.add(point)
    const kept = minMax.result()
    assert.ok(kept.length <= 20)
    for (let span = 0; span < 10; span++) {
      const inside = points.slice(span * 100, span * 100 + 100).map(p => p.value)
      const left = kept.filter(p => p.time >= span * 100 && p.time < span * 100 + 100).map(p => p.value)
      assert.deepEqual([Math.min(...left), Math.max(...left)], [Math.min(...inside), Math.max(...inside)])
    }
  })

  it('ranks without sorting as sorting would', () => {
    const random = seeded(6)
    for (let round = 0; round < 200; round++) {
      const values = Array.from({ length: 1 + random.below(60) }, () => random.below(20))
      const sorted = [...values].sort((a, b) => a - b)
      for (const [fn, p] of [
        ['p50', 0.5],
        ['p95', 0.95],
        ['p99', 0.99],
      ] as const) {
        const fold = foldOf(fn, { start: 0, end: 1 }, undefined)
        for (const value of values) fold.add({ time: 0, arrived: 0, value })
        const rank = p * (values.length - 1)
        const low = sorted[Math.floor(rank)]!
        const expected = low + (rank - Math.floor(rank)) * (sorted[Math.ceil(rank)]! - low)
        assert.ok(Math.abs((fold.result() as number) - expected) < 1e-9)
      }
    }
  })
})
