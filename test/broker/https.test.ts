import assert from 'node:assert/strict'
import { Agent, request } from 'node:https'
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import WebSocket from 'ws'
import type { BrokerGate } from '../../src/broker/broker-port.ts'
import { HttpLoad } from '../../src/broker/http-front.ts'
import { openListener, type OpenListener } from '../../src/broker/listeners.ts'
import { ConnectRate } from '../../src/broker/connect-rate.ts'
import { webSocketFront } from '../../src/broker/websocket-front.ts'
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
    new Promise<{ status: number; body: string; retryAfter?: string | undefined }>((resolve, reject) => {
      const { path = '/v1/x?a=b%20c', method = 'POST', body = '', headers = {}, agent } = o
      const cert = { cert: device.certPem, key: device.keyPem }
      const sent = request(
        { host: '127.0.0.1', port, path, method, headers, ca: ca.caPem, ...cert, ...(agent && { agent }) },
        response => {
          let text = ''
          response.setEncoding('utf8').on('data', chunk => (text += chunk))
          response.once('end', () =>
            resolve({ status: response.statusCode!, body: text, retryAfter: response.headers['retry-after'] }),
          )
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
      const { status, body } = await ask(port, { body: 'hello', headers: { 'x-a': 'b' } })
      assert.deepEqual([status, body], [207, '5 bytes'])
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

  describe('what requests may hold', function () {
    this.timeout(60_000)
    const refusals: string[] = []
    let listener: OpenListener | undefined
    const openWith = async (load: HttpLoad) => {
      const rate = new ConnectRate({ perSecond: 0, perSecondPerAddress: 0, maxWaiting: 10, now: Date.now, dropped() {} })
      listener = await openListener(
        { kind: 'https', host: '127.0.0.1', port: 0 },
        {
          ...{ tls: server, rate, load, maxFrameBytes: 1000 },
          accept: conn => void conn.resume(),
          request: async ({ body }) => ({ status: 207, headers: {}, body: `${body.length} bytes` }),
          refused: (_address, reason) => void refusals.push(reason),
        },
      )
      return listener.listening.port
    }
    afterEach(() => {
      listener?.stop()
      listener?.close()
      refusals.length = 0
    })
    const fresh = () => new Agent({ keepAlive: false })

    it('a body beyond what all may hold is answered 503, the others go on', async () => {
      const load = new HttpLoad({ bodyBytes: 1000, sockets: 10, socketsPerAddress: 10 })
      const port = await openWith(load)
      const half = await dial(port)
      let text = ''
      half.setEncoding('utf8').on('data', chunk => (text += chunk))
      half.write(`POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 900\r\n\r\n${'x'.repeat(890)}`)
      await until(() => load.bytes === 890)
      const refused = await ask(port, { body: 'y'.repeat(200), agent: fresh() })
      assert.deepEqual([refused.status, refused.retryAfter], [503, '2'])
      assert.equal((await ask(port, { body: 'y'.repeat(100), agent: fresh() })).body, '100 bytes')
      half.write('x'.repeat(10))
      await until(() => text.includes('900 bytes'))
      await until(() => load.bytes === 0)
      assert.equal((await ask(port, { body: 'y'.repeat(200), agent: fresh() })).body, '200 bytes')
      half.write(`POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 900\r\n\r\n${'x'.repeat(890)}`)
      await until(() => load.bytes === 890)
      half.destroy()
      await until(() => load.bytes === 0)
    })

    it('an address has so many connections, WebSockets apart; one more is closed', async () => {
      const load = new HttpLoad({ bodyBytes: 1000, sockets: 10, socketsPerAddress: 2 })
      const port = await openWith(load)
      const web = new WebSocket(`wss://127.0.0.1:${port}/mqtt`, 'mqtt', { ca: ca.caPem })
      await new Promise((resolve, reject) => web.once('open', resolve).once('error', reject))
      const [first] = [await dial(port), await dial(port)]
      await until(() => load.sockets === 2)
      const third = await dial(port)
      third.on('error', () => {}).resume()
      await until(() => third.closed)
      assert.deepEqual(refusals, ['too many HTTP connections'])
      first.destroy()
      await until(() => load.sockets === 1)
      assert.equal((await ask(port, { agent: fresh() })).status, 207)
      web.close()
    })

    it('all addresses together have so many connections', () => {
      const load = new HttpLoad({ bodyBytes: 0, sockets: 2, socketsPerAddress: 2 })
      const [a, b, c] = [{}, {}, {}]
      assert.deepEqual([load.enter(a, '1'), load.enter(b, '2'), load.enter(c, '3')], [true, true, false])
      load.leave(a)
      load.leave(a)
      assert.deepEqual([load.enter(c, '3'), load.enter({}, '4'), load.sockets], [true, false, 2])
    })
  })

  describe('a connection that is kept', function () {
    this.timeout(60_000)
    const overPlainTcp = async (
      use: (o: { client: Socket; served: Socket; timers: Set<{ ms: number; fn: () => void }> }) => unknown,
    ) => {
      const timers = new Set<{ ms: number; fn: () => void }>()
      const front = webSocketFront({
        maxFrameBytes: 1000,
        accept() {},
        request: async (_request, response) => void response.end('ok'),
        after(ms, fn) {
          const timer = { ms, fn }
          timers.add(timer)
          return () => void timers.delete(timer)
        },
      })
      let served: Socket | undefined
      const tcp = createServer(socket => front.open((served = socket))).listen(0, '127.0.0.1')
      await new Promise(resolve => tcp.once('listening', resolve))
      const client = connectTcp((tcp.address() as AddressInfo).port, '127.0.0.1')
      client.on('error', () => {})
      try {
        await until(() => served !== undefined)
        await use({ client, served: served!, timers })
      } finally {
        client.destroy()
        served?.destroy()
        tcp.close()
      }
    }
    const asks = (client: Socket) => {
      let answers = 0
      client.setEncoding('utf8').on('data', (chunk: string) => (answers += chunk.split('HTTP/1.1 200').length - 1))
      return async () => {
        const want = answers + 1
        client.write('GET / HTTP/1.1\r\nHost: h\r\n\r\n')
        await until(() => answers === want)
      }
    }

    it('gathers no listeners from request to request', () =>
      overPlainTcp(async ({ client, served, timers }) => {
        const warnings: Error[] = []
        const warned = (warning: Error) => void warnings.push(warning)
        process.on('warning', warned)
        const count = () => served.eventNames().map(name => [String(name), served.listenerCount(name)])
        const next = asks(client)
        await next()
        await until(() => !timers.size)
        const before = count()
        for (let i = 0; i < 50; i++) await next()
        await until(() => !timers.size)
        assert.deepEqual(count(), before)
        process.off('warning', warned)
        assert.deepEqual(warnings.map(String), [])
      }))

    it('has no deadline while it is idle, and one again from the first byte of the next request', () =>
      overPlainTcp(async ({ client, served, timers }) => {
        const next = asks(client)
        await next()
        await until(() => !timers.size)
        client.write('GET / HTTP/1.1\r\nHost: h\r\nX: ')
        await until(() => timers.size === 1)
        const [deadline] = timers
        const seen = served.bytesRead
        client.write('a')
        await until(() => served.bytesRead > seen)
        assert.deepEqual([...timers], [deadline], 'more bytes do not move it')
        client.write('\r\n\r\n')
        await until(() => !timers.size)
        await next()
        await until(() => !timers.size)
        client.write('G')
        await until(() => timers.size === 1)
        const [late] = timers
        assert.equal(late!.ms, 10_000)
        late!.fn()
        await until(() => client.closed)
      }))
  })
})
