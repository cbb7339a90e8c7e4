import assert from 'node:assert/strict'
import type { ConnectHello } from '../../src/broker/broker-port.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import { admit, type Bench, startBench, stopBenches, until } from '../broker/bench.ts'
import { connectPacket, disconnectPacket, packetTypes } from '../mqtt-wire.ts'

/** Client ids of a device are `{device}-{n}`. */
const connect = async (hello: ConnectHello) =>
  admit(hello, { principal: { deviceId: hello.clientId.split('-')[0]!, family: 'thing', cid: 'c1', kind: 'password' } })
const gate = { connect }
const oftenEnough = { connectsPerSecondPerDevice: 0 }

async function codeOf({ raw }: Bench, clientId: string): Promise<number> {
  const { talk } = await raw()
  talk.send(connectPacket({ clientId }))
  return (await talk.next(packetTypes.connack)).body[1]!
}

/** Leaves a session with a subscription behind. */
async function leaveSession({ client, gate: { log } }: Bench, clientId: string): Promise<void> {
  const before = log.disconnected.length
  const talk = await client({ clientId, clean: false }, { subscribe: [`${clientId}/#`, 'all'] })
  talk.send(disconnectPacket)
  await until(() => log.disconnected.length > before)
}

describe('one device and its share of the broker', () => {
  afterEach(stopBenches)

  it('keeps 20 sessions: the one unused the longest goes, with its queue, here and in the store', async () => {
    const sessions = await openMemoryStateStore({ now: () => 0 })
    const bench = await startBench({ gate, sessions, limits: oftenEnough })
    const { broker, clock } = bench
    for (let i = 0; i < 20; i++) {
      clock.now += 1000
      await leaveSession(bench, `a-${i}`)
    }
    await leaveSession(bench, 'b-0')
    clock.now += 1000
    await leaveSession(bench, 'a-0')
    await broker.publish({ topic: 'a-0/x', payload: 'stays', qos: 1 })
    for (let i = 0; i < 5; i++) await broker.publish({ topic: 'a-1/x', payload: 'goes', qos: 1 })
    bench.tick()
    await until(async () => (await sessions.count('broker_queue')) === 6)
    assert.equal(broker.metrics().sessions, 21)
    clock.now += 1000
    await leaveSession(bench, 'a-20')
    assert.equal(broker.metrics().sessions, 21)
    assert.equal(broker.metrics().queued, 1)
    assert.equal(broker.holderOf('thing|a-1'), undefined)
    assert.equal(broker.holderOf('thing|a-0'), 'a')
    await bench.stop()
    assert.equal(await sessions.count('broker_sessions'), 21)
    assert.equal(await sessions.count('broker_queue'), 1)
    const again = await startBench({ gate, sessions, clock })
    assert.equal((await again.client({ clientId: 'a-1', clean: false })).sessionPresent, false)
    assert.equal((await again.client({ clientId: 'b-0', clean: false })).sessionPresent, true)
  })

  it('a session with a connection never goes; past the limit it does when its connection ends', async () => {
    const bench = await startBench({ gate, limits: { sessionsPerDevice: 2 } })
    const { broker, client, clock, gate: told } = bench
    const [first] = [await client({ clientId: 'a-0', clean: false }), await client({ clientId: 'a-1', clean: false })]
    clock.now += 1000
    await client({ clientId: 'a-2', clean: false })
    assert.equal(broker.metrics().sessions, 3)
    first.send(disconnectPacket)
    await until(() => told.log.disconnected.length === 1)
    assert.equal(broker.metrics().sessions, 2)
    assert.equal(broker.holderOf('thing|a-0'), undefined)
  })

  it('more sessions than allowed in the store are trimmed at the start', async () => {
    const sessions = await openMemoryStateStore({ now: () => 0 })
    const one = await startBench({ gate, sessions, limits: { ...oftenEnough, sessionsPerDevice: 0 } })
    for (let i = 0; i < 30; i++) {
      one.clock.now += 1000
      await leaveSession(one, `a-${i}`)
    }
    await one.broker.publish({ topic: 'all', payload: 'x', qos: 1 })
    assert.equal(one.broker.metrics().sessions, 30)
    await one.stop()
    const two = await startBench({ gate, sessions, clock: one.clock })
    assert.deepEqual([two.broker.metrics().sessions, two.broker.metrics().queued], [20, 20])
    await two.stop()
    assert.equal(await sessions.count('broker_sessions'), 20)
    assert.equal(await sessions.count('broker_queue'), 20)
  })

  it('has 20 connections; the next is told so, other devices and takeovers are not touched', async () => {
    const bench = await startBench({ gate, limits: oftenEnough })
    const { broker, client, gate: told } = bench
    const [first] = await Promise.all(Array.from({ length: 20 }, (_, i) => client({ clientId: `a-${i}` })))
    await until(() => told.log.connected.length === 20)
    assert.equal(await codeOf(bench, 'a-20'), 3)
    const refusal = told.log.refused.at(-1)!
    assert.deepEqual([refusal.clientId, refusal.code], ['a-20', 'BROKER_THROTTLED'])
    await client({ clientId: 'b-0' })
    await client({ clientId: 'a-7' })
    await until(() => told.log.disconnected.length === 1)
    assert.equal(broker.connectionsOf('a').length, 20)
    first!.send(disconnectPacket)
    await until(() => told.log.disconnected.length === 2)
    await client({ clientId: 'a-20' })
    assert.equal(broker.connectionsOf('a').length, 20)
  })

  it('connections that are still being decided count too', async () => {
    const bench = await startBench({ gate, limits: { connectionsPerDevice: 5, ...oftenEnough } })
    const codes = await Promise.all(Array.from({ length: 12 }, (_, i) => codeOf(bench, `a-${i}`)))
    assert.deepEqual(codes.toSorted(), [0, 0, 0, 0, 0, 3, 3, 3, 3, 3, 3, 3])
  })

  it('0 is no limit', async () => {
    const bench = await startBench({ gate, limits: { connectionsPerDevice: 0, sessionsPerDevice: 0, ...oftenEnough } })
    await Promise.all(Array.from({ length: 50 }, (_, i) => bench.client({ clientId: `a-${i}`, clean: false })))
    await until(() => bench.broker.metrics().connections === 50)
    assert.equal(bench.broker.metrics().sessions, 50)
  })

  it('connects 20 times at once, then once a second', async () => {
    const bench = await startBench({ gate })
    const { clock, gate: told } = bench
    for (let i = 0; i < 20; i++) assert.equal(await codeOf(bench, 'a-0'), 0)
    assert.equal(await codeOf(bench, 'a-0'), 3)
    assert.deepEqual([told.log.refused.at(-1)!.clientId, told.log.refused.at(-1)!.code], ['a-0', 'BROKER_THROTTLED'])
    assert.equal(await codeOf(bench, 'b-0'), 0)
    clock.now += 1000
    assert.equal(await codeOf(bench, 'a-1'), 0)
    assert.equal(await codeOf(bench, 'a-1'), 3)
    clock.now += 60_000
    bench.tick()
    for (let i = 0; i < 20; i++) assert.equal(await codeOf(bench, 'a-0'), 0)
    assert.equal(await codeOf(bench, 'a-0'), 3)
  })

  it('a CONNECT that was not authenticated takes nothing of the share', async () => {
    let known = false
    const bench = await startBench({
      gate: { connect: async hello => (known ? connect(hello) : { admit: false, connack: 5, reason: 'no' }) },
    })
    for (let i = 0; i < 30; i++) assert.equal(await codeOf(bench, 'a-0'), 5)
    known = true
    assert.equal(await codeOf(bench, 'a-0'), 0)
  })
})
