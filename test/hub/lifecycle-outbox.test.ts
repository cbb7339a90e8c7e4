import assert from 'node:assert/strict'
import { createLifecycleOutbox } from '../../src/hub/lifecycle-outbox.ts'
import type { JournalPort, NewRecord } from '../../src/journal/journal-port.ts'
import type { StateStore } from '../../src/storage/state-store.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'

describe('the lifecycle outbox', () => {
  let identities: StateStore
  let state: StateStore
  let records: string[]
  let keys: Set<string>
  let looks: number
  let refuse: boolean
  const now = () => 1000

  beforeEach(async () => {
    ;[identities, state] = [await openMemoryStateStore({ now }), await openMemoryStateStore({ now })]
    await identities.declare('identities', {})
    records = []
    keys = new Set()
    looks = 0
    refuse = false
  })
  const journal = {
    append(record: NewRecord, committed: (error: Error | undefined, seq: number) => void) {
      if (refuse) return committed(new Error('full'), 0)
      if (!keys.has(record.idempotencyKey!)) {
        keys.add(record.idempotencyKey!)
        records.push(`${record.device} ${JSON.parse(new TextDecoder().decode(record.payload)).event}`)
      }
      committed(undefined, records.length)
    },
  } as unknown as JournalPort
  const open = () => {
    const counting = Object.create(identities) as StateStore
    counting.get = identities.get.bind(identities)
    counting.changes = (since, limit) => {
      looks++
      return identities.changes(since, limit)
    }
    return createLifecycleOutbox({ identities: counting, identityColl: 'identities', state, journal })
  }
  const put = (id: string, enabled: boolean, generation = 'g1') => identities.put('identities', id, { enabled, generation })

  it('tells creation, disabling, enabling and deletion, each once', async () => {
    const outbox = await open()
    await put('a', true)
    await outbox.drain()
    await put('a', false)
    await outbox.drain()
    await outbox.drain()
    await put('a', true)
    await outbox.drain()
    await identities.delete('identities', 'a')
    await outbox.drain()
    assert.deepEqual(records, ['a created', 'a disabled', 'a enabled', 'a deleted'])
  })

  it('tells a device that was made anew between two looks as deleted and created', async () => {
    const outbox = await open()
    await put('a', true)
    await outbox.drain()
    await identities.delete('identities', 'a')
    await put('a', true, 'g2')
    await outbox.drain()
    assert.deepEqual(records, ['a created', 'a deleted', 'a created'])
  })

  it('looks a few times, not once per caller, when many ask at once', async () => {
    const outbox = await open()
    for (let i = 0; i < 200; i++) await put(`d${i}`, true)
    await Promise.all(Array.from({ length: 200 }, () => outbox.drain()))
    assert.equal(records.length, 200)
    assert.ok(looks <= 6, `${looks} looks`)
  })

  it('repeats after a journal that refused and after a restart, and doubles nothing', async () => {
    await put('a', true)
    refuse = true
    await assert.rejects((await open()).drain())
    refuse = false
    const again = await open()
    await again.drain()
    await put('b', true)
    await again.drain()
    await (await open()).drain()
    assert.deepEqual(records, ['a created', 'b created'])
  })
})
