import assert from 'node:assert/strict'
import { disconnectPacket, packetTypes, publishPacket, remainingLength } from '../mqtt-wire.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import { admit, publishOf, startBench, stopBenches, until } from './bench.ts'

const field = (text: string) => Buffer.concat([Buffer.from([0, text.length]), Buffer.from(text)])
const connectWithWill = (clientId: string, topic: string, payload: string, { clean = true, qos = 1, retain = false } = {}) => {
  const flags = 4 | (clean ? 2 : 0) | (qos << 3) | (retain ? 32 : 0)
  const body = Buffer.concat([field('MQTT'), Buffer.from([4, flags, 0, 60]), field(clientId), field(topic), field(payload)])
  return Buffer.concat([Buffer.from([0x10]), remainingLength(body.length), body])
}

describe('the end of a connection', () => {
  afterEach(stopBenches)

  it('the reason is DISCONNECT, or that the connection was lost', async () => {
    const { client, gate } = await startBench()
    const one = await client({ clientId: 'd1' })
    one.send(disconnectPacket)
    await until(() => gate.log.disconnected.length === 1)
    const two = await client({ clientId: 'd2' })
    two.socket.end()
    await until(() => gate.log.disconnected.length === 2)
    const three = await client({ clientId: 'd3' })
    three.socket.resetAndDestroy()
    await until(() => gate.log.disconnected.length === 3)
    assert.deepEqual(
      gate.log.disconnected.map(({ reason }) => reason),
      ['CLIENT_INITIATED_DISCONNECT', 'CONNECTION_LOST', 'CONNECTION_LOST'],
    )
    assert.equal(gate.log.refused.length, 0)
  })

  it('disconnect resolves when the connection is closed, with the reason given', async () => {
    const { client, broker, gate } = await startBench()
    const talk = await client({ clientId: 'd1' })
    const { id } = broker.connectionsOf('d1')[0]!
    await broker.disconnect(id, 'FORBIDDEN_ACCESS')
    assert.equal(gate.log.disconnected[0]!.reason, 'FORBIDDEN_ACCESS')
    assert.equal(broker.connectionsOf('d1').length, 0)
    assert.deepEqual([...broker.connections()], [])
    await talk.closed()
    await broker.disconnect(id, 'FORBIDDEN_ACCESS')
  })

  it('all live connections of a device are listed, whatever their client id', async () => {
    const { client, broker } = await startBench({
      gate: {
        connect: async hello => admit(hello, { principal: { deviceId: 'dev', family: 'thing', cid: 'c', kind: 'x509' } }),
      },
    })
    await client({ clientId: 'a' })
    await client({ clientId: 'b' })
    assert.deepEqual(
      broker.connectionsOf('dev').map(({ clientId }) => clientId),
      ['a', 'b'],
    )
    assert.equal(new Set([...broker.connections()].map(({ id }) => id)).size, 2)
  })

  it('a second connection closes the first once it is admitted: disconnected, then connected', async () => {
    const order: string[] = []
    const { client, broker } = await startBench({
      gate: {
        connected: ({ id }) => void order.push(`+${id}`),
        disconnected: ({ id }, reason) => void order.push(`-${id} ${reason}`),
      },
    })
    const first = await client({ clientId: 'd1', clean: false }, { subscribe: ['a', 'b'] })
    const before = broker.connectionsOf('d1')[0]!.id
    const second = await client({ clientId: 'd1', clean: false })
    await first.closed()
    const after = broker.connectionsOf('d1')[0]!.id
    assert.deepEqual(order, [`+${before}`, `-${before} DUPLICATE_CLIENTID`, `+${after}`])
    assert.equal(second.sessionPresent, true)
    await broker.publish({ topic: 'a', payload: 'x', qos: 1 })
    await second.next(packetTypes.publish)
  })

  it('a connection that is not admitted takes over nothing', async () => {
    let allowed = true
    const { client, gate, raw } = await startBench({
      gate: { connect: async hello => (allowed ? admit(hello) : { admit: false, connack: 5, reason: 'no' }) },
    })
    const first = await client({ clientId: 'd1' })
    allowed = false
    const { talk } = await raw()
    talk.send((await import('../mqtt-wire.ts')).connectPacket({ clientId: 'd1' }))
    assert.equal((await talk.next(packetTypes.connack)).body[1], 5)
    first.send(publishPacket({ topic: 'a', payload: 'x', qos: 1 }))
    await first.next(packetTypes.puback)
    assert.equal(gate.log.disconnected.length, 0)
  })

  it('many connections at once for one id leave exactly one, and each pair of events is in order', async () => {
    const { raw, gate, broker } = await startBench()
    const { connectPacket } = await import('../mqtt-wire.ts')
    const all = await Promise.all(Array.from({ length: 20 }, () => raw()))
    for (const { talk } of all) talk.send(connectPacket({ clientId: 'd1', clean: false }))
    await until(() => all.filter(({ socket }) => !socket.destroyed).length === 1 && broker.metrics().connections === 1)
    const live = all.find(({ socket }) => !socket.destroyed)!
    live.talk.send(publishPacket({ topic: 'a', payload: 'x', qos: 1 }))
    await live.talk.next(packetTypes.puback)
    assert.equal(gate.log.connected.length, gate.log.disconnected.length + 1)
    assert.equal(broker.connectionsOf('d1').length, 1)
  })

  it('the sixth takeover in a minute between different certificates puts the id on hold for 30 s', async () => {
    let n = 0
    const { client, raw, gate, clock } = await startBench({
      gate: {
        connect: async hello =>
          admit(hello, { principal: { deviceId: 'd1', family: 'thing', cid: 'c', kind: 'x509', fingerprint: `f${n++ % 2}` } }),
      },
    })
    const { connectPacket } = await import('../mqtt-wire.ts')
    for (let i = 0; i < 6; i++) await client({ clientId: 'd1' })
    for (let i = 0; i < 2; i++) {
      const { talk } = await raw()
      talk.send(connectPacket({ clientId: 'd1' }))
      assert.equal((await talk.next(packetTypes.connack)).body[1], 3)
      assert.match(gate.log.refused[i]!.reason, /CONFLICTING_CLIENT_ID/)
    }
    assert.equal(gate.log.disconnected.length, 5)
    clock.now += 30_000
    await client({ clientId: 'd1' })
  })

  it('one device that reconnects often is no conflict', async () => {
    const { client } = await startBench()
    for (let i = 0; i < 10; i++) await client({ clientId: 'd1' })
  })
})

