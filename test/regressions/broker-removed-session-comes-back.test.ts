import assert from 'node:assert/strict'
import { StateWriter } from '../../src/broker/state-writer.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import type { StateStore, Write } from '../../src/storage/state-store.ts'

describe('a failed flush and a later write of the same document', () => {
  /** The store fails transactions for which `fails` says so. */
  const failing = async (fails: (writes: readonly Write[]) => boolean) => {
    const store = await openMemoryStateStore({ now: () => 0 })
    await store.declare('c', {})
    const tx: StateStore['tx'] = async (writes, ...more) => {
      await new Promise(resolve => setImmediate(resolve))
      if (fails(writes)) throw new Error('disk gone')
      return store.tx(writes, ...more)
    }
    const broken = new Proxy(store, {
      get(target, name) {
        const value = name === 'tx' ? tx : Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    return { store, writer: new StateWriter(broken) }
  }
  const stored = async (store: StateStore) => (await store.query('c', {})).items.map(({ id, doc }) => [id, doc])

  it('a document that was removed meanwhile does not come back', async () => {
    let broken = true
    const { store, writer } = await failing(writes => broken && writes.some(({ op }) => op === 'put'))
    writer.later({ op: 'put', coll: 'c', id: 'a', doc: () => ({ v: 1 }) })
    // A write that fails after the removal keeps the flush open past it.
    writer.later({ op: 'put', coll: 'c', id: 'slow', doc: () => ({ v: 1 }) })
    const flushed = writer.flush().catch(() => 'failed')
    await writer.commit({ op: 'delete', coll: 'c', id: 'a' })
    assert.equal(await flushed, 'failed')
    broken = false
    await writer.flush()
    assert.deepEqual(await stored(store), [['slow', { v: 1 }]])
  })

  it('a newer document stays when an older flush fails', async () => {
    let left = 2
    const { store, writer } = await failing(writes => writes.some(({ id }) => id === 'a') && left-- > 0)
    let v = 1
    writer.later({ op: 'put', coll: 'c', id: 'a', doc: () => ({ v }) })
    const flushed = assert.rejects(writer.flush())
    await new Promise(resolve => setImmediate(resolve))
    v = 2
    await writer.commit({ op: 'put', coll: 'c', id: 'a', doc: { v } })
    await flushed
    v = 3
    await writer.flush()
    assert.deepEqual(await stored(store), [['a', { v: 2 }]])
  })

  it('what nothing overtook is tried again, after each failure', async () => {
    let left = 4
    const { store, writer } = await failing(() => left-- > 0)
    writer.later({ op: 'put', coll: 'c', id: 'a', doc: () => ({ v: 1 }) })
    await assert.rejects(writer.flush())
    await assert.rejects(writer.flush())
    await writer.flush()
    assert.deepEqual(await stored(store), [['a', { v: 1 }]])
  })
})
