import assert from 'node:assert/strict'
import { LoomError } from '../../src/errors.ts'
import { openOperations, type RunningOperation } from '../../src/provisioning/bulk-operations.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import { random, start } from '../pki/make.ts'
import { refusedWith } from './fleet-house.ts'

async function registry(store?: Awaited<ReturnType<typeof openMemoryStateStore>>) {
  const clock = { now: start }
  const now = () => clock.now
  const kept = store ?? (await openMemoryStateStore({ now }))
  return { clock, store: kept, operations: await openOperations({ store: kept, now, random }) }
}
const asked = { kind: 'devices.import', by: 'anna', resumable: true, detail: { file: 'a.csv' } }
/** Work that goes on until it is told to stop. */
const endless = async (operation: RunningOperation) => {
  while (!operation.cancelled()) await new Promise(resolve => setImmediate(resolve))
  return { complete: false }
}

describe('operations', () => {
  it('are there at once, tell how far they are, and what came of them', async () => {
    const { operations, clock } = await registry()
    const half = Promise.withResolvers<void>()
    const view = await operations.start({ ...asked, total: 10 }, async operation => {
      assert.equal(operation.from, 0)
      await operation.progress({ done: 4, failed: 1 })
      await half.promise
      clock.now += 5000
      await operation.progress({ done: 10, failed: 1 })
      return { complete: true }
    })
    assert.equal(view.state, 'running')
    half.resolve()
    await operations.ended(view.id)
    assert.deepEqual(await operations.get(view.id), {
      id: view.id,
      kind: 'devices.import',
      state: 'done',
      detail: { file: 'a.csv' },
      total: 10,
      done: 10,
      failed: 1,
      by: 'anna',
      startedAt: start,
      updatedAt: start + 5000,
      endedAt: start + 5000,
      resumable: true,
    })
    assert.equal(await operations.get('nothing'), undefined)
  })

  it('that fail say why and can go on from where they were', async () => {
    const { operations } = await registry()
    const { id } = await operations.start(asked, async operation => {
      await operation.progress({ done: 500, failed: 2 })
      throw new LoomError('STORE_LIMIT', 'full')
    })
    await operations.ended(id)
    const failed = (await operations.get(id))!
    assert.equal(failed.state, 'failed')
    assert.equal(failed.error!.code, 'STORE_LIMIT')
    await operations.resume(id, async operation => {
      assert.equal(operation.from, 500)
      await operation.progress({ done: 800, failed: 1 })
      return { complete: true }
    })
    await operations.ended(id)
    const { state, done, failed: rows, error } = (await operations.get(id))!
    assert.deepEqual({ state, done, rows, error }, { state: 'done', done: 800, rows: 3, error: undefined })
    await assert.rejects(operations.resume(id, endless), refusedWith('OPERATION_STATE'))
    await assert.rejects(operations.resume('nothing', endless), refusedWith('NOT_FOUND'))
  })

  it('end when a person says so, and only while they run', async () => {
    const { operations } = await registry()
    const { id } = await operations.start(asked, endless)
    await assert.rejects(operations.resume(id, endless), refusedWith('OPERATION_STATE'))
    await operations.cancel(id)
    await operations.ended(id)
    assert.equal((await operations.get(id))!.state, 'cancelled')
    await assert.rejects(operations.cancel(id), refusedWith('OPERATION_STATE'))
    await assert.rejects(operations.cancel('nothing'), refusedWith('NOT_FOUND'))
    const { id: done } = await operations.start({ ...asked, resumable: false }, endless)
    await operations.cancel(done)
    await operations.ended(done)
    await assert.rejects(operations.resume(done, endless), refusedWith('OPERATION_STATE'))
  })

  it('that the end of the hub stops are interrupted and go on in the next run', async () => {
    const first = await registry()
    const { id } = await first.operations.start(asked, endless)
    await first.operations.close()
    assert.equal((await first.operations.get(id))!.state, 'interrupted')
    await assert.rejects(first.operations.start(asked, endless), refusedWith('OPERATION_STATE'))
    const second = await registry(first.store)
    await second.operations.resume(id, async () => ({ complete: true }))
    await second.operations.ended(id)
    assert.equal((await second.operations.get(id))!.state, 'done')
  })

  it('that a crash cut off are interrupted, at the row that the last transaction says', async () => {
    const { store, operations } = await registry()
    const { id } = await operations.start(asked, async operation => {
      await store.tx(operation.checkpoint(1500))
      return new Promise(() => undefined)
    })
    await new Promise(resolve => setImmediate(resolve))
    const { operations: next } = await registry(store)
    const view = (await next.get(id))!
    assert.equal(view.state, 'interrupted')
    assert.equal(view.done, 1500)
  })

  it('do not count a batch whose transaction failed', async () => {
    const { operations } = await registry()
    const { id } = await operations.start(asked, async operation => {
      operation.checkpoint(500)
      throw new LoomError('STORE_LIMIT')
    })
    await operations.ended(id)
    assert.equal((await operations.get(id))!.done, 0)
  })

  it('are bounded, listed newest first, and forgotten after a week', async () => {
    const { operations, clock } = await registry()
    const ids: string[] = []
    for (let i = 0; i < 4; i++) {
      clock.now += 1000
      ids.unshift((await operations.start(asked, endless)).id)
    }
    await assert.rejects(operations.start(asked, endless), refusedWith('PROV_THROTTLED'))
    const page = await operations.list({ limit: 3 })
    assert.deepEqual(
      page.items.map(({ id }) => id),
      ids.slice(0, 3),
    )
    assert.equal((await operations.list({ cursor: page.next! })).items[0]!.id, ids[3])
    for (const id of ids) await operations.cancel(id)
    await Promise.all(ids.map(id => operations.ended(id)))
    assert.equal(await operations.sweep(clock.now), 0)
    assert.equal(await operations.sweep(clock.now + 8 * 24 * 3_600_000), 4)
  })
})
