import assert from 'node:assert/strict'
import { packetTypes, pingPacket, pubackPacket, publishPacket, subscribePacket } from '../mqtt-wire.ts'
import { publishOf, startBench, stopBenches, until } from './bench.ts'

describe('what a connection is sent', () => {
  afterEach(stopBenches)
  const count = (talk: { received: { type: number }[] }) =>
    talk.received.filter(({ type }) => type === packetTypes.publish).length

  it('send reaches a connection without any subscription; QoS 1 resolves on its PUBACK', async () => {
    const { client, broker } = await startBench()
    const talk = await client({ clientId: 'd1' })
    const { id } = broker.connectionsOf('d1')[0]!
    await broker.send(id, { topic: '$iothub/twin/res/200/?$rid=1', payload: '{}', qos: 0 })
    assert.equal(publishOf(await talk.next(packetTypes.publish)).topic, '$iothub/twin/res/200/?$rid=1')
    let settled = false
    const sent = broker.send(id, { topic: 'a', payload: Buffer.from('x'), qos: 1 }).then(() => {
      settled = true
    })
    const got = publishOf(await talk.next(packetTypes.publish))
    talk.send(pingPacket)
    await talk.next(packetTypes.pingresp)
    assert.equal(settled, false)
    talk.send(pubackPacket(got.id))
    await sent
  })

  it('send rejects when the connection is gone, before or while it waits', async () => {
    const { client, broker } = await startBench()
    const talk = await client({ clientId: 'd1' })
    const { id } = broker.connectionsOf('d1')[0]!
    const all = Array.from({ length: 20 }, () => broker.send(id, { topic: 'a', payload: 'x', qos: 1 }))
    const ends = Promise.allSettled(all)
    await talk.next(packetTypes.publish)
    talk.end()
    for (const { status, reason } of (await ends) as PromiseRejectedResult[]) {
      assert.equal(status, 'rejected')
      assert.equal(reason.code, 'BROKER_DISCONNECTED')
    }
    await assert.rejects(broker.send(id, { topic: 'a', payload: 'x', qos: 0 }), { code: 'BROKER_DISCONNECTED' })
  })

  it('at most 16 messages of the hub are unacknowledged; 100 more wait, then send says so', async () => {
    const { client, broker } = await startBench()
    const talk = await client({ clientId: 'd1' })
    const { id } = broker.connectionsOf('d1')[0]!
    const sends = Array.from({ length: 116 }, (_, i) => broker.send(id, { topic: 'a', payload: String(i), qos: 1 }))
    await assert.rejects(broker.send(id, { topic: 'a', payload: 'x', qos: 1 }), { code: 'BROKER_THROTTLED' })
    talk.send(pingPacket)
    await talk.next(packetTypes.pingresp)
    assert.equal(count(talk), 16)
    for (let i = 0; i < 116; i++) {
      const got = publishOf(await talk.next(packetTypes.publish))
      assert.equal(got.text, String(i))
      talk.send(pubackPacket(got.id))
    }
    await Promise.all(sends)
  })

  for (const clean of [true, false])
    it(`at most 100 routed messages are unacknowledged, the rest wait in order (clean ${clean})`, async () => {
      const { client, broker } = await startBench()
      const talk = await client({ clientId: 'd1', clean }, { subscribe: ['a'] })
      for (let i = 0; i < 100; i++) await broker.publish({ topic: 'a', payload: String(i), qos: 1 })
      talk.send(pingPacket)
      await talk.next(packetTypes.pingresp)
      assert.equal(count(talk), 100)
      // Full: the queue holds 100 in all, those in flight included.
      await broker.publish({ topic: 'a', payload: 'lost', qos: 1 })
      assert.equal(broker.metrics().dropped, 1)
      const ofHub = broker.send(broker.connectionsOf('d1')[0]!.id, { topic: 'hub', payload: 'hub', qos: 1 })
      talk.send(pingPacket)
      await talk.next(packetTypes.pingresp)
      assert.equal(count(talk), 100)
      const ids = new Set<number>()
      for (let i = 0; i < 100; i++) {
        const got = publishOf(await talk.next(packetTypes.publish))
        assert.equal(got.text, String(i))
        ids.add(got.id)
        talk.send(pubackPacket(got.id))
      }
      assert.equal(ids.size, 100)
      const last = publishOf(await talk.next(packetTypes.publish))
      assert.equal(last.text, 'hub')
      talk.send(pubackPacket(last.id))
      await ofHub
      talk.send(pingPacket)
      await talk.next(packetTypes.pingresp)
      assert.equal(broker.metrics().queued, 0)
      for (let i = 0; i < 70; i++) await broker.publish({ topic: 'a', payload: `n${i}`, qos: 1 })
      for (let i = 0; i < 70; i++) assert.equal(publishOf(await talk.next(packetTypes.publish)).text, `n${i}`)
    })

  it('what was in flight when the connection ended comes again first, with its packet id and DUP', async () => {
    const { client, broker, gate } = await startBench()
    const first = await client({ clientId: 'd1', clean: false }, { subscribe: ['a'] })
    for (let i = 0; i < 5; i++) await broker.publish({ topic: 'a', payload: `m${i}`, qos: 1 })
    const sent = []
    for (let i = 0; i < 5; i++) sent.push(publishOf(await first.next(packetTypes.publish)))
    first.send(pubackPacket(sent[1]!.id))
    await until(() => broker.metrics().queued === 4)
    first.end()
    await until(() => gate.log.disconnected.length === 1)
    await broker.publish({ topic: 'a', payload: 'm5', qos: 1 })
    const second = await client({ clientId: 'd1', clean: false })
    for (const i of [0, 2, 3, 4]) {
      const got = publishOf(await second.next(packetTypes.publish))
      assert.deepEqual([got.text, got.dup, got.id], [`m${i}`, true, sent[i]!.id])
    }
    const last = publishOf(await second.next(packetTypes.publish))
    assert.deepEqual([last.text, last.dup], ['m5', false])
  })

  it('overlapping filters give one copy, at the highest QoS that matches', async () => {
    const { client, broker } = await startBench()
    const talk = await client({ clientId: 'd1' }, { subscribe: ['a/#'], qos: 0 })
    talk.send(subscribePacket(['a/+'], 1))
    await talk.next(packetTypes.suback)
    await broker.publish({ topic: 'a/b', payload: 'x', qos: 1 })
    await broker.publish({ topic: 'end', payload: '', qos: 0 })
    assert.equal(publishOf(await talk.next(packetTypes.publish)).qos, 1)
    talk.send(pingPacket)
    await talk.next(packetTypes.pingresp)
    assert.equal(count(talk), 1)
  })

  it('a QoS 1 message to a QoS 0 filter is QoS 0, for a stored session too', async () => {
    const { client, broker } = await startBench()
    for (const clean of [true, false]) {
      const talk = await client({ clientId: `d${clean}`, clean }, { subscribe: ['a'], qos: 0 })
      await broker.publish({ topic: 'a', payload: 'x', qos: 1 })
      assert.equal(publishOf(await talk.next(packetTypes.publish)).qos, 0)
    }
    assert.equal(broker.metrics().queued, 0)
  })

  it('a thousand retained messages all reach a new subscriber, an exact filter gets one', async () => {
    const { client, broker } = await startBench()
    for (let i = 0; i < 1001; i++) await broker.publish({ topic: `s/${i}`, payload: String(i), qos: 1, retain: true })
    assert.equal(broker.metrics().retained, 1000)
    assert.equal(broker.metrics().dropped, 1)
    const talk = await client({ clientId: 'd1' }, { subscribe: ['s/+'] })
    const seen = new Set<string>()
    for (let i = 0; i < 1000; i++) {
      const got = publishOf(await talk.next(packetTypes.publish))
      assert.ok(got.retain)
      seen.add(got.text)
      talk.send(pubackPacket(got.id))
    }
    assert.equal(seen.size, 1000)
    const one = await client({ clientId: 'd2' }, { subscribe: ['s/7'] })
    assert.equal(publishOf(await one.next(packetTypes.publish)).text, '7')
    await broker.publish({ topic: 's/7', payload: '', qos: 0, retain: true })
    assert.equal(broker.metrics().retained, 999)
  })

  it('retained messages of a device are gone with it, those of others stay', async () => {
    const bench = await startBench({
      gate: {
        publish(_connection, _packet, acknowledge) {
          acknowledge()
          return 'retain'
        },
      },
    })
    for (const clientId of ['w', 'v']) {
      const talk = await bench.client({ clientId })
      const packet = publishPacket({ topic: `plant/${clientId}`, payload: 'x', qos: 1, id: 3 })
      packet[0]! |= 1
      talk.send(packet)
      await talk.next(packetTypes.puback)
    }
    await bench.broker.publish({ topic: 'plant/hub', payload: 'x', qos: 1, retain: true })
    await until(() => bench.broker.metrics().retained === 3)
    await bench.broker.purge('w')
    const reader = await bench.client({ clientId: 'r' }, { subscribe: ['plant/+'] })
    const topics = [
      publishOf(await reader.next(packetTypes.publish)).topic,
      publishOf(await reader.next(packetTypes.publish)).topic,
    ]
    assert.deepEqual(topics.sort(), ['plant/hub', 'plant/v'])
  })

  it('a publish routed with its retain flag set is kept only by the outcome retain', async () => {
    const { client, broker, gate } = await startBench()
    const talk = await client({ clientId: 'w' })
    talk.send(Buffer.from([0x31, 4, 0, 1, 0x61, 0x78]))
    await until(() => gate.log.published.length === 1)
    assert.equal(gate.log.published[0]!.packet.retain, true)
    assert.equal(broker.metrics().retained, 0)
  })

  it('towards a peer that takes nothing QoS 0 is dropped, QoS 1 closes and the session keeps it', async () => {
    const { client, broker, gate } = await startBench()
    const slow = await client({ clientId: 'slow', clean: false }, { subscribe: ['q0', 'q1'] })
    slow.socket.pause()
    const payload = Buffer.alloc(200_000)
    let sent = 0
    // The system's buffers take some megabytes first.
    while (broker.metrics().dropped === 0 && sent++ < 400) await broker.publish({ topic: 'q0', payload, qos: 0 })
    assert.ok(broker.metrics().dropped > 0)
    assert.equal(broker.metrics().connections, 1)
    await broker.publish({ topic: 'q1', payload: 'keep', qos: 1 })
    await until(() => gate.log.disconnected[0]?.reason === 'THROTTLED')
    assert.equal(broker.metrics().queued, 1)
    const again = await client({ clientId: 'slow', clean: false })
    assert.equal(publishOf(await again.next(packetTypes.publish)).text, 'keep')
  })

  it('a peer that takes nothing for the drain time is closed, others go on', async () => {
    const { client, broker, gate } = await startBench({ limits: { drainTimeoutMs: 50 } })
    const slow = await client({ clientId: 'slow' }, { subscribe: ['a'], qos: 0 })
    slow.socket.pause()
    const other = await client({ clientId: 'other' }, { subscribe: ['b'] })
    const payload = Buffer.alloc(200_000)
    let sent = 0
    while (broker.metrics().dropped === 0 && sent++ < 400) await broker.publish({ topic: 'a', payload, qos: 0 })
    await broker.publish({ topic: 'b', payload: 'x', qos: 1 })
    await other.next(packetTypes.publish)
    await until(() => gate.log.disconnected[0]?.connection.clientId === 'slow')
    assert.equal(gate.log.disconnected[0]!.reason, 'THROTTLED')
  })
})
