import assert from 'node:assert/strict'
import { pagesOf, staleWrites } from '../../src/storage/stale-writes.ts'
import type { Write } from '../../src/storage/state-store.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'

describe('writes that were refused', () => {
  it('are those that expect another version, in the order in which they would be done', async () => {
    const store = await openMemoryStateStore({ now: () => 0 })
    for (const coll of ['a', 'b']) await store.declare(coll, {})
    await store.put('a', 'one', {})
    await store.put('a', 'one', {})
    await store.put('b', 'one', {})
    const put = (coll: string, id: string, version?: number | 'new'): Write => {
      return { op: 'put', coll, id, doc: {}, ...(version !== undefined && { version }) }
    }
    const cases: [write: Write, stale: boolean][] = [
      [put('a', 'one', 1), true],
      [put('a', 'one', 2), false],
      [put('b', 'one', 'new'), true],
      [{ op: 'delete', coll: 'b', id: 'one', version: 1 }, false],
      [put('b', 'one', 'new'), false],
      [put('b', 'two', 'new'), false],
      [put('b', 'three', 1), true],
      [put('b', 'four'), false],
      [{ op: 'delete', coll: 'a', id: 'two' }, false],
    ]
    const stale = await staleWrites(
      store,
      cases.map(([write]) => write),
    )
    for (const [at, [write, expected]] of cases.entries()) assert.equal(stale.has(write), expected, `write ${at}`)
  })

  it('are looked up in pages', () => {
    const values = Array.from({ length: 1100 }, (_, i) => `v${i % 1050}`)
    assert.deepEqual(
      [...pagesOf(values)].map(page => page.length),
      [500, 500, 50],
    )
  })
})
