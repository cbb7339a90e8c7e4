import assert from 'node:assert/strict'
import { connectPacket, disconnectPacket, packetTypes, pingPacket, publishPacket, subscribePacket } from '../mqtt-wire.ts'
import { admit, startBench, stopBenches, until } from '../broker/bench.ts'

const held = { publish: () => 'sink' as const }
const many = (from: number, count: number, payload: string | Buffer = 'x') =>
  Buffer.concat(Array.from({ length: count }, (_, i) => publishPacket({ topic: 't', payload, qos: 1, id: from + i })))

describe('backpressure', () => {
  afterEach(stopBenches)

  it('reading stops at 64 open slots and goes on at half, for thousands of messages, in order', async () => {
    const { client, gate, broker } = await startBench({ gate: held })
    const talk = await client({ clientId: 'd1' })
    talk.send(many(1, 3000))
    let most = 0
    for (let done = 0; done < 3000; ) {
      await until(() => gate.log.published.length > done)
      most = Math.max(most, broker.metrics().openSlots)
      gate.log.published[done++]!.acknowledge()
    }
    await until(() => talk.received.length === 3001)
    assert.equal(most, 64)
    assert.deepEqual(
      talk.received.slice(1).map(({ body }) => body.readUInt16BE(0)),
      Array.from({ length: 3000 }, (_, i) => i + 1),
    )
  })

  it('a commit of everything at once while a connection is held lets it go on', async () => {
    const { client, gate, broker } = await startBench({ gate: held })
    const talk = await client({ clientId: 'd1' })
    talk.send(many(1, 200))
    let done = 0
    while (done < 200) {
      await until(() => broker.metrics().paused === 1 || gate.log.published.length === 200)
      const upTo = gate.log.published.length
      while (done < upTo) gate.log.published[done++]!.acknowledge()
      await until(() => gate.log.published.length > done || done === 200)
    }
    await until(() => talk.received.length === 201)
  })

  it('too many pending bytes in the hub stop PUBLISHes of all, not their PINGREQs', async () => {
    const { client, gate, broker } = await startBench({ gate: held, limits: { pendingBytes: 10_000 } })
    const one = await client({ clientId: 'd1' })
    const two = await client({ clientId: 'd2' })
    one.send(many(1, 10, Buffer.alloc(1000)))
    await until(() => broker.metrics().pendingBytes === 10_000)
    two.send(pingPacket)
    await two.next(packetTypes.pingresp)
    two.send(many(1, 1))
    await until(() => broker.metrics().paused === 1)
    for (const { acknowledge } of gate.log.published.slice(0, 4)) acknowledge()
    assert.equal(broker.metrics().paused, 1)
    gate.log.published[4]!.acknowledge()
    await until(() => gate.log.published.length === 11)
    assert.equal(broker.metrics().paused, 0)
  })

  it('a connection held for 30 s is closed with BROKER_BACKPRESSURE, not before', async () => {
    const { client, gate, clock, tick, broker } = await startBench({ gate: held })
    const talk = await client({ clientId: 'd1' })
    talk.send(many(1, 100))
    await until(() => broker.metrics().paused === 1)
    clock.now += 30_000
    tick()
    assert.equal(broker.metrics().connections, 1)
    clock.now += 1
    tick()
    await talk.closed()
    await until(() => gate.log.disconnected[0]?.reason === 'SERVER_ERROR')
    assert.equal(gate.log.refused[0]!.code, 'BROKER_BACKPRESSURE')
    assert.equal(broker.metrics().paused, 0)
  })

  it('a held connection outlives its keep-alive, since its PINGREQs are not read', async () => {
    const { client, gate, tick, broker } = await startBench({ gate: held })
    const talk = await client({ clientId: 'd1', keepAliveS: 1 })
    talk.send(many(1, 100))
    await until(() => broker.metrics().paused === 1)
    // One that comes later and is not held shows that the keep-alive has run out for both.
    const other = await client({ clientId: 'd2', keepAliveS: 1 })
    const beat = setInterval(tick, 100)
    try {
      await other.closed()
    } finally {
      clearInterval(beat)
    }
    await until(() => gate.log.disconnected[0]?.reason === 'MQTT_KEEP_ALIVE_TIMEOUT')
    assert.equal(gate.log.disconnected[0]!.connection.clientId, 'd2')
    assert.equal(broker.connectionsOf('d1').length, 1)
  })

  it('a DISCONNECT and the end of input behind held publishes count after them', async () => {
    const { client, gate, broker } = await startBench({ gate: held })
    const talk = await client({ clientId: 'd1' })
    talk.socket.end(Buffer.concat([many(1, 100), disconnectPacket]))
    let done = 0
    while (done < 100) {
      await until(() => gate.log.published.length > done)
      gate.log.published[done++]!.acknowledge()
    }
    await until(() => gate.log.disconnected[0]?.reason === 'CLIENT_INITIATED_DISCONNECT')
    assert.equal(broker.metrics().connections, 0)
  })

  it('what comes in a chunk of its own before the CONNECT was decided waits for the decision', async () => {
    let decide = (): void => {}
    const { raw, gate } = await startBench({
      gate: {
        connect: hello =>
          new Promise(resolve => {
            decide = () => resolve(hello.clientId === 'bad' ? { admit: false, connack: 5, reason: 'no' } : admit(hello))
          }),
      },
    })
    for (const clientId of ['bad', 'good']) {
      const { talk, socket } = await raw()
      talk.send(connectPacket({ clientId }))
      await until(() => gate.log.hellos.at(-1)?.clientId === clientId)
      for (const bytes of [subscribePacket(['a']), publishPacket({ topic: 'a', payload: 'x', qos: 1 })])
        await new Promise<void>(resolve => void socket.write(bytes, () => setImmediate(resolve)))
      assert.equal(gate.log.subscribed.length, 0)
      assert.equal(gate.log.published.length, 0)
      decide()
      const connack = await talk.next(packetTypes.connack)
      if (clientId === 'bad') {
        assert.equal(connack.body[1], 5)
        await talk.closed()
        assert.equal(gate.log.subscribed.length, 0)
      } else {
        await talk.next(packetTypes.suback)
        await talk.next(packetTypes.puback)
      }
    }
  })
})
