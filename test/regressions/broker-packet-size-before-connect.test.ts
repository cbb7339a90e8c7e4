import assert from 'node:assert/strict'
import { connectPacket, packetTypes, publishPacket } from '../mqtt-wire.ts'
import { startBench, stopBenches, until } from '../broker/bench.ts'

describe('packet size guard', () => {
  afterEach(stopBenches)

  it('a claim of 256 MB before CONNECT closes the connection before anything is buffered', async () => {
    const { raw, gate } = await startBench()
    const { talk, socket } = await raw()
    talk.send(Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f]))
    await talk.closed()
    assert.ok(socket.bytesWritten < 100)
    await until(() => gate.log.refused.length)
    assert.equal(gate.log.refused[0]!.code, 'BROKER_PACKET_TOO_LARGE')
    assert.equal(gate.log.refused[0]!.remoteAddress, '127.0.0.1')
  })

  it('a CONNECT of more than 16 KiB is refused, one of almost that much is read', async () => {
    const { raw, client, gate } = await startBench()
    await client({ clientId: 'd1', username: 'u', password: 'p'.repeat(16_000) })
    const { talk } = await raw()
    talk.send(connectPacket({ clientId: 'd1', username: 'u', password: 'p'.repeat(16_400) }))
    await talk.closed()
    await until(() => gate.log.refused[0]?.code === 'BROKER_PACKET_TOO_LARGE')
  })

  it('after the CONNECT a payload of 262,144 bytes passes, one more closes', async () => {
    const { client, gate } = await startBench()
    const talk = await client({ clientId: 'd1' })
    talk.send(publishPacket({ topic: 't', payload: Buffer.alloc(262_144), qos: 1 }))
    await talk.next(packetTypes.puback)
    talk.send(publishPacket({ topic: 't', payload: Buffer.alloc(262_145), qos: 1 }))
    await talk.closed()
    assert.equal(gate.log.published.length, 1)
    await until(() => gate.log.refused[0]?.code === 'BROKER_PACKET_TOO_LARGE')
    assert.equal(gate.log.refused[0]!.clientId, 'd1')
    await until(() => gate.log.disconnected[0]?.reason === 'CLIENT_ERROR')
  })

  it('after the CONNECT a larger claim than payload and header closes at its length field', async () => {
    const { client, gate } = await startBench()
    const talk = await client({ clientId: 'd1' })
    talk.send(Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f]))
    await talk.closed()
    await until(() => gate.log.refused[0]?.code === 'BROKER_PACKET_TOO_LARGE')
  })

  it('where the guard does not fire, only listeners of this machine open', async () => {
    const { broker } = await startBench({
      guardWorks: async () => false,
      listeners: [
        { kind: 'mqtt', host: '127.0.0.1', port: 0 },
        { kind: 'mqtt', host: '0.0.0.0', port: 0, allowPlaintext: true },
      ],
    })
    const [inside, outside] = broker.listeners()
    assert.equal(inside!.state, 'open')
    assert.equal(outside!.state, 'failed')
    assert.equal(outside!.error!.code, 'BROKER_GUARD_MISSING')
  })

  it('the check at start sees the guard fire, and sees when it does not', async () => {
    const { guardFires } = await import('../../src/broker/packet-guard.ts')
    const { broker } = await startBench({
      listeners: [{ kind: 'mqtt', host: '0.0.0.0', port: 0, allowPlaintext: true }],
    })
    assert.equal(broker.listeners()[0]!.state, 'open')
    const { Aedes } = await import('aedes')
    const bare = await Aedes.createBroker({ concurrency: 0 })
    bare.on('connectionError', () => {})
    try {
      assert.equal(await guardFires(conn => bare.handle(conn) as never), false)
    } finally {
      await new Promise<void>(resolve => bare.close(resolve))
    }
  })
})
