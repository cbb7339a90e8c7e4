import assert from 'node:assert/strict'
import { packetTypes, publishPacket, subscribePacket } from '../mqtt-wire.ts'
import { publishOf, startBench, stopBenches, until } from '../broker/bench.ts'

const retainAll = {
  publish(_connection: unknown, packet: { retain: boolean }, acknowledge: () => void) {
    acknowledge()
    return packet.retain ? ('retain' as const) : ('route' as const)
  },
}
const retained = (topic: string, payload: string): Buffer => {
  const packet = publishPacket({ topic, payload, qos: 1 })
  packet[0]! |= 1
  return packet
}

describe('reserved topics through retained messages and offline queues', () => {
  afterEach(stopBenches)

  it('a retained message under $aws reaches nobody, not even a # subscriber', async () => {
    const { client, broker } = await startBench({ gate: retainAll })
    const writer = await client({ clientId: 'w' })
    writer.send(retained('$aws/things/x/shadow', 'secret'))
    writer.send(retained('plain/x', 'open'))
    await writer.next(packetTypes.puback)
    await writer.next(packetTypes.puback)
    await until(() => broker.metrics().retained === 1)
    assert.equal(broker.metrics().routed, 1)
    const reader = await client({ clientId: 'r' }, { subscribe: ['#', '$aws/#', '$aws/things/x/shadow'] })
    const got = publishOf(await reader.next(packetTypes.publish))
    assert.deepEqual([got.topic, got.text, got.retain], ['plain/x', 'open', true])
    reader.send(Buffer.from([0xc0, 0]))
    await reader.next(packetTypes.pingresp)
    assert.equal(reader.received.filter(({ type }) => type === packetTypes.publish).length, 1)
  })

  it('a message under $aws is not queued for an offline # session, nor for an offline $aws/# session', async () => {
    const { client, broker, gate } = await startBench()
    const away = await client({ clientId: 'away', clean: false }, { subscribe: ['#', '$aws/#', '+/+'] })
    away.end()
    await until(() => gate.log.disconnected.length === 1)
    const writer = await client({ clientId: 'w' })
    writer.send(publishPacket({ topic: '$aws/secret', payload: 'secret', qos: 1, id: 1 }))
    writer.send(publishPacket({ topic: 'plain/x', payload: 'open', qos: 1, id: 2 }))
    await writer.next(packetTypes.puback)
    await writer.next(packetTypes.puback)
    await until(() => broker.metrics().queued === 1)
    const back = await client({ clientId: 'away', clean: false })
    assert.equal(publishOf(await back.next(packetTypes.publish)).topic, 'plain/x')
  })

  it('what the hub itself routes is never reserved', async () => {
    const { broker } = await startBench()
    await assert.rejects(broker.publish({ topic: '$aws/x', payload: 'x', qos: 0 }), { code: 'REQUEST_INVALID' })
  })

  it('a routed message goes only where the gate forwards it', async () => {
    const { client, broker } = await startBench({ gate: { forward: ({ clientId }) => clientId === 'may' } })
    const may = await client({ clientId: 'may' }, { subscribe: ['#'] })
    const mayNot = await client({ clientId: 'mayNot' }, { subscribe: ['#'] })
    const later = await client({ clientId: 'later', clean: false }, { subscribe: ['#'] })
    for (const qos of [0, 1] as const) await broker.publish({ topic: 'a', payload: 'x', qos })
    await may.next(packetTypes.publish)
    await may.next(packetTypes.publish)
    for (const talk of [mayNot, later]) {
      talk.send(Buffer.from([0xc0, 0]))
      await talk.next(packetTypes.pingresp)
      assert.ok(!talk.received.some(({ type }) => type === packetTypes.publish))
    }
    assert.equal(broker.metrics().queued, 0)
  })

  it('a refused filter is SUBACK 128, the others of its packet are granted, and the connection goes on', async () => {
    const { client } = await startBench({ gate: { subscribe: (_c, filter) => (filter === 'b' ? 128 : 1) } })
    const talk = await client({ clientId: 'd1' })
    talk.send(subscribePacket(['a', 'b', 'c']))
    assert.deepEqual([...(await talk.next(packetTypes.suback)).body.subarray(2)], [1, 128, 1])
  })

  it('SUBACK and delivery never say more than QoS 1', async () => {
    const { client, broker } = await startBench()
    const talk = await client({ clientId: 'd1' })
    const packet = subscribePacket(['a/+'])
    packet[packet.length - 1] = 2
    talk.send(packet)
    assert.deepEqual([...(await talk.next(packetTypes.suback)).body.subarray(2)], [1])
    const writer = await client({ clientId: 'w' })
    writer.send(publishPacket({ topic: 'a/b', payload: 'x', qos: 2, id: 5 }))
    await writer.next(5)
    assert.equal(publishOf(await talk.next(packetTypes.publish)).qos, 1)
    assert.equal(broker.metrics().delivered, 1)
  })

  it('the 51st filter of a connection is refused, a repeated one is not', async () => {
    const { client } = await startBench()
    const talk = await client({ clientId: 'd1' })
    talk.send(subscribePacket(Array.from({ length: 51 }, (_, i) => `f/${i}`)))
    assert.deepEqual([...(await talk.next(packetTypes.suback)).body.subarray(2)], [...new Array(50).fill(1), 128])
    talk.send(subscribePacket(['f/3'], 0))
    assert.deepEqual([...(await talk.next(packetTypes.suback)).body.subarray(2)], [0])
  })
})
