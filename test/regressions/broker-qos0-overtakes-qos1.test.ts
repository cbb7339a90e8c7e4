import assert from 'node:assert/strict'
import { packetTypes, publishPacket } from '../mqtt-wire.ts'
import { publishOf, startBench, stopBenches } from '../broker/bench.ts'

describe('QoS 0 overtakes QoS 1 in the routing', () => {
  afterEach(stopBenches)

  it('messages of mixed QoS all arrive: none is taken for a duplicate of a later one', async () => {
    const { client } = await startBench()
    const reader = await client({ clientId: 'r' }, { subscribe: ['a'] })
    const writer = await client({ clientId: 'w' })
    const all = Array.from({ length: 50 }, (_, i) =>
      publishPacket({ topic: 'a', payload: String(i), qos: i % 2 ? 0 : 1, id: i + 1 }),
    )
    writer.send(Buffer.concat(all))
    const seen: number[] = []
    for (let i = 0; i < 50; i++) seen.push(Number(publishOf(await reader.next(packetTypes.publish)).text))
    assert.deepEqual(
      seen.toSorted((a, b) => a - b),
      all.map((_, i) => i),
    )
    for (const parity of [0, 1]) {
      const ofOne = seen.filter(n => n % 2 === parity)
      assert.deepEqual(
        ofOne,
        ofOne.toSorted((a, b) => a - b),
      )
    }
  })
})
