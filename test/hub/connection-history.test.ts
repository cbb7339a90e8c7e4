import assert from 'node:assert/strict'
import type { Connection } from '../../src/broker/broker-port.ts'
import { ConnectionHistory } from '../../src/hub/connection-history.ts'
import type { StateStore, Write } from '../../src/storage/state-store.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'

const dayMs = 86_400_000

describe('connection history', () => {
  let now: number
  let state: StateStore
  let written: number
  let transactions: number
  let broken: boolean
  const connection = (id: string, deviceId = 'd'): Connection => ({
    id,
    clientId: deviceId,
    sessionKey: `thing|${deviceId}`,
    principal: { deviceId, family: 'thing', cid: 'c', kind: 'password' },
    listener: 'mqtt',
    remoteAddress: '127.0.0.1',
    clean: true,
    since: now,
  })
  const open = () => ConnectionHistory.open({ state, now: () => now })
  const once = (history: ConnectionHistory, id: string, device = 'd') => {
    const one = connection(id, device)
    history.connected(one, 'plain')
    now++
    history.disconnected(one, 'CONNECTION_LOST')
  }

  beforeEach(async () => {
    now = 1_000_000_000
    written = transactions = 0
    broken = false
    const store = await openMemoryStateStore({ now: () => now })
    state = {
      ...store,
      declare: (...a) => store.declare(...a),
      query: (...a) => store.query(...a),
      get: (...a) => store.get(...a),
      tx: (writes: readonly Write[]) => {
        if (broken) return Promise.reject(new Error('disk full'))
        transactions++
        written += writes.length
        return store.tx(writes)
      },
    } as StateStore
  })

  it('has each connection with its end, the newest first, page by page', async () => {
    const history = await open()
    for (let i = 0; i < 5; i++) once(history, `c${i}`)
    const open5 = connection('c5')
    history.connected(open5, 'plain')
    const first = await history.list({ device: 'd', limit: 4 })
    assert.deepEqual(first.items[0], {
      connectedAt: now,
      clientId: 'd',
      address: '127.0.0.1',
      dialect: 'plain',
      cid: 'c',
    })
    assert.deepEqual(first.items[1], {
      connectedAt: now - 1,
      clientId: 'd',
      address: '127.0.0.1',
      dialect: 'plain',
      cid: 'c',
      disconnectedAt: now,
      disconnectReason: 'CONNECTION_LOST',
    })
    const second = await history.list({ device: 'd', limit: 4, cursor: first.next! })
    assert.deepEqual(
      [...first.items, ...second.items].map(({ connectedAt }) => connectedAt - 1_000_000_000),
      [5, 4, 3, 2, 1, 0],
    )
    assert.equal(second.next, undefined)
    assert.deepEqual((await history.list({ device: 'other' })).items, [])
  })

  it('keeps 100 of a device, and the place of an older one is not taken back when it ends', async () => {
    const history = await open()
    const long = connection('long')
    history.connected(long, 'plain')
    await history.flush()
    for (let i = 0; i < 250; i++) once(history, `c${i}`)
    await history.flush()
    history.disconnected(long, 'CONNECTION_LOST')
    const { items, next } = await history.list({ device: 'd' })
    assert.equal(items.length, 100)
    assert.equal(next, undefined)
    assert.deepEqual(
      items.map(({ connectedAt }) => connectedAt - 1_000_000_000),
      Array.from({ length: 100 }, (_, i) => 249 - i),
    )
    assert.equal(await state.query('connections', { limit: 1000 }).then(({ items: all }) => all.length), 101)
  })

  it('costs no write on the way in, and a storm few transactions', async () => {
    const history = await open()
    for (let i = 0; i < 5000; i++) once(history, `c${i}`, `d${i % 1000}`)
    assert.equal(transactions, 0)
    await history.flush()
    assert.equal(transactions, 10)
    assert.ok(written <= 5000 + 5000, `${written} documents`)
  })

  it('says of what a killed hub left open that it does not know', async () => {
    const first = await open()
    first.connected(connection('c'), 'plain')
    await first.flush()
    const second = await open()
    const { items } = await second.list({ device: 'd' })
    assert.equal(items[0]!.disconnectReason, 'UNKNOWN')
    assert.equal(items[0]!.disconnectedAt, undefined)
    once(second, 'c2')
    assert.equal((await second.list({ device: 'd' })).items.length, 2, 'numbers go on')
  })

  it('writes later what could not be written, in its order', async () => {
    const history = await open()
    once(history, 'a')
    broken = true
    await assert.rejects(history.flush())
    once(history, 'b')
    await assert.rejects(history.flush())
    broken = false
    assert.deepEqual(
      (await history.list({ device: 'd' })).items.map(({ connectedAt }) => connectedAt - 1_000_000_000),
      [1, 0],
    )
  })

  it('forgets what is older than 90 days, and a device that is deleted', async () => {
    const history = await open()
    once(history, 'old')
    await history.flush()
    now += 91 * dayMs
    once(history, 'new')
    once(history, 'x', 'other')
    assert.equal((await history.list({ device: 'd' })).items.length, 1)
    await history.sweep()
    assert.equal((await state.query('connections', { where: [['id', 'prefix', 'd|']] })).items.length, 1)
    await history.forget('d')
    assert.deepEqual((await history.list({ device: 'd' })).items, [])
    assert.equal((await history.list({ device: 'other' })).items.length, 1)
  })

  it('refuses a cursor and a limit that are none', async () => {
    const history = await open()
    for (const bad of [{ cursor: 'x' }, { cursor: '-1' }, { limit: 0 }, { limit: 1.5 }, { limit: 2000 }])
      await assert.rejects(history.list({ device: 'd', ...bad }), { code: 'REQUEST_INVALID' })
  })
})
