import assert from 'node:assert/strict'
import { createDevices, devicesColl, twinsColl } from '../../src/hub/devices.ts'
import type { Presence } from '../../src/hub/presence.ts'
import { createTurns } from '../../src/hub/turns.ts'
import { identitiesColl, type Registry } from '../../src/identity/registry.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import { houseOf } from '../identity/make.ts'
import { start } from '../pki/make.ts'

async function devicesWith(wrap: (registry: Registry) => Partial<Registry>) {
  const { registry } = await houseOf()
  const state = await openMemoryStateStore({ now: () => start })
  await state.declare(devicesColl, {})
  await state.declare(twinsColl, {})
  const presence = {
    view: async () => ({ connected: false }),
    forget: async () => {},
  } as unknown as Presence
  const dropped: string[] = []
  const nothing = (store: 'identities' | 'state') =>
    ({ op: 'delete', coll: store === 'state' ? devicesColl : identitiesColl, id: 'none' }) as const
  const parts = {
    registry: { ...registry, ...wrap(registry) },
    state,
    presence,
    now: () => start,
    emit: () => {},
    drop: async (id: string) => void dropped.push(id),
    purge: async () => {},
    stateChanged: () => {},
    described: () => {},
    leaving: async () => ({ writes: [], settled: () => {} }),
    inTurn: createTurns(),
    twins: { writes: () => [], changed: () => {} },
    audit: nothing,
    decommissions: {
      begin: async () => ({ write: nothing('identities'), committed: () => {} }),
      again: async () => {},
      carryOut: async () => assert.fail('nothing is retired here'),
      report: async () => assert.fail('nothing is retired here'),
      cleared: async () => {},
    },
  }
  return { devices: createDevices(parts), dropped }
}

describe('changes of a device', () => {
  it('under an etag are refused if a credential came in between, and then change nothing', async () => {
    const { devices, dropped } = await devicesWith(registry => ({
      async setEnabled(id, o) {
        await registry.addCredential(id, { kind: 'sas' })
        return registry.setEnabled(id, o)
      },
    }))
    const { device } = await devices.register({ id: 'one', tags: { a: 1 } })
    await assert.rejects(devices.update({ id: 'one', enabled: false, tags: { a: 2 }, etag: device.etag }), {
      code: 'IDENTITY_CONFLICT',
    })
    const after = await devices.get({ id: 'one' })
    assert.deepEqual([after.enabled, after.tags, after.credentials.length, dropped], [true, { a: 1 }, 1, []])
    await devices.update({ id: 'one', enabled: false })
    assert.deepEqual(dropped, ['one'])
  })

  it('wait for each other: what a deletion takes away is not of the device registered next', async () => {
    const { devices } = await devicesWith(() => ({}))
    await devices.register({ id: 'one' })
    const both = [devices.delete({ id: 'one' }), devices.register({ id: 'one', tags: { again: true } })]
    await Promise.all(both)
    assert.deepEqual((await devices.get({ id: 'one' })).tags, { again: true })
  })
})

describe('turns', () => {
  it('run the work of one key in order, that of others at once, and go on after a failure', async () => {
    const inTurn = createTurns()
    const seen: string[] = []
    const { promise: gate, resolve: open } = Promise.withResolvers<void>()
    const first = inTurn('a', async () => {
      await gate
      seen.push('a1')
      throw new Error('no')
    })
    const second = inTurn('a', async () => void seen.push('a2'))
    await inTurn('b', async () => void seen.push('b1'))
    assert.deepEqual(seen, ['b1'])
    open()
    await assert.rejects(first, /no/)
    await second
    assert.deepEqual(seen, ['b1', 'a1', 'a2'])
    assert.equal(await inTurn('a', async () => 7), 7)
  })
})
