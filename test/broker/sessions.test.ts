import assert from 'node:assert/strict'
import { disconnectPacket, packetTypes, pingPacket, pubackPacket, publishPacket, subscribePacket } from '../mqtt-wire.ts'
import type { StateStore } from '../../src/storage/state-store.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import { admit, publishOf, startBench, stopBenches, until } from './bench.ts'

const unsubscribePacket = (filter: string) =>
  Buffer.concat([Buffer.from([0xa2, 4 + filter.length, 0, 2, 0, filter.length]), Buffer.from(filter)])
const unsuback = 11

describe('sessions', () => {
  afterEach(stopBenches)

  it('clean = 0 without a SUBSCRIBE goes on receiving, and sessionPresent tells the truth', async () => {
    const { client, broker, gate } = await startBench()
    const first = await client({ clientId: 'd1', clean: false }, { subscribe: ['a/+'] })
    assert.equal(first.sessionPresent, false)
    first.send(disconnectPacket)
    await until(() => gate.log.disconnected.length === 1)
    const second = await client({ clientId: 'd1', clean: false })
    assert.equal(second.sessionPresent, true)
    await broker.publish({ topic: 'a/b', payload: 'x', qos: 1 })
    const got = publishOf(await second.next(packetTypes.publish))
    assert.deepEqual([got.text, got.qos], ['x', 1])
  })

  it('a session without filters is present too', async () => {
    const { client, gate } = await startBench()
    const first = await client({ clientId: 'd1', clean: false })
    first.send(disconnectPacket)
    await until(() => gate.log.disconnected.length === 1)
    assert.equal((await client({ clientId: 'd1', clean: false })).sessionPresent, true)
    assert.equal(gate.log.subscribed.length, 0)
  })

  it('a clean CONNECT ends the session', async () => {
    const { client, broker, gate } = await startBench()
    const first = await client({ clientId: 'd1', clean: false }, { subscribe: ['a'] })
    first.send(disconnectPacket)
    await until(() => gate.log.disconnected.length === 1)
    await broker.publish({ topic: 'a', payload: 'x', qos: 1 })
    assert.equal(broker.metrics().queued, 1)
    assert.equal((await client({ clientId: 'd1', clean: true })).sessionPresent, false)
    assert.equal(broker.metrics().sessions, 0)
    assert.equal(broker.metrics().queued, 0)
    assert.equal((await client({ clientId: 'd1', clean: false })).sessionPresent, false)
  })

  it('an admission may force a clean session', async () => {
    const { client, broker } = await startBench({ gate: { connect: async hello => admit(hello, { clean: true }) } })
    await client({ clientId: 'd1', clean: false })
    assert.equal(broker.metrics().sessions, 0)
    assert.equal(broker.connectionsOf('d1')[0]!.clean, true)
  })

  it('subscriptions, queued messages and retained ones survive a restart', async () => {
    const sessions = await openMemoryStateStore({ now: () => 0 })
    const one = await startBench({ sessions })
    const first = await one.client({ clientId: 'd1', clean: false }, { subscribe: ['a/#'] })
    first.send(disconnectPacket)
    await until(() => one.gate.log.disconnected.length === 1)
    const texts = Array.from({ length: 20 }, (_, i) => `m${i}`)
    for (const text of texts) await one.broker.publish({ topic: 'a/b', payload: text, qos: 1 })
    await one.broker.publish({ topic: 'a/kept', payload: 'kept', qos: 0, retain: true })
    await one.stop()

    const two = await startBench({ sessions })
    assert.equal(two.broker.metrics().sessions, 1)
    assert.equal(two.broker.metrics().queued, 20)
    assert.equal(two.broker.metrics().retained, 1)
    const second = await two.client({ clientId: 'd1', clean: false })
    assert.equal(second.sessionPresent, true)
    for (const text of texts) {
      const got = publishOf(await second.next(packetTypes.publish))
      assert.equal(got.text, text)
      second.send(pubackPacket(got.id))
    }
    await until(() => two.broker.metrics().queued === 0)
    await two.broker.publish({ topic: 'a/c', payload: 'live', qos: 1 })
    assert.equal(publishOf(await second.next(packetTypes.publish)).text, 'live')
    assert.deepEqual(two.gate.log.subscribed, [{ clientId: 'd1', filter: 'a/#' }])
    const reader = await two.client({ clientId: 'r' }, { subscribe: ['a/kept'] })
    const kept = publishOf(await reader.next(packetTypes.publish))
    assert.deepEqual([kept.text, kept.retain], ['kept', true])
  })

  it('SUBACK waits until the subscription is durable, and does not leave if it cannot be', async () => {
    const inner = await openMemoryStateStore({ now: () => 0 })
    const held: (() => void)[] = []
    let broken = false
    const sessions: StateStore = Object.create(inner, {
      tx: {
        value: async (...args: Parameters<StateStore['tx']>) => {
          await new Promise<void>(resolve => held.push(resolve))
          if (broken) throw new Error('disk gone')
          return inner.tx(...args)
        },
      },
    })
    const { client } = await startBench({ sessions: bound(sessions, inner) })
    const talk = await client({ clientId: 'd1', clean: false })
    talk.send(subscribePacket(['a', 'b']))
    await until(() => held.length === 1)
    talk.send(pingPacket)
    await talk.next(packetTypes.pingresp)
    assert.ok(!talk.received.some(({ type }) => type === packetTypes.suback))
    held.shift()!()
    await talk.next(packetTypes.suback)
    broken = true
    talk.send(subscribePacket(['c']))
    const release = setInterval(() => held.shift()?.(), 5)
    try {
      await talk.closed()
    } finally {
      broken = false
      await stopBenches()
      clearInterval(release)
    }
    assert.equal(talk.received.filter(({ type }) => type === packetTypes.suback).length, 1)
  })

  it('refused filters of a packet are not stored with the granted ones', async () => {
    let strict = true
    const { client, broker, gate } = await startBench({
      gate: { subscribe: (_c, filter) => (strict && filter === 'b' ? 128 : 1) },
    })
    const first = await client({ clientId: 'd1', clean: false }, { subscribe: ['a', 'b', 'c'] })
    first.send(disconnectPacket)
    await until(() => gate.log.disconnected.length === 1)
    strict = false
    gate.log.subscribed.length = 0
    await client({ clientId: 'd1', clean: false })
    assert.deepEqual(gate.log.subscribed.map(({ filter }) => filter).sort(), ['a', 'c'])
    await broker.publish({ topic: 'b', payload: 'x', qos: 1 })
    assert.equal(broker.metrics().queued, 0)
  })

  it('a stored filter that is no longer allowed receives nothing, and comes back when it is', async () => {
    let allowed = true
    const { client, broker, gate } = await startBench({ gate: { subscribe: () => (allowed ? 1 : 128) } })
    const leave = async (talk: { send(bytes: Uint8Array): void }) => {
      const before = gate.log.disconnected.length
      talk.send(disconnectPacket)
      await until(() => gate.log.disconnected.length > before)
    }
    await leave(await client({ clientId: 'd1', clean: false }, { subscribe: ['a'] }))
    allowed = false
    const second = await client({ clientId: 'd1', clean: false })
    assert.equal(second.sessionPresent, true)
    await broker.publish({ topic: 'a', payload: 'no', qos: 1 })
    assert.equal(broker.metrics().queued, 0)
    await leave(second)
    allowed = true
    const third = await client({ clientId: 'd1', clean: false })
    await broker.publish({ topic: 'a', payload: 'yes', qos: 1 })
    assert.equal(publishOf(await third.next(packetTypes.publish)).text, 'yes')
  })

  it('UNSUBSCRIBE ends a stored filter, and the gate hears of it', async () => {
    const { client, broker, gate } = await startBench()
    const talk = await client({ clientId: 'd1', clean: false }, { subscribe: ['a', 'b'] })
    talk.send(unsubscribePacket('a'))
    await talk.next(unsuback)
    await until(() => gate.log.unsubscribed.length === 1)
    assert.deepEqual(gate.log.unsubscribed, ['a'])
    talk.send(disconnectPacket)
    await until(() => gate.log.disconnected.length === 1)
    await broker.publish({ topic: 'a', payload: 'x', qos: 1 })
    assert.equal(broker.metrics().queued, 0)
    await broker.publish({ topic: 'b', payload: 'x', qos: 1 })
    assert.equal(broker.metrics().queued, 1)
  })

  it('a queue keeps the newest 100 messages, at most 256 KiB, for 24 h, and counts what it loses', async () => {
    const { client, broker, gate, clock } = await startBench()
    const first = await client({ clientId: 'd1', clean: false }, { subscribe: ['a'] })
    first.send(disconnectPacket)
    await until(() => gate.log.disconnected.length === 1)
    for (let i = 0; i < 130; i++) await broker.publish({ topic: 'a', payload: `m${i}`, qos: 1 })
    assert.equal(broker.metrics().queued, 100)
    assert.equal(broker.metrics().dropped, 30)
    const big = Buffer.alloc(100_000)
    for (let i = 0; i < 3; i++) await broker.publish({ topic: 'a', payload: big, qos: 1 })
    assert.equal(broker.metrics().queued, 2)
    clock.now += 24 * 3_600_000
    await broker.publish({ topic: 'a', payload: 'fresh', qos: 1 })
    const second = await client({ clientId: 'd1', clean: false })
    assert.equal(publishOf(await second.next(packetTypes.publish)).text, 'fresh')
  })

  it('all queues together have a bound', async () => {
    const { client, broker, gate } = await startBench({ limits: { queueBytes: 10_000 } })
    for (const clientId of ['d1', 'd2']) {
      const talk = await client({ clientId, clean: false }, { subscribe: ['a'] })
      talk.send(disconnectPacket)
    }
    await until(() => gate.log.disconnected.length === 2)
    for (let i = 0; i < 30; i++) await broker.publish({ topic: 'a', payload: Buffer.alloc(999), qos: 1 })
    const { queued, dropped } = broker.metrics()
    assert.equal(queued, 10)
    assert.equal(dropped, 50)
  })

  it('a session that was not used for its life is gone, one that is connected never', async () => {
    const ttlMs = 7 * 24 * 3_600_000
    const { client, broker, gate, clock, tick } = await startBench()
    const first = await client({ clientId: 'd1', clean: false }, { subscribe: ['a'] })
    await client({ clientId: 'd2', clean: false }, { subscribe: ['a'] })
    first.send(disconnectPacket)
    await until(() => gate.log.disconnected.length === 1)
    clock.now += ttlMs - 1
    tick()
    assert.equal(broker.metrics().sessions, 2)
    clock.now += 60_001
    tick()
    assert.equal(broker.metrics().sessions, 1)
    assert.equal((await client({ clientId: 'd1', clean: false })).sessionPresent, false)
  })

  it('the life of a session that stayed connected for long starts at its last use, restart or not', async () => {
    const sessions = await openMemoryStateStore({ now: () => 0 })
    const clock = { now: 0 }
    const one = await startBench({ sessions, clock })
    await one.client({ clientId: 'd1', clean: false }, { subscribe: ['a'] })
    clock.now += 30 * 24 * 3_600_000
    one.tick()
    await one.stop()
    const two = await startBench({ sessions, clock })
    assert.equal((await two.client({ clientId: 'd1', clean: false })).sessionPresent, true)
  })

  it('purge removes the sessions and queues of a device, here and in the store', async () => {
    const sessions = await openMemoryStateStore({ now: () => 0 })
    const { client, broker, gate, stop } = await startBench({ sessions })
    for (const clientId of ['d1', 'd2']) {
      const talk = await client({ clientId, clean: false }, { subscribe: ['a'] })
      talk.send(disconnectPacket)
    }
    await until(() => gate.log.disconnected.length === 2)
    await broker.publish({ topic: 'a', payload: 'x', qos: 1 })
    await broker.purge('d1')
    assert.equal(broker.metrics().sessions, 1)
    assert.equal(broker.metrics().queued, 1)
    await stop()
    assert.equal(await sessions.count('broker_sessions'), 1)
    assert.equal(await sessions.count('broker_queue'), 1)
  })

  it('a session is not inherited by another device under the same key', async () => {
    let deviceId = 'one'
    const principal = () => ({ deviceId, family: 'thing', cid: 'c', kind: 'password' }) as const
    const { client, gate } = await startBench({ gate: { connect: async hello => admit(hello, { principal: principal() }) } })
    const first = await client({ clientId: 'x', clean: false }, { subscribe: ['a'] })
    first.send(disconnectPacket)
    await until(() => gate.log.disconnected.length === 1)
    deviceId = 'two'
    assert.equal((await client({ clientId: 'x', clean: false })).sessionPresent, false)
  })

  it('messages that are acknowledged at once never reach the store', async () => {
    const sessions = await openMemoryStateStore({ now: () => 0 })
    const { client, broker, tick } = await startBench({ sessions })
    const talk = await client({ clientId: 'd1', clean: false }, { subscribe: ['a'] })
    for (let i = 0; i < 50; i++) {
      await broker.publish({ topic: 'a', payload: 'x', qos: 1 })
      talk.send(pubackPacket(publishOf(await talk.next(packetTypes.publish)).id))
    }
    await until(() => broker.metrics().queued === 0)
    tick()
    assert.equal(await sessions.count('broker_queue'), 0)
    await stopBenches()
    assert.equal(await sessions.count('broker_queue'), 0)
  })

  it('a repeated QoS 2 publish after a reconnect is still the same one', async () => {
    const { client, gate } = await startBench()
    const publish = publishPacket({ topic: 't', payload: 'x', qos: 2, id: 3 })
    const first = await client({ clientId: 'd1', clean: false })
    first.send(publish)
    await first.next(5)
    first.end()
    await until(() => gate.log.disconnected.length === 1)
    const second = await client({ clientId: 'd1', clean: false })
    second.send(publish)
    await second.next(5)
    assert.equal(gate.log.published.length, 1)
  })
})

/** Methods of the inner store that use private members need it as `this`. */
const bound = (outer: StateStore, inner: StateStore): StateStore =>
  new Proxy(outer, {
    get: (target, name) => {
      const own = Object.getOwnPropertyDescriptor(target, name)
      if (own) return own.value
      const value = Reflect.get(inner, name)
      return typeof value === 'function' ? value.bind(inner) : value
    },
  })
