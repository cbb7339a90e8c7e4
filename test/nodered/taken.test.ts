import assert from 'node:assert/strict'
import { Taken } from '../../src/nodered/taken.ts'
import { seeded } from '../seeded.ts'

const reading = (jseq: number, more: object = {}) => ({ device: 'd', time: 1, values: {}, jseq, idx: 0, arrived: 1, ...more })

describe('what a node took from the journal', () => {
  it('is told by record, place in the batch, device and arrival', () => {
    const taken = new Taken()
    taken.add(reading(1))
    assert.ok(taken.has(reading(1)))
    for (const more of [{ idx: 1 }, { device: 'e' }, { arrived: 2 }, { jseq: 2 }]) assert.ok(!taken.has(reading(1, more)))
  })

  it('says nothing of readings that are not from the journal', () => {
    const taken = new Taken()
    taken.add({ device: 'd', time: 1, values: {} })
    assert.ok(!taken.has({ device: 'd', time: 1, values: {} }))
  })

  it('holds at least the latest of its limit, and at most twice as many', () => {
    const { below } = seeded(3)
    const limit = 1 + below(50)
    const taken = new Taken(limit)
    for (let jseq = 1; jseq <= 500; jseq++) {
      taken.add(reading(jseq))
      const held = Array.from({ length: jseq }, (_, i) => i + 1).filter(seq => taken.has(reading(seq)))
      assert.ok(held.length <= 2 * limit && held.length >= Math.min(limit, jseq))
      assert.deepEqual(
        held,
        Array.from({ length: held.length }, (_, i) => jseq - held.length + 1 + i),
      )
    }
  })
})