describe('wills', () => {
  afterEach(stopBenches)

  it('pass the gate after the publishes, at any end without DISCONNECT, and are routed', async () => {
    const { raw, client, gate } = await startBench()
    const reader = await client({ clientId: 'r' }, { subscribe: ['will/#'] })
    const { talk, socket } = await raw()
    talk.send(connectWithWill('d1', 'will/d1', 'gone'))
    await talk.next(packetTypes.connack)
    await until(() => gate.log.connected.length === 2)
    socket.destroy()
    assert.equal(publishOf(await reader.next(packetTypes.publish)).text, 'gone')
    const { packet, connection } = gate.log.published.at(-1)!
    assert.deepEqual([packet.will, packet.topic, connection.clientId], [true, 'will/d1', 'd1'])
  })

  it('are not published after DISCONNECT, nor if the admission forbids them', async () => {
    const { raw, gate } = await startBench({
      gate: { connect: async hello => admit(hello, { willAllowed: hello.clientId === 'polite' }) },
    })
    for (const clientId of ['polite', 'forbidden']) {
      const { talk, socket } = await raw()
      const before = gate.log.disconnected.length
      talk.send(connectWithWill(clientId, 'w', 'x'))
      assert.equal((await talk.next(packetTypes.connack)).body[1], 0)
      if (clientId === 'polite') talk.send(disconnectPacket)
      else socket.destroy()
      await until(() => gate.log.disconnected.length > before)
    }
    assert.equal(gate.log.published.length, 0)
  })

  it('fire at a takeover, and the will of the successor is not lost with them', async () => {
    const sessions = await openMemoryStateStore({ now: () => 0 })
    const { raw, gate, tick } = await startBench({ sessions })
    for (const text of ['first', 'second']) {
      const { talk } = await raw()
      const before = gate.log.connected.length
      talk.send(connectWithWill('d1', 'w', text))
      await talk.next(packetTypes.connack)
      await until(() => gate.log.connected.length > before)
    }
    await until(() => gate.log.published.length === 1)
    assert.equal(Buffer.from(gate.log.published[0]!.packet.payload).toString(), 'first')
    tick()
    await until(async () => (await sessions.count('broker_wills')) === 1)
    // As after a crash: another broker on the same store.
    const next = await startBench({ sessions })
    assert.deepEqual(
      next.gate.log.published.map(({ packet, connection }) => [
        Buffer.from(packet.payload).toString(),
        packet.will,
        connection.clientId,
        connection.principal.deviceId,
      ]),
      [['second', true, 'd1', 'd1']],
    )
    next.tick()
    await until(async () => (await sessions.count('broker_wills')) === 0)
  })

  it('are never routed below reserved topics, and a broken one refuses the CONNECT', async () => {
    const { raw, client, gate, broker } = await startBench()
    const reader = await client({ clientId: 'r' }, { subscribe: ['#'] })
    const one = await raw()
    one.talk.send(connectWithWill('d1', '$aws/w', 'x', { retain: true }))
    await one.talk.next(packetTypes.connack)
    await until(() => gate.log.connected.length === 2)
    one.socket.destroy()
    await until(() => gate.log.published.length === 1)
    reader.send(Buffer.from([0xc0, 0]))
    await reader.next(packetTypes.pingresp)
    assert.ok(!reader.received.some(({ type }) => type === packetTypes.publish))
    assert.equal(broker.metrics().retained, 0)
    const two = await raw()
    two.talk.send(connectWithWill('d2', 'a/#', 'x'))
    assert.equal((await two.talk.next(packetTypes.connack)).body[1], 5)
  })
})

describe('stop', () => {
  afterEach(stopBenches)

  it('drains open slots: their PUBACKs leave, then the connection ends', async () => {
    const { client, broker, gate } = await startBench({ gate: { publish: () => 'sink' } })
    const talk = await client({ clientId: 'd1' })
    talk.send(Buffer.concat([1, 2, 3].map(id => publishPacket({ topic: 't', payload: 'x', qos: 1, id }))))
    await until(() => gate.log.published.length === 3)
    const stopped = broker.stop(5000)
    talk.send(publishPacket({ topic: 't', payload: 'late', qos: 1, id: 4 }))
    for (const { acknowledge } of gate.log.published) acknowledge()
    await talk.closed()
    await stopped
    assert.equal(talk.received.filter(({ type }) => type === packetTypes.puback).length, 3)
    assert.equal(gate.log.published.length, 3)
    assert.equal(gate.log.disconnected[0]!.reason, 'SERVER_INITIATED_DISCONNECT')
  })

  it('does not wait for commits that never end', async () => {
    const { client, broker, gate } = await startBench({ gate: { publish: () => 'sink' } })
    const talk = await client({ clientId: 'd1' })
    talk.send(publishPacket({ topic: 't', payload: 'x', qos: 1, id: 1 }))
    await until(() => gate.log.published.length === 1)
    await broker.stop(50)
    await talk.closed()
    assert.equal(talk.received.length, 1)
  })
})
