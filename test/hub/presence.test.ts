import assert from 'node:assert/strict'
import type { Connection } from '../../src/broker/broker-port.ts'
import { devicesColl } from '../../src/hub/devices.ts'
import { openPresence } from '../../src/hub/open-presence.ts'
import type { NewRecord } from '../../src/journal/journal-port.ts'
import type { StateStore } from '../../src/storage/state-store.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'

const connection = (id: string, deviceId = 'd'): Connection => ({
  id,
  clientId: deviceId,
  sessionKey: `thing|${deviceId}`,
  principal: { deviceId, family: 'thing', cid: 'c', kind: 'password' },
  listener: 'mqtt',
  remoteAddress: '127.0.0.1',
  clean: true,
  since: 1000,
})

describe('presence', () => {
  let now = 1000
  let state: StateStore
  let records: { event: string; reason?: string; sequence: number }[]
  const open = async () => {
    const { presence } = await openPresence({
      state,
      now: () => now,
      limits: { offlineAfterMs: 30_000, expectedIntervalMs: 0 },
      registry: { many: async () => [] },
      topics: { connected: () => {}, disconnected: () => {} },
      emit: () => {},
      journal: {
        append: (record: NewRecord) => records.push(JSON.parse(new TextDecoder().decode(record.payload))),
      },
    })
    return presence
  }
  const told = () => records.splice(0).map(r => r.event)

  beforeEach(async () => {
    now = 1000
    state = await openMemoryStateStore({ now: () => now })
    await state.declare(devicesColl, {})
    records = []
  })

  it('tells connects at once and offline only after the time without connection', async () => {
    const presence = await open()
    presence.connected(connection('a'))
    assert.deepEqual(told(), ['connected', 'online'])
    presence.disconnected(connection('a'), 'CONNECTION_LOST')
    assert.deepEqual(told(), ['disconnected'])
    await presence.sweep((now = 30_999))
    assert.deepEqual(told(), [])
    await presence.sweep((now = 31_000))
    assert.deepEqual(told(), ['offline'])
    await presence.sweep((now = 99_000))
    assert.deepEqual(told(), [])
  })

  it('stays online over a reconnect and a takeover', async () => {
    const presence = await open()
    presence.connected(connection('a'))
    presence.connected(connection('b'))
    presence.disconnected(connection('a'), 'DUPLICATE_CLIENTID')
    await presence.sweep((now = 500_000))
    presence.disconnected(connection('b'), 'CONNECTION_LOST')
    presence.connected(connection('c'))
    await presence.sweep((now = 900_000))
    assert.deepEqual(told(), ['connected', 'online', 'connected', 'disconnected', 'disconnected', 'connected'])
    assert.equal(presence.connections, 1)
  })

  it('numbers its events upwards', async () => {
    const presence = await open()
    for (let i = 0; i < 5; i++) presence.connected(connection(String(i), `d${i}`))
    const numbers = records.map(r => r.sequence)
    assert.deepEqual(
      numbers,
      [...new Set(numbers)].sort((a, b) => a - b),
    )
  })

  it('gives devices that were online before a restart the full time to come back', async () => {
    const before = await open()
    before.connected(connection('a'))
    await before.flush()
    told()
    now = 1_000_000
    const after = await open()
    await after.sweep(1_029_999)
    assert.deepEqual(told(), [])
    assert.deepEqual(await after.view('d'), {
      connected: false,
      since: 1000,
      clientId: 'd',
      address: '127.0.0.1',
      dialect: 'plain',
      lastSeen: 1000,
    })
    await after.sweep((now = 1_030_000))
    assert.deepEqual(told(), ['offline'])
    await after.flush()
    const third = await open()
    await third.sweep(9_000_000)
    assert.deepEqual(told(), [])
  })
})
