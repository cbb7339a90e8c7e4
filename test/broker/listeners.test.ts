import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { createServer } from 'node:net'
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { connectAsync } from 'mqtt'
import WebSocket from 'ws'
import { connectPacket, packetTypes, publishPacket, talk } from '../mqtt-wire.ts'
import { portOf, startBench, stopBenches, until } from './bench.ts'
import { serverExtensions, throwAwayCa } from './throw-away-ca.ts'

const ca = throwAwayCa()
const server = ca.issue('hub', serverExtensions)
const device = ca.issue('device-1')
const fingerprintOf = (pem: string) => new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase()
const tlsBench = (o: Parameters<typeof startBench>[0] = {}) =>
  startBench({ tls: server, listeners: [{ kind: 'mqtts', host: '127.0.0.1', port: 0 }], ...o })

const dial = (port: number, options: ConnectionOptions = {}): Promise<TLSSocket> =>
  new Promise((resolve, reject) => {
    const socket = connectTls({ host: '127.0.0.1', port, ca: ca.caPem, ...options }, () => resolve(socket)).once('error', reject)
  })

const greet = async (socket: TLSSocket, clientId = 'd1') => {
  const talking = talk(socket)
  talking.send(connectPacket({ clientId }))
  assert.equal((await talking.next(packetTypes.connack)).body[1], 0)
  return talking
}

