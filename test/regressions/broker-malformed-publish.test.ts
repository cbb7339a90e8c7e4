import assert from 'node:assert/strict'
import { packetTypes, publishPacket, subscribePacket } from '../mqtt-wire.ts'
import { startBench, stopBenches, until } from '../broker/bench.ts'

describe('malformed packets of a live connection', () => {
  afterEach(stopBenches)
  const malformed = {
    'a topic that is not UTF-8': publishPacket({ topic: Buffer.from([0x61, 0xff, 0xfe]), payload: 'x' }),
    'a topic with half a surrogate pair': publishPacket({ topic: Buffer.from([0xed, 0xa0, 0x80]), payload: 'x' }),
    'a topic with U+0000': publishPacket({ topic: Buffer.from('a\0b'), payload: 'x' }),
    'a topic with #': publishPacket({ topic: 'a/#', payload: 'x', qos: 1 }),
    'a topic with +': publishPacket({ topic: 'a/+/b', payload: 'x', qos: 1 }),
    'an empty topic': publishPacket({ topic: '', payload: 'x' }),
    'a topic of more than 100 levels': publishPacket({ topic: '/'.repeat(101), payload: 'x' }),
    'a QoS of 3': Buffer.from([0x36, 5, 0, 1, 0x61, 0, 1]),
    'a reserved packet type': Buffer.from([0xf0, 0]),
    'wrong flags': Buffer.from([0x83, 6, 0, 1, 0, 1, 0x61, 0]),
    'a length field of five bytes': Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0x01]),
    'a SUBSCRIBE with nothing in it': Buffer.from([0x82, 2, 0, 1]),
  }
  for (const [what, bytes] of Object.entries(malformed))
    it(`${what} closes the connection, is told, and the broker goes on`, async () => {
      const { client, gate } = await startBench()
      const talk = await client({ clientId: 'd1' })
      talk.send(bytes)
      await talk.closed()
      await until(() => gate.log.disconnected[0]?.reason === 'CLIENT_ERROR')
      assert.equal(gate.log.refused.length, 1)
      assert.equal(gate.log.refused[0]!.clientId, 'd1')
      assert.equal(gate.log.published.length, 0)
      const next = await client({ clientId: 'd2' })
      next.send(publishPacket({ topic: 't', payload: 'x', qos: 1 }))
      await next.next(packetTypes.puback)
    })

  it('a replacement character that was really sent is a topic like any other', async () => {
    const { client, gate } = await startBench()
    const talk = await client({ clientId: 'd1' })
    talk.send(subscribePacket(['a/\ufffd']))
    await talk.next(packetTypes.suback)
    talk.send(publishPacket({ topic: 'a/\ufffd', payload: 'x', qos: 1 }))
    await talk.next(packetTypes.publish)
    assert.equal(gate.log.published[0]!.packet.topic, 'a/\ufffd')
  })
})
