import assert from 'node:assert/strict'
import { packetTypes, pingPacket } from '../mqtt-wire.ts'
import { publishOf, startBench, stopBenches } from '../broker/bench.ts'

describe('QoS 0 overtakes QoS 1 in the routing', () => {
  afterEach(stopBenches)

  it('messages of mixed QoS all arrive: none is taken for a duplicate of a later one', async () => {
    const { client, broker } = await startBench()
    const reader = await client({ clientId: 'r' }, { subscribe: ['a'] })
    // One turn: a QoS 1 message waits for the look-up of offline sessions while the QoS 0 one after it is delivered.
    await Promise.all(
      Array.from({ length: 50 }, (_, i) => broker.publish({ topic: 'a', payload: String(i), qos: i % 2 ? 0 : 1 })),
    )
    reader.send(pingPacket)
    await reader.next(packetTypes.pingresp)
    const seen = reader.received.filter(({ type }) => type === packetTypes.publish).map(packet => Number(publishOf(packet).text))
    assert.notDeepEqual(
      seen,
      seen.toSorted((a, b) => a - b),
      'nothing was overtaken: this test shows nothing',
    )
    for (const parity of [0, 1])
      assert.deepEqual(
        seen.filter(n => n % 2 === parity),
        Array.from({ length: 25 }, (_, i) => 2 * i + parity),
      )
  })
})
