import assert from 'node:assert/strict'
import { cover, covers, nextCovered } from '../../src/window/runs.ts'
import { DueQueue } from '../../src/window/due-queue.ts'
import { random } from '../telemetry/random.ts'

describe('runs of time', () => {
  it('cover what a set of all their instants covers', () => {
    const next = random(11)
    for (let round = 0; round < 300; round++) {
      const runs: { from: number; to: number }[] = []
      const held = new Set<number>()
      for (let i = 0; i < 6; i++) {
        const from = Math.floor(next() * 20) * 3
        const to = from + 3 + Math.floor(next() * 9)
        cover(runs, from, to)
        for (let t = from; t < to; t++) held.add(t)
        const within = (start: number) => held.has(start) && held.has(start + 1) && held.has(start + 2)
        for (let start = 0; start < 75; start += 3) assert.equal(covers(runs, start, start + 3), within(start), `round ${round}`)
        const after = Math.floor(next() * 20) * 3
        const expected = Array.from({ length: 25 }, (_, n) => n * 3).find(start => start >= after && within(start))
        assert.equal(nextCovered(structuredClone(runs), after, 3), expected)
      }
    }
  })
})

describe('the queue of due things', () => {
  it('gives them in order and none too early', () => {
    const next = random(12)
    const queue = new DueQueue<number>()
    const dues = Array.from({ length: 500 }, () => Math.floor(next() * 100))
    for (const due of dues) queue.push(due, due)
    const taken: number[] = []
    for (let now = 0; now < 100; now += 10)
      for (let entry = queue.take(now); entry; entry = queue.take(now)) {
        assert.ok(entry.due <= now && entry.item === entry.due)
        taken.push(entry.due)
      }
    assert.deepEqual(
      taken,
      dues.filter(due => due <= 90).sort((a, b) => a - b),
    )
  })
})
