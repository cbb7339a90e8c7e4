import assert from 'node:assert/strict'
import { gathered } from '../../src/hub/gathered.ts'
import { runsOf, seqsOf } from '../../src/hub/runs.ts'
import { seeded } from '../seeded.ts'
import { until } from '../until.ts'

describe('what crosses to the hub thread and back', () => {
  it('has acknowledged numbers as runs, none more and none less, in their order', () => {
    assert.deepEqual(runsOf([]), [])
    assert.deepEqual(runsOf([4, 5, 6, 9, 8]), [4, 6, 9, 9, 8, 8])
    const { below } = seeded(5)
    for (let round = 0; round < 200; round++) {
      const seqs = Array.from({ length: below(30) }, () => below(40))
      assert.deepEqual(seqsOf(runsOf(seqs)), seqs)
    }
  })

  it('goes at once when it is the first, and together after that', async () => {
    const passed: number[][] = []
    const add = gathered<number>(100, items => passed.push(items))
    add([1])
    assert.deepEqual(passed, [[1]])
    add([2, 3])
    add([4])
    assert.equal(passed.length, 1)
    await until(() => passed.length === 2)
    assert.deepEqual(passed[1], [2, 3, 4])
  })

  it('goes at once when it is enough', () => {
    const passed: number[][] = []
    const add = gathered<number>(3, items => passed.push(items))
    for (let i = 1; i <= 7; i++) add([i])
    assert.deepEqual(passed, [[1], [2, 3, 4], [5, 6, 7]])
  })
})
