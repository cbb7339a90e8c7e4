import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import type { NodeAPI } from 'node-red'
import { LoomError } from '../../src/errors.ts'
import { routes } from '../../src/nodered/admin/routes.ts'
import { serveAdmin } from '../../src/nodered/admin/serve.ts'
import { Hubs } from '../../src/nodered/hubs.ts'
import { type FakeHub, fakeHub } from '../fake-hub.ts'

interface Reply {
  status: number
  headers: Headers
  body: any
}

describe('admin API', () => {
  let hub: FakeHub
  let hubs: Hubs
  let server: Server
  let asked: string[]
  let log: string[]

  const redOf = (settings: object, httpAdmin: unknown): NodeAPI =>
    ({
      settings,
      httpAdmin,
      log: { info: (text: string) => log.push(text), error: (text: string) => log.push(text) },
      auth: {
        needsPermission:
          (permission: string) => (request: { headers: Record<string, string> }, response: any, next: () => void) => {
            asked.push(permission)
            if (request.headers['x-deny']) response.status(401).end()
            else next()
          },
      },
    }) as unknown as NodeAPI

  beforeEach(async () => {
    hub = fakeHub()
    asked = []
    log = []
    hubs = new Hubs({ start: async () => hub })
    await hubs.attach('n', () => ({ hubId: 'demo', name: 'Demo', dataDir: '/x', store: 'memory', broker: 'none', listeners: [] }))
      .hub
    const app = express()
    // As in Node-RED: bodies are parsed by an app around the one that nodes get.
    const outer = express()
    outer.set('env', 'test') // quiet
    outer.use(express.json({ limit: '5mb' }))
    outer.use(app)
    serveAdmin(redOf({}, app), hubs)
    server = createServer(outer).listen(0, '127.0.0.1')
    await once(server, 'listening')
  })
  afterEach(async () => {
    server.closeAllConnections()
    server.close()
    await hubs.endAll()
  })

  const url = (path: string) => `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`
  const call = async (
    method: string,
    path: string,
    o: { body?: unknown; headers?: Record<string, string> } = {},
  ): Promise<Reply> => {
    const response = await fetch(url(path), {
      method,
      headers: { 'content-type': 'application/json', ...o.headers },
      ...(o.body !== undefined && { body: JSON.stringify(o.body) }),
    })
    const text = await response.text()
    const json = response.headers.get('content-type')?.includes('json')
    return { status: response.status, headers: response.headers, body: json ? JSON.parse(text) : text }
  }
  const at = (path: string) => `/thingloom/demo${path}`

  it('lists the hubs', async () => {
    assert.deepEqual((await call('GET', '/thingloom')).body, { items: [{ id: 'demo', name: 'Demo', status: 'ok' }] })
    hub.failing = new LoomError('HUB_DOWN')
    assert.equal((await call('GET', '/thingloom')).body.items[0].status, 'failed')
  })

  it('shows health and metrics', async () => {
    assert.equal((await call('GET', at('/health'))).body.status, 'ok')
    const metrics = await call('GET', at('/metrics'))
    assert.match(metrics.headers.get('content-type')!, /^text\/plain; version=0\.0\.4/)
    assert.equal(metrics.body, 'thingloom_up 1\n')
  })

  it('takes a device through its life; secrets are in the answer of creation alone', async () => {
    const made = await call('POST', at('/devices'), { body: { id: 'd1', credentials: { kind: 'sas' }, tags: { site: 'a' } } })
    assert.equal(made.status, 201)
    assert.deepEqual(Object.keys(made.body).sort(), ['device', 'secrets'])
    assert.equal(made.body.secrets.primaryKey, 'secret-c1')
    assert.equal(made.headers.get('cache-control'), 'no-store')
    const got = await call('GET', at('/devices/d1'))
    assert.equal(got.headers.get('etag'), '"1"')
    assert.doesNotMatch(JSON.stringify(got.body), /secret-c1/)
    assert.deepEqual((await call('GET', at('/devices?query=d&limit=5'))).body.items.length, 1)
    const off = await call('PATCH', at('/devices/d1'), { body: { enabled: false }, headers: { 'if-match': '"1"' } })
    assert.deepEqual([off.status, off.body.enabled, off.headers.get('etag')], [200, false, '"2"'])
    assert.equal((await call('DELETE', at('/devices/d1'))).status, 204)
    assert.equal((await call('GET', at('/devices/d1'))).body.error.code, 'IDENTITY_NOT_FOUND')
  })

  it('refuses a change of what has changed meanwhile', async () => {
    await hub.devices.register({ id: 'd1' })
    const { status, body } = await call('PATCH', at('/devices/d1'), { body: { enabled: false }, headers: { 'if-match': '"7"' } })
    assert.deepEqual([status, body.error.code], [409, 'IDENTITY_CONFLICT'])
  })

  it('adds and revokes credentials', async () => {
    await hub.devices.register({ id: 'd1' })
    const added = await call('POST', at('/devices/d1/credentials'), { body: { kind: 'sas' } })
    assert.deepEqual([added.status, added.body.cid, added.headers.get('cache-control')], [201, 'c1', 'no-store'])
    assert.equal((await call('DELETE', at('/devices/d1/credentials/c1'))).status, 204)
    assert.equal((await call('DELETE', at('/devices/d1/credentials/c9'))).body.error.code, 'CRED_NOT_FOUND')
  })

  it('answers telemetry as range, aggregate or thinned curve, and the last values', async () => {
    await hub.devices.register({ id: 'd1' })
    await call('GET', at('/devices/d1/telemetry?from=1&to=9&points=a,b&limit=5&order=desc'))
    await call('GET', at('/devices/d1/telemetry?from=1&to=9&every=3&fn=max'))
    await call('GET', at('/devices/d1/telemetry?from=1&to=9&maxPoints=50'))
    const latest = await call('GET', at('/devices/d1/latest?points=a'))
    assert.deepEqual(latest.body, { items: [] })
    assert.deepEqual(hub.asked, [
      ['range', { devices: ['d1'], from: 1, to: 9, points: ['a', 'b'], limit: 5, order: 'desc' }],
      ['aggregate', { devices: ['d1'], from: 1, to: 9, everyMs: 3, fn: 'max' }],
      ['downsample', { devices: ['d1'], from: 1, to: 9, maxPoints: 50, fn: 'minmax' }],
      ['last', { devices: ['d1'], points: ['a'] }],
    ])
  })

  it('knows a device that is not registered by its readings alone', async () => {
    for (const path of ['/devices/d9/latest', '/devices/d9/telemetry', '/devices/d9/telemetry?every=60000']) {
      const { status, body } = await call('GET', at(path))
      assert.deepEqual([status, body.error.code], [404, 'IDENTITY_NOT_FOUND'], path)
    }
    const page = { items: [{ device: 'd9', time: 5, values: { a: 1 } }], stats: { rows: 1, tookMs: 0 } }
    hub.pages.push(page)
    assert.deepEqual((await call('GET', at('/devices/d9/telemetry'))).body.items, page.items)
    hub.pages.push({ ...page, items: [] }, page)
    assert.equal((await call('GET', at('/devices/d9/telemetry?from=1&to=2'))).status, 200)
    assert.deepEqual(hub.asked.at(-1), [
      'range',
      { devices: ['d9'], from: -Number.MAX_SAFE_INTEGER, to: Number.MAX_SAFE_INTEGER, order: 'desc', limit: 1 },
    ])
  })

  it('lists consumers and forgets those that no node uses', async () => {
    const consumer = await hub.consume({ name: 'my flow' }, { deliver() {} })
    const { body } = await call('GET', at('/consumers?limit=10'))
    assert.deepEqual(body.items, [{ name: 'my flow', position: 0, lag: 0, inFlight: 0, inUse: true }])
    const busy = await call('DELETE', at('/consumers/my%20flow'))
    assert.deepEqual([busy.status, busy.body.error.code], [409, 'JOURNAL_CONSUMER_EXISTS'])
    await consumer.close()
    assert.equal((await call('DELETE', at('/consumers/my%20flow'))).status, 204)
    assert.equal((await call('DELETE', at('/consumers/my%20flow'))).status, 404)
  })

  it('lists, replays and discards dead letters', async () => {
    const letter = {
      at: 1,
      reason: 'flow',
      code: 'X',
      message: 'm',
      device: 'd',
      topic: 't',
      properties: {},
      payload: Buffer.from('hi'),
      stage: 'flow',
      tries: 1,
      replays: 0,
    }
    hub.letters.push({ ...letter, id: 1, state: 'open' }, { ...letter, id: 2, state: 'open' })
    const { body } = await call('GET', at('/deadletters?state=open'))
    assert.deepEqual([body.items.length, body.items[0].payload], [2, 'aGk='])
    assert.deepEqual((await call('POST', at('/deadletters/1/replay'))).body, { seq: 1 })
    assert.equal((await call('DELETE', at('/deadletters/2'))).status, 204)
    const filter = { reason: 'action', rule: 'hot', from: 1 }
    assert.deepEqual((await call('POST', at('/deadletters/replay'), { body: filter })).body, { replayed: 0, more: false })
    assert.deepEqual(hub.lettersAsked, [filter])
    assert.equal((await call('POST', at('/deadletters/replay'), { body: { colour: 'red' } })).status, 400)
    assert.deepEqual(
      hub.letters.map(({ state }) => state),
      ['replayed', 'discarded'],
    )
    assert.equal((await call('POST', at('/deadletters/9/replay'))).status, 404)
    assert.deepEqual(
      hub.asked.map(([, { action, target, by }]) => [action, target, by]),
      [
        ['deadletter.replay', '1', 'admin api'],
        ['deadletter.discard', '2', 'admin api'],
        ['deadletter.replay', 'many', 'admin api'],
      ],
    )
  })

  it('streams live events until the client leaves', async () => {
    const abort = new AbortController()
    const response = await fetch(url(at('/events')), { signal: abort.signal })
    assert.equal(response.headers.get('content-type'), 'text/event-stream')
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    let text = (await reader.read()).value!
    hub.emit({ type: 'health', status: 'ok', at: 5 })
    while (!text.includes('\n\nevent')) text += (await reader.read()).value
    assert.match(text, /event: health\ndata: \{"type":"health","status":"ok","at":5\}\n\n/)
    // what a device tells about itself is not for everyone who may read
    const attestation = { kind: 'sas' } as const
    const asks = { id: 'q1', kind: 'dps', registrationId: 'r1', deviceId: 'd1', ip: '192.0.2.1', at: 5, attestation } as const
    const request = { ...asks, parameters: { owner: 'private' }, payload: 'private' }
    hub.emit({ type: 'provisioning-question', at: 6, until: 7, request })
    while (!text.includes('"q1"')) text += (await reader.read()).value
    assert.ok(!text.includes('private'))
    abort.abort()
  })

  it('describes every route in its OpenAPI document, and nothing else', async () => {
    const { body } = await call('GET', '/thingloom/openapi.json')
    assert.equal(body.openapi, '3.1.0')
    const described = Object.entries<object>(body.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map(method => `${method} ${path}`),
    )
    assert.deepEqual(described.sort(), routes.map(({ method, path }) => `${method} ${path}`).sort())
    const ids = Object.values<any>(body.paths).flatMap(methods =>
      Object.values<any>(methods).map(({ operationId }) => operationId),
    )
    assert.equal(new Set(ids).size, ids.length)
    for (const [, name] of JSON.stringify(body).matchAll(/#\/components\/schemas\/(\w+)/g))
      assert.ok(body.components.schemas[name!], name)
    for (const [path, methods] of Object.entries<any>(body.paths))
      for (const { parameters, responses } of Object.values<any>(methods)) {
        const inPath = parameters.filter((one: any) => one.in === 'path').map((one: any) => one.name)
        assert.deepEqual(
          inPath,
          [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name),
        )
        assert.ok(responses.default)
      }
  })

  it('asks for the permission that each route names', async () => {
    for (const { method, path, permission } of routes) {
      asked.length = 0
      const { status } = await call(method.toUpperCase(), path.replace(/\{\w+\}/g, '1'), { headers: { 'x-deny': '1' } })
      assert.deepEqual([asked, status], [[permission], 401], `${method} ${path}`)
      assert.match(permission, /\.(read|write)$/)
    }
  })

  it('needs the right to administer for keys, authorities and policies, to write for other changes, to read for questions', () => {
    const administered =
      /\/(credentials|consumers|issuers|cas|certificates|policies|retire|enrolments|templates|claims|pairing-codes|bootstrap|import|operations|audit|assign)\b/
    const questions =
      /\/(policies\/(test|check)|audit\/verify|fleet\/(query|aggregate)|model-checks|registry\/(subjects\/\{subject\}|compatibility\/.*)|reference\/\{table\}\/lookup)$/
    for (const { method, secret, permission, path } of routes) {
      const needed =
        method === 'get' || (method === 'post' && questions.test(path))
          ? 'thingloom.read'
          : secret || administered.test(path) || (method === 'delete' && path.endsWith('/devices/{id}'))
            ? 'thingloom.admin.write'
            : 'thingloom.write'
      assert.equal(permission, needed, `${method} ${path}`)
    }
  })

  it('names the part of a request that is wrong', async () => {
    for (const [method, path, body, part] of [
      ['POST', '/devices', {}, 'lacks id'],
      ['POST', '/devices', { id: 7 }, 'body.id'],
      ['POST', '/devices', { id: 'a', colour: 'red' }, 'colour'],
      ['POST', '/devices', { id: 'a', credentials: { kind: 'magic' } }, 'body.credentials.kind'],
      ['PATCH', '/devices/a', [], 'body must be'],
      ['GET', '/devices?limit=many', undefined, 'limit'],
      ['GET', '/devices?limit=5000', undefined, 'limit'],
      ['GET', '/devices?color=red', undefined, 'color'],
      ['GET', '/devices/a/telemetry?fn=mode&every=1', undefined, 'fn'],
      ['POST', '/deadletters/x/replay', undefined, 'letter'],
    ] as const) {
      const reply = await call(method, at(path), { body })
      assert.deepEqual([reply.status, reply.body.error.code], [400, 'REQUEST_INVALID'], path)
      assert.ok(reply.body.error.message.includes(part), reply.body.error.message)
    }
  })

  it('refuses a body that is too large', async () => {
    const { status } = await call('POST', at('/devices'), { body: { id: 'a', tags: { x: 'y'.repeat(300_000) } } })
    assert.equal(status, 413)
    assert.equal((await hub.devices.list({})).items.length, 0)
  })

  const send = async (method: string, path: string, o: RequestInit = {}): Promise<Reply> => {
    const response = await fetch(url(path), { method, ...o })
    const text = await response.text()
    assert.match(response.headers.get('content-type') ?? '', /^application\/json/, text)
    assert.doesNotMatch(text, /<html|\bat [^ ]+ \(|node_modules|[/\\]src[/\\]/)
    return { status: response.status, headers: response.headers, body: JSON.parse(text) }
  }

  it('answers broken JSON as an error of its own, without a word of the body', async () => {
    for (const path of [at('/devices'), '/thingloom/nowhere']) {
      const { status, body } = await send('POST', path, {
        headers: { 'content-type': 'application/json' },
        body: '{"id": "a", "password": secret}',
      })
      assert.deepEqual([status, body.error.code], [400, 'REQUEST_INVALID'])
      assert.match(body.error.message, /not valid JSON/)
      assert.doesNotMatch(JSON.stringify(body), /secret|password/)
    }
    const huge = await send('POST', at('/devices'), {
      headers: { 'content-type': 'application/json' },
      body: `"${'x'.repeat(6_000_000)}"`,
    })
    assert.deepEqual([huge.status, huge.body.error.code], [413, 'REQUEST_TOO_LARGE'])
    const path = await send('GET', at('/devices/%ff'))
    assert.deepEqual([path.status, path.body.error.code], [400, 'REQUEST_INVALID'])
  })

  it('answers an unknown route with 404 and another method with 405 and what is allowed', async () => {
    for (const path of ['/thingloom/demo/nothing', '/thingloom/demo', '/thingloom/a/b/c/d/e/f']) {
      const { status, body } = await send('GET', path)
      assert.deepEqual([status, body.error.code], [404, 'NOT_FOUND'], path)
    }
    for (const [method, path, allow] of [
      ['PUT', '/thingloom', 'GET, HEAD, OPTIONS'],
      ['DELETE', '/thingloom/openapi.json', 'GET, HEAD, OPTIONS'],
      ['PUT', at('/devices/d1'), 'DELETE, GET, HEAD, OPTIONS, PATCH'],
      ['POST', at('/policies/p1'), 'DELETE, GET, HEAD, OPTIONS, PUT'],
      ['PATCH', at('/devices/'), 'GET, HEAD, OPTIONS, POST'],
      ['GET', at('/deadletters/1/replay'), 'OPTIONS, POST'],
    ] as const) {
      const { status, headers, body } = await send(method, path)
      assert.deepEqual([status, body.error.code, headers.get('allow')], [405, 'METHOD_NOT_ALLOWED', allow], path)
    }
    const options = await fetch(url(at('/devices')), { method: 'OPTIONS' })
    assert.deepEqual([options.status, options.headers.get('allow')], [204, 'GET, HEAD, OPTIONS, POST'])
    assert.equal((await fetch(url(at('/health')), { method: 'HEAD' })).status, 200)
  })

  it('leaves the routes of others as they are', async () => {
    for (const [path, method] of [
      ['/thingloomy', 'GET'],
      ['/flows', 'POST'],
    ] as const) {
      const broken = method === 'POST' && { headers: { 'content-type': 'application/json' }, body: '{' }
      const response = await fetch(url(path), { method, ...broken })
      assert.match(response.headers.get('content-type')!, /html/, path)
    }
  })

  it('changes nothing for a page of another site, which a browser tells', async () => {
    await call('POST', at('/devices'), { body: { id: 'd1' } })
    const from = (site: string, more: object = {}) => ({ headers: { 'sec-fetch-site': site, ...more } })
    for (const [method, path] of [
      ['POST', '/devices/d1/quarantine'],
      ['DELETE', '/devices/d1'],
    ] as const) {
      const { status, body } = await call(method, at(path), from('cross-site', { origin: 'http://evil.example' }))
      assert.deepEqual([status, body.error.code], [403, 'REQUEST_FOREIGN'])
    }
    assert.equal(
      (await call('GET', at('/devices/d1'), from('cross-site'))).status,
      200,
      'whom it may show that the browser knows',
    )
    for (const headers of [from('same-origin'), from('none'), from('cross-site', { authorization: 'Bearer t' }), {}])
      assert.notEqual((await call('POST', at('/devices/d1/release'), headers)).status, 403)
  })

  it('says what content type a body needs', async () => {
    for (const headers of [{ 'content-type': 'text/plain' }, { 'content-type': 'application/x-www-form-urlencoded' }, {}]) {
      const { status, body } = await send('POST', at('/devices'), { headers, body: new TextEncoder().encode('{"id": "a"}') })
      assert.deepEqual([status, body.error.code], [415, 'REQUEST_TYPE'])
      assert.match(body.error.hint, /application\/json/)
    }
    const none = await send('POST', at('/devices'))
    assert.deepEqual([none.status, none.body.error.code], [400, 'REQUEST_INVALID'])
    assert.match(none.body.error.message, /missing/)
    const made = await send('POST', at('/devices'), {
      headers: { 'content-type': 'Application/JSON; charset=utf-8' },
      body: '{"id": "a"}',
    })
    assert.equal(made.status, 201)
  })

  it('shows a hint beside the message, not in it too', async () => {
    hub.failing = new LoomError('IDENTITY_INVALID', '"-x"', { hint: 'begin with a letter' })
    const { body } = await call('GET', at('/health'))
    assert.deepEqual(body.error, {
      code: 'IDENTITY_INVALID',
      message: 'the device id or record is not valid: "-x"',
      hint: 'begin with a letter',
    })
  })

  it('answers 404 for a hub that is not there and 503 for one that is down', async () => {
    assert.equal((await call('GET', '/thingloom/other/health')).status, 404)
    hub.failing = new LoomError('HUB_DOWN')
    const { status, body } = await call('GET', at('/health'))
    assert.deepEqual([status, body.error.code], [503, 'HUB_DOWN'])
  })

  it('is left out where the editor is switched off, with one log line', () => {
    serveAdmin(redOf({ httpAdminRoot: false }, { get() {}, post() {} }), hubs)
    assert.equal(log.length, 1)
  })

  it('is served once however often the node is registered', async () => {
    let routed = 0
    const take = () => routed++
    const app = { use() {}, get: take, post: take, put: take, patch: take, delete: take }
    serveAdmin(redOf({}, app), hubs)
    serveAdmin(redOf({}, app), hubs)
    assert.equal(routed, routes.length + 1)
  })
})
