import assert from 'node:assert/strict'
import { inBatches } from '../../src/hub/in-batches.ts'

describe('work in batches', () => {
  it('takes each id once, in order, and what is noted meanwhile', async () => {
    const noted = new Set(['a', 'b', 'c'])
    const done: string[] = []
    await inBatches(noted, 2, async ids => {
      done.push(ids.join(''))
      if (done.length === 1) noted.add('a').add('d')
    })
    assert.deepEqual([done, noted.size], [['ab', 'ca', 'd'], 0])
  })

  it('keeps what failed, and what it has not come to', async () => {
    const noted = new Set(['a', 'b', 'c'])
    let left = 1
    const work = async () => {
      if (left-- === 0) throw new Error('full')
    }
    await assert.rejects(inBatches(noted, 1, work), /full/)
    assert.deepEqual([...noted].toSorted(), ['b', 'c'])
  })
})
