import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request as httpRequest, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import type { NodeAPI } from 'node-red'
import { LoomError } from '../../src/errors.ts'
import type { Hub } from '../../src/hub/hub.ts'
import { serveAdmin } from '../../src/nodered/admin/serve.ts'
import { serveDevices } from '../../src/nodered/device-api.ts'
import { Hubs } from '../../src/nodered/hubs.ts'
import { fakeHub } from '../fake-hub.ts'

type Asked = Parameters<Hub['deviceHttp']['handle']>[0]

describe('device API on the server of the flows', () => {
  let asked: Asked[]
  let hubs: Hubs
  let servers: Server[]
  let log: string[]
  let failing: Error | undefined

  beforeEach(async () => {
    asked = []
    servers = []
    log = []
    failing = undefined
    const hub = fakeHub()
    hub.deviceHttp.handle = async o => {
      if (failing) throw failing
      asked.push(o)
      return { status: 202, headers: { 'x-answer': 'yes', 'content-type': 'text/plain' }, body: 'taken ü' }
    }
    hubs = new Hubs({ start: async () => hub })
    await hubs.attach('n', () => ({ hubId: 'demo', name: 'Demo', dataDir: '/x', store: 'memory', broker: 'none', listeners: [] }))
      .hub
  })
  afterEach(async () => {
    for (const server of servers) {
      server.closeAllConnections()
      server.close()
    }
    await hubs.endAll()
  })

  /** Editor and flows as Node-RED puts them together: the editor's parsers in front, nodes get an app inside the editor's. */
  async function nodeRed(
    o: {
      adminRoot?: string
      nodeRoot?: string
      trustProxy?: boolean
      host?: string
      before?: (node: express.Express) => void
      bare?: boolean
    } = {},
  ) {
    const { adminRoot = '/', nodeRoot = '/', trustProxy = false, host = '127.0.0.1', before, bare = false } = o
    const [app, editor, httpAdmin, httpNode] = [express(), express(), express(), express()]
    for (const one of [app, editor, httpAdmin, httpNode]) one.set('env', 'test').set('trust proxy', trustProxy)
    editor.use(express.json({ limit: '5mb' }), express.urlencoded({ limit: '5mb', extended: true }))
    editor.use(httpAdmin)
    app.use(adminRoot, editor)
    app.use(nodeRoot, httpNode)
    const server = createServer(app)
    servers.push(server)
    before?.(httpNode)
    const RED = {
      settings: { httpAdminRoot: adminRoot, httpNodeRoot: nodeRoot },
      httpAdmin,
      httpNode,
      ...(!bare && { server }),
      log: { info: (text: string) => log.push(text), error: (text: string) => log.push(text) },
      auth: { needsPermission: () => (_request: unknown, _response: unknown, next: () => void) => next() },
    } as unknown as NodeAPI
    serveAdmin(RED, hubs)
    serveDevices(RED, hubs)
    httpNode.all('/thingloom', (_request, response) => void response.send('a flow'))
    httpNode.all('/thingloomy/x/y', (_request, response) => void response.send('a flow'))
    server.listen(0, host)
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    return (path: string, init: RequestInit = {}) => fetch(`${url}${path}`, { method: 'POST', ...init })
  }
  const text = ({ request }: Asked) => Buffer.from(request.body).toString()
  const codeOf = async (response: Response) => [response.status, ((await response.json()) as any).error.code]

  for (const [about, roots] of [
    ['beside the editor', { adminRoot: '/red', nodeRoot: '/api' }],
    ['where both share a root', { adminRoot: '/', nodeRoot: '/' }],
    ['where both share a root of their own', { adminRoot: '/red/', nodeRoot: '/red/' }],
  ] as const) {
    const at = roots.nodeRoot.replace(/\/$/, '')

    it(`hands a request on as it came, ${about}`, async () => {
      const ask = await nodeRed(roots)
      const answer = await ask(`${at}/thingloom/demo/v1/devices/pump%3A1/telemetry?a=b%20c`, {
        headers: { 'content-type': 'application/json', 'content-encoding': 'utf-8', authorization: 'Bearer t', 'x-two': 'a' },
        body: '{ "big": 12345678901234567890 }',
      })
      assert.deepEqual(
        [answer.status, answer.headers.get('x-answer'), answer.headers.get('cache-control'), await answer.text()],
        [202, 'yes', 'no-store', 'taken ü'],
      )
      const [{ request, peer }] = asked as [Asked]
      assert.deepEqual([request.method, request.path, request.query], ['POST', '/v1/devices/pump%3A1/telemetry', 'a=b%20c'])
      assert.deepEqual([request.headers.authorization, request.headers['x-two']], ['Bearer t', 'a'])
      assert.equal(text(asked[0]!), '{ "big": 12345678901234567890 }')
      assert.deepEqual([peer.address.replace('::ffff:', ''), peer.secure], ['127.0.0.1', true])
    })

    it(`takes bodies that no parser would, ${about}`, async () => {
      const ask = await nodeRed(roots)
      for (const [type, body] of [
        ['application/json', '42'],
        ['application/json', '{broken'],
        ['application/x-www-form-urlencoded', 'a=1&b=2'],
        ['application/octet-stream', '\0\u0001'],
      ] as const)
        assert.equal(
          (await ask(`${at}/thingloom/demo/topics/dt/p`, { headers: { 'content-type': type }, body })).status,
          202,
          body,
        )
      assert.deepEqual(asked.map(text), ['42', '{broken', 'a=1&b=2', '\0\u0001'])
      assert.equal((await ask(`${at}/thingloom/demo/things/p/shadow`, { method: 'GET' })).status, 202)
      assert.equal(text(asked.at(-1)!), '')
    })

    it(`leaves admin API and flows what is theirs, ${about}`, async () => {
      const ask = await nodeRed(roots)
      const admin = roots.adminRoot.replace(/\/$/, '')
      assert.equal((await ask(`${admin}/thingloom/demo/health`, { method: 'GET' })).status, 200)
      const wrong = await ask(`${admin}/thingloom/demo/health`, { method: 'PUT' })
      assert.deepEqual(await codeOf(wrong), [405, 'METHOD_NOT_ALLOWED'])
      const headers = { 'content-type': 'application/json' }
      const made = await ask(`${admin}/thingloom/demo/devices`, { headers, body: '{"id": "d1"}' })
      assert.equal(made.status, 201)
      assert.equal(await (await ask(`${at}/thingloomy/x/y`)).text(), 'a flow')
      if (admin !== at) assert.equal(await (await ask(`${at}/thingloom`)).text(), 'a flow')
      assert.equal(asked.length, 0)
    })
  }

  it('refuses more than 1 MiB, told or not, and goes on', async () => {
    const ask = await nodeRed()
    const path = '/thingloom/demo/topics/dt/p'
    const told = await ask(path, { body: new Uint8Array(1_048_577) })
    assert.deepEqual(await codeOf(told), [413, 'REQUEST_TOO_LARGE'])
    const { port } = servers[0]!.address() as AddressInfo
    const status = await new Promise((resolve, reject) => {
      const sent = httpRequest({ host: '127.0.0.1', port, path, method: 'POST' }, response => resolve(response.statusCode))
      sent.once('error', reject)
      // 64 KiB a time without a length, and no end: the answer comes while the body is still on its way.
      let left = 1_048_576 + 65_536
      const more = (): void => {
        if (left <= 0) return
        left -= 65_536
        sent.write(Buffer.alloc(65_536), more)
      }
      more()
    })
    assert.equal(status, 413)
    assert.equal(asked.length, 0)
    assert.equal((await ask(path, { body: new Uint8Array(1_048_576) })).status, 202)
    assert.equal(asked[0]!.request.body.length, 1_048_576)
  })

  it('takes what a parser in front has left of a body', async () => {
    const parsers = (node: express.Express) =>
      void node.use(express.json(), express.text(), express.raw({ type: 'image/*' }), express.urlencoded({ extended: true }))
    const ask = await nodeRed({ adminRoot: '/red', nodeRoot: '/', before: parsers })
    const path = '/thingloom/demo/topics/dt/p'
    const send = (type: string, body: string) => ask(path, { headers: { 'content-type': type }, body })
    for (const type of ['application/json', 'text/plain', 'image/png', 'application/cbor'])
      assert.equal((await send(type, '{"a":[1]}')).status, 202, type)
    assert.deepEqual(asked.map(text), Array(4).fill('{"a":[1]}'))
    assert.deepEqual(await codeOf(await send('application/x-www-form-urlencoded', 'a=1')), [415, 'REQUEST_TYPE'])
  })

  it('answers 404 for an unknown hub, 503 for one that is down, and what goes wrong without a word of it', async () => {
    const ask = await nodeRed()
    assert.deepEqual(await codeOf(await ask('/thingloom/other/topics/x')), [404, 'NOT_FOUND'])
    assert.deepEqual(await codeOf(await ask('/thingloom/%ff/topics/x')), [400, 'REQUEST_INVALID'])
    failing = new LoomError('HUB_DOWN')
    const down = await ask('/thingloom/demo/topics/x')
    assert.equal(down.headers.get('retry-after'), '2')
    assert.deepEqual(await codeOf(down), [503, 'HUB_DOWN'])
    failing = new Error('secret inside')
    const answer = await ask('/thingloom/demo/topics/x')
    const body = await answer.text()
    assert.equal(answer.status, 500)
    assert.doesNotMatch(body, /secret/)
    assert.match(log.join(), /secret inside/)
  })

  it('believes what a proxy says of TLS and addresses only where express trusts proxies', async () => {
    const headers = { 'x-forwarded-proto': 'https', 'x-forwarded-for': '203.0.113.9' }
    const path = '/thingloom/demo/topics/x'
    await (await nodeRed())(path, { headers })
    const trusting = await nodeRed({ trustProxy: true })
    await trusting(path, { headers })
    await trusting(path, { headers: { ...headers, 'x-forwarded-proto': 'http' } })
    await trusting(path, { headers: { 'x-forwarded-for': '127.0.0.1' } })
    await trusting(path)
    assert.deepEqual(
      asked.map(({ peer: { address, secure } }) => [address.replace('::ffff:', ''), secure]),
      [
        ['127.0.0.1', true],
        ['203.0.113.9', true],
        ['203.0.113.9', false],
        ['127.0.0.1', false],
        ['127.0.0.1', true],
      ],
    )
  })

  it('is left out where flows have no server, with one log line, and is mounted once', async () => {
    serveDevices({ settings: { httpNodeRoot: false }, log: { info: (line: string) => log.push(line) } } as never, hubs)
    assert.equal(log.length, 1)
    let mounted = 0
    const RED = { settings: { httpNodeRoot: '/' }, httpNode: { use: () => mounted++ }, log: {} } as never
    serveDevices(RED, hubs)
    serveDevices(RED, hubs)
    assert.equal(mounted, 1)
  })
})
