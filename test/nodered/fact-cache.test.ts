import assert from 'node:assert/strict'
import { FactCache } from '../../src/nodered/fact-cache.ts'

describe('a cache of facts', () => {
  let time: number
  const cacheOf = (limit = 10, ttlMs = 100) => new FactCache<number>({ limit, ttlMs, now: () => time })
  const ask = async (cache: FactCache<number>, keys: string[], found: Record<string, number>, meanwhile = () => {}) => {
    const into = new Map<string, number | undefined>()
    const unknown = cache.known(keys, into)
    if (unknown.length)
      await cache.ask(unknown, into, async () => {
        meanwhile()
        return new Map(Object.entries(found))
      })
    return { unknown, into: Object.fromEntries(into) }
  }
  beforeEach(() => {
    time = 0
  })

  it('remembers what was found and that nothing was, for its time', async () => {
    const cache = cacheOf()
    assert.deepEqual(await ask(cache, ['a', 'b'], { a: 1 }), { unknown: ['a', 'b'], into: { a: 1, b: undefined } })
    time = 99
    assert.deepEqual(await ask(cache, ['a', 'b', 'c'], {}), { unknown: ['c'], into: { a: 1, b: undefined, c: undefined } })
    time = 100
    assert.deepEqual((await ask(cache, ['a', 'c'], {})).unknown, ['a'])
  })

  it('has a bound, which the answer to one question may be beyond', async () => {
    const cache = cacheOf(2)
    assert.deepEqual((await ask(cache, ['a', 'b', 'c'], { a: 1, b: 2, c: 3 })).into, { a: 1, b: 2, c: 3 })
    assert.deepEqual((await ask(cache, ['c', 'b', 'a'], {})).unknown, ['a'])
  })

  it('remembers nothing without a time', async () => {
    const cache = cacheOf(2, 0)
    await ask(cache, ['a'], { a: 1 })
    assert.deepEqual((await ask(cache, ['a'], { a: 1 })).unknown, ['a'])
  })

  it('does not remember an answer that was overtaken by a change', async () => {
    const cache = cacheOf()
    await ask(cache, ['a', 'b'], { a: 1, b: 1 }, () => cache.forget('a'))
    assert.deepEqual((await ask(cache, ['a', 'b'], { a: 2 }, () => cache.clear())).unknown, ['a'])
    assert.deepEqual((await ask(cache, ['a', 'b'], { a: 3, b: 3 })).unknown, ['a', 'b'])
    assert.deepEqual((await ask(cache, ['a', 'b'], {})).into, { a: 3, b: 3 })
    cache.forget('b')
    assert.deepEqual((await ask(cache, ['a', 'b'], {})).unknown, ['b'])
  })

  it('forgets nothing of a change after a question failed', async () => {
    const cache = cacheOf()
    const into = new Map<string, number | undefined>()
    await assert.rejects(
      cache.ask(['a'], into, () => Promise.reject(new Error('down'))),
      /down/,
    )
    await ask(cache, ['a'], { a: 1 })
    assert.deepEqual((await ask(cache, ['a'], {})).unknown, [])
  })
})
