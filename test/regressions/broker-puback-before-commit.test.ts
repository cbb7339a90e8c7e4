import assert from 'node:assert/strict'
import { packetTypes, publishPacket, remainingLength } from '../mqtt-wire.ts'
import { LoomError } from '../../src/errors.ts'
import { startBench, stopBenches, until } from '../broker/bench.ts'
import { seeded } from '../seeded.ts'

const held = { publish: () => 'sink' as const }
const idOf = ({ body }: { body: Buffer }) => body.readUInt16BE(0)

describe('PUBACK after commit', () => {
  afterEach(stopBenches)

  it('no PUBACK leaves before the gate acknowledged', async () => {
    const { client, gate, broker } = await startBench({ gate: held })
    const talk = await client({ clientId: 'd1' })
    talk.send(publishPacket({ topic: 't', payload: 'x', qos: 1, id: 7 }))
    await until(() => gate.log.published.length)
    // A PINGRESP that came after shows that nothing was sent before it.
    talk.send(Buffer.from([0xc0, 0]))
    await talk.next(packetTypes.pingresp)
    assert.equal(talk.received.filter(({ type }) => type === packetTypes.puback).length, 0)
    assert.equal(broker.metrics().openSlots, 1)
    gate.log.published[0]!.acknowledge()
    assert.equal(idOf(await talk.next(packetTypes.puback)), 7)
    assert.equal(broker.metrics().openSlots, 0)
  })

  it('PUBACKs leave in arrival order, whatever order their commits end in', async () => {
    const random = seeded(1)
    for (let round = 0; round < 20; round++) {
      const { client, gate, stop } = await startBench({ gate: held })
      const talk = await client({ clientId: 'd1' })
      const ids = Array.from({ length: 60 }, (_, i) => i + 1)
      talk.send(Buffer.concat(ids.map(id => publishPacket({ topic: 't', payload: String(id), qos: 1, id }))))
      await until(() => gate.log.published.length === 60)
      const open = [...gate.log.published]
      while (open.length) open.splice(random.below(open.length), 1)[0]!.acknowledge()
      await until(() => talk.received.length === 61)
      assert.deepEqual(talk.received.slice(1).map(idOf), ids)
      await stop()
    }
  })

  it('a failed commit closes the connection, and neither its PUBACK nor a later one leaves', async () => {
    const { client, gate } = await startBench({ gate: held })
    const talk = await client({ clientId: 'd1' })
    talk.send(Buffer.concat([1, 2, 3].map(id => publishPacket({ topic: 't', payload: 'x', qos: 1, id }))))
    await until(() => gate.log.published.length === 3)
    const [first, second, third] = gate.log.published
    third!.acknowledge()
    first!.acknowledge()
    second!.acknowledge(new LoomError('JOURNAL_FULL'))
    await talk.closed()
    const acknowledged = talk.received.filter(({ type }) => type === packetTypes.puback).map(idOf)
    assert.ok(acknowledged.length <= 1 && (acknowledged[0] ?? 1) === 1, `acknowledged ${acknowledged}`)
    await until(() => gate.log.disconnected[0]?.reason === 'SERVER_ERROR')
  })

  it('a commit that ends after its connection is no fault, and is no longer pending', async () => {
    const { client, gate, broker } = await startBench({ gate: held })
    const talk = await client({ clientId: 'd1' })
    talk.send(publishPacket({ topic: 't', payload: 'xyz', qos: 1, id: 1 }))
    await until(() => gate.log.published.length)
    talk.end()
    await until(() => gate.log.disconnected.length)
    assert.equal(broker.metrics().pendingBytes, 3)
    gate.log.published[0]!.acknowledge()
    gate.log.published[0]!.acknowledge()
    assert.equal(broker.metrics().pendingBytes, 0)
    assert.equal(broker.metrics().openSlots, 0)
  })

  it('a QoS 2 publish repeated before its PUBREL is published once', async () => {
    const { client, gate } = await startBench()
    const talk = await client({ clientId: 'd1' })
    const publish = (dup: boolean) => publishPacket({ topic: 't', payload: 'x', qos: 2, id: 9, dup })
    const pubrec = 5
    const pubcomp = 7
    talk.send(Buffer.concat([publish(false), publish(true)]))
    await talk.next(pubrec)
    await talk.next(pubrec)
    talk.send(publish(true))
    await talk.next(pubrec)
    assert.equal(gate.log.published.length, 1)
    talk.send(Buffer.concat([Buffer.from([0x62]), remainingLength(2), Buffer.from([0, 9])]))
    await talk.next(pubcomp)
    talk.send(publish(false))
    await talk.next(pubrec)
    assert.equal(gate.log.published.length, 2)
  })

  it('an outcome of close ends the connection without an acknowledgement', async () => {
    const { client, gate, broker } = await startBench({ gate: { publish: () => 'close' } })
    const talk = await client({ clientId: 'd1' })
    talk.send(publishPacket({ topic: 't', payload: 'x', qos: 2, id: 1 }))
    await talk.closed()
    assert.equal(talk.received.length, 1)
    await until(() => gate.log.disconnected[0]?.reason === 'CLIENT_ERROR')
    assert.equal(broker.metrics().openSlots, 0)
  })
})
