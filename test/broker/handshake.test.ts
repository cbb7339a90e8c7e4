import assert from 'node:assert/strict'
import { connectPacket, disconnectPacket, packetTypes, publishPacket, remainingLength, subscribePacket } from '../mqtt-wire.ts'
import { admit, startBench, stopBenches, until } from './bench.ts'

const field = (text: string) => Buffer.concat([Buffer.from([0, text.length]), Buffer.from(text)])
const connectOf = (name: string, version: number, rest: Buffer) => {
  const body = Buffer.concat([field(name), Buffer.from([version]), rest])
  return Buffer.concat([Buffer.from([0x10]), remainingLength(body.length), body])
}

describe('CONNECT', () => {
  afterEach(stopBenches)

  it('the gate sees what the client sent, and the session goes under its key', async () => {
    const { client, gate, broker } = await startBench()
    await client({ clientId: 'd1', username: 'u', password: 'p', keepAliveS: 30 })
    const [hello] = gate.log.hellos
    assert.equal(hello!.clientId, 'd1')
    assert.equal(hello!.username, 'u')
    assert.equal(Buffer.from(hello!.password!).toString(), 'p')
    assert.equal(hello!.keepAliveS, 30)
    assert.equal(hello!.listener, 'mqtt')
    assert.equal(hello!.remoteAddress, '127.0.0.1')
    const [connection] = broker.connectionsOf('d1')
    assert.equal(connection!.sessionKey, 'thing|d1')
    assert.equal(connection!.clientId, 'd1')
  })

  for (const connack of [1, 2, 3, 4, 5] as const)
    it(`a refusal with code ${connack} is written before the connection closes`, async () => {
      const { raw, gate, broker } = await startBench({ gate: { connect: async () => ({ admit: false, connack, reason: 'no' }) } })
      const { talk } = await raw()
      talk.send(connectPacket({ clientId: 'd1' }))
      const answer = await talk.next(packetTypes.connack)
      assert.deepEqual([...answer.body], [0, connack])
      await talk.closed()
      assert.equal(gate.log.connected.length, 0)
      assert.equal(broker.metrics().refusedConnects, 1)
    })

  it('a gate that fails is CONNACK 3', async () => {
    const { raw } = await startBench({ gate: { connect: async () => Promise.reject(new Error('store down')) } })
    const { talk } = await raw()
    talk.send(connectPacket({ clientId: 'd1' }))
    assert.equal((await talk.next(packetTypes.connack)).body[1], 3)
    await talk.closed()
  })

  it('an empty client id gets one with a clean session, and code 2 without', async () => {
    const { client, raw, gate } = await startBench()
    await client({ clientId: '', clean: true })
    assert.match(gate.log.hellos[0]!.clientId, /^auto-/)
    const { talk } = await raw()
    talk.send(connectPacket({ clientId: '', clean: false }))
    assert.equal((await talk.next(packetTypes.connack)).body[1], 2)
  })

  it('a client id of 256 characters passes, one more is code 2', async () => {
    const { client, raw } = await startBench()
    await client({ clientId: 'x'.repeat(256) })
    const { talk } = await raw()
    talk.send(connectPacket({ clientId: 'x'.repeat(257) }))
    assert.equal((await talk.next(packetTypes.connack)).body[1], 2)
  })

  it('MQTT 3.1 is accepted, with an id longer than its 23 characters', async () => {
    const { raw, gate } = await startBench()
    const { talk } = await raw()
    talk.send(connectOf('MQIsdp', 3, Buffer.concat([Buffer.from([2, 0, 60]), field('x'.repeat(40))])))
    assert.equal((await talk.next(packetTypes.connack)).body[1], 0)
    assert.equal(gate.log.hellos[0]!.clientId, 'x'.repeat(40))
  })

  it('MQTT 5 is answered in 3.1.1 form with code 1', async () => {
    const { raw, gate } = await startBench()
    const { talk } = await raw()
    talk.send(connectOf('MQTT', 5, Buffer.concat([Buffer.from([2, 0, 60, 0]), field('d1')])))
    assert.deepEqual([...(await talk.next(packetTypes.connack)).body], [0, 1])
    await talk.closed()
    assert.match(gate.log.refused[0]!.reason, /MQTT 5/)
  })

  it('a refused CONNECT is answered whatever follows it', async () => {
    const { raw } = await startBench()
    const rest = connectOf('MQTT', 5, Buffer.concat([Buffer.from([2, 0, 60, 0]), field('d1')]))
    const { talk, socket } = await raw()
    talk.send(Buffer.concat([rest, Buffer.alloc(1_000_000, 0x30)]))
    assert.equal((await talk.next(packetTypes.connack)).body[1], 1)
    await talk.closed()
    assert.equal(socket.errored, null)
  })

  it('a broken CONNECT, raw garbage and a first packet of another kind close the connection, and the broker goes on', async () => {
    const { raw, gate, client } = await startBench()
    const broken = [
      connectOf('MQTX', 4, Buffer.concat([Buffer.from([2, 0, 60]), field('d1')])),
      connectOf('MQTT', 4, Buffer.concat([Buffer.from([3, 0, 60]), field('d1')])),
      connectOf('MQTT', 4, Buffer.from([2, 0, 60, 0, 50, 65])),
      Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
      Buffer.from([0x00, 0x00, 0xff, 0xff]),
      publishPacket({ topic: 'a', payload: 'x' }),
      subscribePacket(['a']),
    ]
    for (const [i, bytes] of broken.entries()) {
      const { talk } = await raw()
      talk.send(bytes)
      await talk.closed()
      await until(() => gate.log.refused.length === i + 1)
    }
    assert.equal(gate.log.published.length, 0)
    assert.equal(gate.log.subscribed.length, 0)
    await client({ clientId: 'd1' })
  })

  it('a second CONNECT on a connection closes it', async () => {
    const { client, gate } = await startBench()
    const talk = await client({ clientId: 'd1' })
    talk.send(connectPacket({ clientId: 'd1' }))
    await talk.closed()
    await until(() => gate.log.disconnected[0]?.reason === 'CLIENT_ERROR')
  })

  it('without a CONNECT a connection is closed', async () => {
    const { raw, gate } = await startBench({ limits: { connectTimeoutMs: 30 } })
    const { talk } = await raw()
    await talk.closed()
    await until(() => gate.log.refused.length)
    assert.match(gate.log.refused[0]!.reason, /connect did not arrive/)
  })

  it('a CONNECT without keep-alive is held to 1.5 times 1767 s, another to 1.5 times its own', async () => {
    const { client, gate } = await startBench()
    const { setTimeout: real } = globalThis
    const delays: (number | undefined)[] = []
    globalThis.setTimeout = ((fn: () => void, ms?: number) => {
      delays.push(ms)
      return real(fn, ms)
    }) as typeof setTimeout
    try {
      await client({ clientId: 'd1', keepAliveS: 0 })
      await client({ clientId: 'd2', keepAliveS: 100 })
    } finally {
      globalThis.setTimeout = real
    }
    assert.equal(gate.log.hellos[0]!.keepAliveS, 0)
    assert.ok(delays.includes(1767 * 1500 + 1))
    assert.ok(delays.includes(100 * 1500 + 1))
  })

  it('CONNECT, publishes and DISCONNECT in one segment arrive in order', async () => {
    const { raw, gate } = await startBench({
      gate: { connect: hello => new Promise(resolve => setImmediate(() => resolve(admit(hello)))) },
    })
    const { socket } = await raw()
    const publishes = Array.from({ length: 100 }, (_, i) => publishPacket({ topic: 't', payload: String(i) }))
    socket.end(Buffer.concat([connectPacket({ clientId: 'd1' }), ...publishes, disconnectPacket]))
    await until(() => gate.log.disconnected.length)
    assert.deepEqual(
      gate.log.published.map(({ packet }) => Buffer.from(packet.payload).toString()),
      publishes.map((_, i) => String(i)),
    )
    assert.equal(gate.log.disconnected[0]!.reason, 'CLIENT_INITIATED_DISCONNECT')
  })

  it('the connection closes at the time its admission ends', async () => {
    const { client, gate, clock, tick } = await startBench({
      gate: { connect: async hello => admit(hello, { expiresAt: Date.parse('2026-03-01T01:00:00Z') }) },
    })
    const talk = await client({ clientId: 'd1' })
    clock.now += 3_599_999
    tick()
    assert.equal(gate.log.disconnected.length, 0)
    clock.now += 1
    tick()
    await talk.closed()
    await until(() => gate.log.disconnected[0]?.reason === 'CUSTOMAUTH_TTL_EXPIRATION')
  })
})
