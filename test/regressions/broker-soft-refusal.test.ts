import assert from 'node:assert/strict'
import { packetTypes, publishPacket } from '../mqtt-wire.ts'
import { publishOf, startBench, stopBenches, until } from '../broker/bench.ts'

describe('soft refusal without disconnect', () => {
  afterEach(stopBenches)
  const refuseSecrets = {
    publish(_connection: unknown, packet: { topic: string }, acknowledge: () => void) {
      acknowledge()
      return packet.topic.startsWith('secret/') ? ('refuse' as const) : ('route' as const)
    },
  }

  it('a refused publish is acknowledged, reaches nobody, and the connection goes on', async () => {
    const { client, broker } = await startBench({ gate: refuseSecrets })
    const reader = await client({ clientId: 'r' }, { subscribe: ['#'] })
    const writer = await client({ clientId: 'w' })
    writer.send(publishPacket({ topic: 'secret/a', payload: 'no', qos: 1, id: 1 }))
    writer.send(publishPacket({ topic: 'open/a', payload: 'yes', qos: 1, id: 2 }))
    await writer.next(packetTypes.puback)
    await writer.next(packetTypes.puback)
    const got = publishOf(await reader.next(packetTypes.publish))
    assert.equal(got.topic, 'open/a')
    assert.equal(broker.metrics().refusedPublishes, 1)
  })

  it('nobody may subscribe below $SYS, where refused publishes would end', async () => {
    const { client, gate } = await startBench()
    const { talk } = await client({ clientId: 'r' }).then(async talk => ({ talk }))
    const filters = ['$SYS/#', '$SYS/loom/sink', '$SYS/+/new/clients', '$SYS', '$share/g/a']
    const { subscribePacket } = await import('../mqtt-wire.ts')
    talk.send(subscribePacket(filters))
    const suback = await talk.next(packetTypes.suback)
    assert.deepEqual([...suback.body.subarray(2)], [128, 128, 128, 128, 128])
    assert.equal(gate.log.subscribed.length, 0)
  })

  it('over 100 refusals a minute close the connection; 100 a minute do not', async () => {
    const { client, gate, clock, broker } = await startBench({ gate: refuseSecrets })
    const talk = await client({ clientId: 'w' })
    const hundred = Buffer.concat(Array.from({ length: 100 }, () => publishPacket({ topic: 'secret/a', payload: '' })))
    talk.send(hundred)
    await until(() => broker.metrics().refusedPublishes === 100)
    clock.now += 60_000
    talk.send(hundred)
    await until(() => broker.metrics().refusedPublishes === 200)
    assert.equal(gate.log.disconnected.length, 0)
    talk.send(publishPacket({ topic: 'secret/a', payload: '' }))
    await talk.closed()
    await until(() => gate.log.disconnected[0]?.reason === 'FORBIDDEN_ACCESS')
    assert.match(gate.log.refused.at(-1)!.reason, /over 100/)
  })
})