describe('listeners', () => {
  afterEach(stopBenches)

  it('a taken port fails that listener by name, the others serve', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await new Promise(resolve => taken.once('listening', resolve))
    const port = portOf(taken.address())
    try {
      const { broker, client } = await startBench({
        listeners: [
          { kind: 'mqtt', host: '127.0.0.1', port: 0 },
          { kind: 'ws', host: '127.0.0.1', port },
        ],
      })
      const [first, second] = broker.listeners()
      assert.equal(first!.state, 'open')
      assert.equal(second!.state, 'failed')
      assert.equal(second!.error!.code, 'BROKER_PORT_TAKEN')
      assert.match(second!.error!.message, new RegExp(`127\\.0\\.0\\.1:${port}`))
      await client({ clientId: 'd1' })
    } finally {
      taken.close()
    }
  })

  it('plaintext beyond this machine needs to be allowed', async () => {
    const { broker } = await startBench({
      tls: server,
      listeners: [
        { kind: 'mqtt', host: '0.0.0.0', port: 0 },
        { kind: 'ws', host: '0.0.0.0', port: 0 },
        { kind: 'mqtt', host: '0.0.0.0', port: 0, allowPlaintext: true },
        { kind: 'mqtts', host: '0.0.0.0', port: 0 },
        { kind: 'mqtt', host: 'localhost', port: 0 },
      ],
    })
    assert.deepEqual(
      broker.listeners().map(({ state, error }) => error?.code ?? state),
      ['BROKER_PLAINTEXT', 'BROKER_PLAINTEXT', 'open', 'open', 'open'],
    )
  })

  it('TLS without a usable certificate fails by name', async () => {
    const listeners = [{ kind: 'mqtts', host: '127.0.0.1', port: 0 }] as const
    const { broker } = await startBench({ listeners })
    assert.equal(broker.listeners()[0]!.error!.code, 'HUB_CONFIG_INVALID')
    const broken = await startBench({ listeners, tls: { certPem: 'no', keyPem: 'no' } })
    assert.equal(broken.broker.listeners()[0]!.error!.code, 'HUB_CONFIG_INVALID')
  })

  it('a connection tells by which name it came, without one by which address', async () => {
    const { port, broker } = await tlsBench()
    await greet(await dial(port, { servername: 'LocalHost' }), 'by-name')
    await greet(await dial(port), 'by-address')
    // a connection is listed a moment after its CONNACK
    const told = await until(() => {
      const all = [...broker.connections()].map(({ clientId, dialled }) => [clientId, dialled])
      return all.length === 2 && all
    })
    assert.deepEqual(Object.fromEntries(told), { 'by-name': 'localhost', 'by-address': '127.0.0.1' })
  })

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`${version}: certificates of a CA, self-signed ones and none are all let in, and told to the gate`, async () => {
      const { port, gate } = await tlsBench()
      const own = ca.selfSigned('own-1')
      for (const [clientId, issued] of Object.entries({ byCa: device, bySelf: own, none: undefined })) {
        const socket = await dial(port, {
          minVersion: version,
          maxVersion: version,
          ...(issued && { cert: issued.certPem, key: issued.keyPem }),
        })
        await greet(socket, clientId)
        assert.equal(socket.getProtocol(), version)
      }
      const [byCa, bySelf, none] = gate.log.hellos
      assert.equal(byCa!.certificate!.fingerprint, fingerprintOf(device.certPem))
      assert.equal(byCa!.certificate!.subjectCn, 'device-1')
      assert.deepEqual(Buffer.from(byCa!.certificate!.der), new X509Certificate(device.certPem).raw)
      assert.equal(byCa!.certificate!.notAfter, Date.parse(new X509Certificate(device.certPem).validTo))
      assert.equal(bySelf!.certificate!.fingerprint, fingerprintOf(own.certPem))
      assert.equal(none!.certificate, undefined)
      assert.equal(byCa!.listener, 'mqtts')
    })

    it(`${version}: a resumed session still shows the certificate`, async () => {
      const { port, gate } = await tlsBench()
      const options = { minVersion: version, maxVersion: version, cert: device.certPem, key: device.keyPem } as const
      const first = await dial(port, options)
      let session: Buffer | undefined
      first.on('session', s => {
        session = s
      })
      await greet(first, 'd1')
      // TLS 1.2 gave it with the handshake, 1.3 gives it after.
      if (version === 'TLSv1.2') session = first.getSession()
      await until(() => session)
      first.destroy()
      // Without its certificate: only the resumption can bring it.
      const second = await dial(port, { minVersion: version, maxVersion: version, session: session! })
      await greet(second, 'd1')
      assert.equal(second.isSessionReused(), true)
      assert.equal(gate.log.hellos[1]!.certificate!.fingerprint, fingerprintOf(device.certPem))
    })
  }

  it('after a day the ticket keys are others: no resumption, a full handshake', async () => {
    const { port, clock, tick } = await tlsBench()
    const options = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const
    const first = await dial(port, options)
    await greet(first)
    const session = first.getSession()!
    clock.now += 24 * 3_600_000
    tick()
    const second = await dial(port, { ...options, session })
    await greet(second, 'd2')
    assert.equal(second.isSessionReused(), false)
  })

  it('TLS 1.1 and weak ciphers are refused, and the refusal is told', async () => {
    const { port, gate } = await tlsBench()
    await assert.rejects(dial(port, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' }))
    await assert.rejects(dial(port, { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA' }))
    await until(() => gate.log.refused.length >= 2)
    assert.match(gate.log.refused[0]!.reason, /TLS handshake/)
  })

  it('each protocol name AWS and others negotiate is accepted, and none', async () => {
    const { port } = await tlsBench()
    for (const name of ['x-amzn-mqtt-ca', 'mqtt', 'x-amzn-http-ca', 'http/1.1', undefined]) {
      const socket = await dial(port, name ? { ALPNProtocols: [name] } : {})
      assert.equal(socket.alpnProtocol, name ?? false)
      await greet(socket, `with-${name}`)
    }
  })

  it('a new certificate serves new handshakes, live connections go on', async () => {
    const { port, broker } = await tlsBench()
    const before = await greet(await dial(port), 'd1')
    const renewed = ca.issue('hub-2', serverExtensions)
    broker.setTls(renewed)
    const socket = await dial(port)
    assert.equal(socket.getPeerCertificate().subject.CN, 'hub-2')
    await greet(socket, 'd2')
    before.send(publishPacket({ topic: 'a', payload: 'x', qos: 1 }))
    await before.next(packetTypes.puback)
  })

  it('sockets over the rate wait unread, more than may wait are closed, and the waiting ones get in later', async () => {
    const bench = await tlsBench({ limits: { connectsPerSecond: 1, waitingConnects: 2 } })
    const { port, gate, clock } = bench
    const first = await Promise.all([dial(port), dial(port)])
    const waiting = [dial(port), dial(port)]
    const outcomes = Promise.allSettled(waiting)
    const { connect } = await import('node:net')
    // Accepted in order: once it is closed, the two before it are waiting.
    await until(async () => {
      const over = connect(port, '127.0.0.1')
      over.on('error', () => {})
      await new Promise(resolve => over.once('close', resolve))
      return gate.log.refused.some(({ code }) => code === 'BROKER_THROTTLED')
    })
    assert.equal(gate.log.hellos.length, 0)
    clock.now += 2000
    for (const { status } of await outcomes) assert.equal(status, 'fulfilled')
    for (const [i, socket] of first.entries()) await greet(socket, `f${i}`)
  })

  it('a rate of 0 is no limit', async () => {
    const { port, gate } = await tlsBench({ limits: { connectsPerSecond: 0, waitingConnects: 0 } })
    for (const clientId of ['d1', 'd2', 'd3']) await greet(await dial(port), clientId)
    assert.equal(gate.log.refused.length, 0)
  })

  it('MQTT over WebSocket: the subprotocol, the three paths, binary frames', async () => {
    const { broker, gate } = await startBench({ listeners: [{ kind: 'ws', host: '127.0.0.1', port: 0 }] })
    const { port } = broker.listeners()[0]!
    for (const path of ['/mqtt', '/$iothub/websocket?iothub-no-client-cert=true', '/']) {
      const client = await connectAsync(`ws://127.0.0.1:${port}${path}`, { protocolVersion: 4, clientId: `c${path.length}` })
      await client.subscribeAsync('a', { qos: 1 })
      const got = new Promise<string>(resolve => client.once('message', (_topic, payload) => resolve(payload.toString())))
      await client.publishAsync('a', 'x'.repeat(100_000), { qos: 1 })
      assert.equal((await got).length, 100_000)
      await client.endAsync()
    }
    await until(() => gate.log.disconnected.length === 3)
    assert.ok(gate.log.disconnected.every(({ reason }) => reason === 'CLIENT_INITIATED_DISCONNECT'))
    assert.equal(gate.log.hellos[0]!.remoteAddress, '127.0.0.1')
    assert.equal(gate.log.hellos[0]!.listener, 'ws')
    const refused = (path: string, protocols: string[]) =>
      new Promise<string>(resolve =>
        new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols).once('error', e => resolve(e.message)),
      )
    assert.match(await refused('/other', ['mqtt']), /404/)
    assert.match(await refused('/mqtt', ['soap']), /400/)
    const text = new WebSocket(`ws://127.0.0.1:${port}/mqtt`, ['mqtt'])
    text.on('error', () => {})
    await new Promise(resolve => text.once('open', resolve))
    text.send('hello')
    await new Promise(resolve => text.once('close', resolve))
    const plain = await fetch(`http://127.0.0.1:${port}/mqtt`)
    assert.equal(plain.status, 426)
  })

  it('a refused CONNECT over WebSocket still gets its CONNACK, and a too large one is cut', async () => {
    const { broker, gate } = await startBench({
      listeners: [{ kind: 'ws', host: '127.0.0.1', port: 0 }],
      gate: { connect: async () => ({ admit: false, connack: 5, reason: 'no' }) },
    })
    const { port } = broker.listeners()[0]!
    const open = async () => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/mqtt`, ['mqtt'])
      await new Promise(resolve => socket.once('open', resolve))
      return socket
    }
    const one = await open()
    const answer = new Promise<Buffer>(resolve => one.once('message', data => resolve(data as Buffer)))
    one.send(connectPacket({ clientId: 'd1' }))
    assert.deepEqual([...(await answer)], [0x20, 2, 0, 5])
    await new Promise(resolve => one.once('close', resolve))
    const two = await open()
    two.send(Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f]))
    await new Promise(resolve => two.once('close', resolve))
    await until(() => gate.log.refused.some(({ code }) => code === 'BROKER_PACKET_TOO_LARGE'))
  })

  it('secure WebSocket shows the certificate of the TLS connection below it', async () => {
    const { port, gate } = await startBench({ tls: server, listeners: [{ kind: 'wss', host: '127.0.0.1', port: 0 }] })
    const client = await connectAsync(`wss://127.0.0.1:${port}/mqtt`, {
      protocolVersion: 4,
      clientId: 'd1',
      ca: ca.caPem,
      cert: device.certPem,
      key: device.keyPem,
    })
    assert.equal(gate.log.hellos[0]!.certificate!.fingerprint, fingerprintOf(device.certPem))
    assert.equal(gate.log.hellos[0]!.listener, 'wss')
    await client.publishAsync('a', 'x', { qos: 1 })
    await client.endAsync()
  })

  it('after stop nothing listens and no socket is left', async () => {
    const { broker, port, raw, stop } = await startBench()
    const { talk: silent } = await raw()
    await stop()
    await silent.closed()
    await assert.rejects(raw())
    assert.equal(broker.metrics().connections, 0)
    assert.ok(port > 0)
  })
})
