import assert from 'node:assert/strict'
import { Agent, request } from 'node:https'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import WebSocket from 'ws'
import type { BrokerGate } from '../../src/broker/broker-port.ts'
import type { HttpRequest } from '../../src/telemetry/http-exchange.ts'
import { connectPacket, packetTypes, talk } from '../mqtt-wire.ts'
import { startBench, stopBenches, until } from './bench.ts'
import { serverExtensions, throwAwayCa } from './throw-away-ca.ts'

type Peer = Parameters<NonNullable<BrokerGate['request']>>[1]

const ca = throwAwayCa()
const server = ca.issue('hub', serverExtensions)
const device = ca.issue('device-1')

describe('https and shared listeners', () => {
  let asked: { request: HttpRequest; peer: Peer }[]
  const open = (kind: 'https' | 'shared', gate: Partial<BrokerGate> = {}) =>
    startBench({
      tls: server,
      listeners: [{ kind, host: '127.0.0.1', port: 0 }],
      gate: {
        request: async (request, peer) => {
          asked.push({ request, peer })
          return { status: 207, headers: { 'content-type': 'text/plain' }, body: `${request.body.length} bytes` }
        },
        ...gate,
      },
    })
  beforeEach(() => {
    asked = []
  })
  afterEach(stopBenches)

  const ask = (
    port: number,
    o: { path?: string; method?: string; body?: string | Buffer; headers?: Record<string, string>; agent?: Agent } = {},
  ) =>
    new Promise<{ status: number; body: string }>((resolve, reject) => {
      const { path = '/v1/x?a=b%20c', method = 'POST', body = '', headers = {}, agent } = o
      const cert = { cert: device.certPem, key: device.keyPem }
      const sent = request(
        { host: '127.0.0.1', port, path, method, headers, ca: ca.caPem, ...cert, ...(agent && { agent }) },
        response => {
          let text = ''
          response.setEncoding('utf8').on('data', chunk => (text += chunk))
          response.once('end', () => resolve({ status: response.statusCode!, body: text }))
        },
      )
      sent.once('error', reject)
      sent.end(body)
    })
  const dial = (port: number, ALPNProtocols?: string[]): Promise<TLSSocket> =>
    new Promise((resolve, reject) => {
      const socket = connectTls({ host: '127.0.0.1', port, ca: ca.caPem, ...(ALPNProtocols && { ALPNProtocols }) }, () =>
        resolve(socket),
      )
      socket.once('error', reject)
    })
  const greet = async (socket: TLSSocket, clientId: string) => {
    const talking = talk(socket)
    talking.send(connectPacket({ clientId }))
    assert.equal((await talking.next(packetTypes.connack)).body[1], 0)
    talking.end()
  }

  for (const kind of ['https', 'shared'] as const) {
    it(`${kind}: hands a request on with its body and the certificate of the connection`, async () => {
      const { port } = await open(kind)
      assert.deepEqual(await ask(port, { body: 'hello', headers: { 'x-a': 'b' } }), { status: 207, body: '5 bytes' })
      const [{ request, peer }] = asked as [(typeof asked)[number]]
      assert.deepEqual([request.method, request.path, request.query, request.headers['x-a']], ['POST', '/v1/x', 'a=b%20c', 'b'])
      assert.equal(Buffer.from(request.body).toString(), 'hello')
      assert.equal(peer.certificate!.subjectCn, 'device-1')
      assert.equal(peer.remoteAddress.replace('::ffff:', ''), '127.0.0.1')
    })

    it(`${kind}: takes several requests over one connection, and many at once`, async () => {
      const { port } = await open(kind)
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      for (let i = 0; i < 5; i++) assert.equal((await ask(port, { body: 'x'.repeat(i), agent })).body, `${i} bytes`)
      agent.destroy()
      const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => ask(port, { body: 'y'.repeat(i) })))
      assert.deepEqual(
        answers.map(({ body }) => body),
        Array.from({ length: 20 }, (_, i) => `${i} bytes`),
      )
    })

    it(`${kind}: refuses a body over 1 MiB, said or not, and goes on`, async () => {
      const { port } = await open(kind)
      const large = Buffer.alloc(1_048_577)
      const answer = await ask(port, { body: large }).catch((error: NodeJS.ErrnoException) => ({ status: error.code, body: '' }))
      assert.ok([413, 'EPIPE', 'ECONNRESET'].includes(answer.status as never), String(answer.status))
      assert.equal(asked.length, 0)
      assert.equal((await ask(port, { body: Buffer.alloc(1_048_576) })).body, '1048576 bytes')
    })

    it(`${kind}: carries MQTT over WebSocket beside the requests`, async () => {
      const { port, gate } = await open(kind)
      const socket = new WebSocket(`wss://127.0.0.1:${port}/mqtt`, 'mqtt', { ca: ca.caPem })
      await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
      socket.send(connectPacket({ clientId: 'web' }))
      let connack = Buffer.alloc(0)
      socket.on('message', data => (connack = Buffer.concat([connack, data as Buffer])))
      await until(() => connack.length === 4)
      assert.deepEqual([connack[0], connack[3]], [0x20, 0])
      assert.equal(gate.log.hellos[0]!.listener, kind)
      socket.close()
      assert.equal((await ask(port)).status, 207)
    })

    it(`${kind}: without a device API there are WebSockets only`, async () => {
      const { port } = await startBench({ tls: server, listeners: [{ kind, host: '127.0.0.1', port: 0 }] })
      assert.equal((await ask(port)).status, 426)
    })

    it(`${kind}: broken HTTP and an answer that fails cost that connection only`, async () => {
      const { port } = await open(kind, { request: () => Promise.reject(new Error('oops')) })
      await assert.rejects(ask(port))
      const socket = await dial(port)
      const gone = new Promise(resolve => socket.once('close', resolve))
      socket.on('error', () => {})
      socket.end('GET / NONSENSE\r\n\r\n')
      await gone
      const { port: other } = await open(kind)
      assert.equal((await ask(other)).status, 207)
    })
  }

  it('shared: tells MQTT from HTTP by ALPN, and without it by the first byte', async () => {
    const { port, gate } = await open('shared')
    await greet(await dial(port, ['x-amzn-mqtt-ca']), 'aws')
    await greet(await dial(port, ['mqtt']), 'named')
    await greet(await dial(port), 'bare')
    assert.deepEqual(
      gate.log.hellos.map(({ clientId, listener }) => [clientId, listener]),
      [
        ['aws', 'shared'],
        ['named', 'shared'],
        ['bare', 'shared'],
      ],
    )
    const http = await dial(port, ['x-amzn-http-ca'])
    let text = ''
    http.setEncoding('utf8').on('data', chunk => (text += chunk))
    http.write('GET /p HTTP/1.1\r\nHost: x\r\n\r\n')
    await until(() => text.includes('0 bytes'))
    http.destroy()
  })

  it('shared: first bytes that come one by one are still told apart', async () => {
    const { port } = await open('shared')
    const socket = await dial(port)
    const talking = talk(socket)
    for (const byte of connectPacket({ clientId: 'slow' })) socket.write(Buffer.of(byte))
    assert.equal((await talking.next(packetTypes.connack)).body[1], 0)
    talking.end()
  })

  it('shared: what is neither is closed and told', async () => {
    const { port, gate } = await open('shared')
    const socket = await dial(port)
    const gone = new Promise(resolve => socket.once('close', resolve))
    socket.on('error', () => {}).resume()
    socket.write(Buffer.of(0x30, 1, 2))
    await gone
    assert.equal(gate.log.refused.at(-1)!.reason, 'neither MQTT nor HTTP')
  })
})
