import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ActionOrder, Webhook } from '../../src/routing/action/action.ts'
import { sendWebhook } from '../../src/runtime/webhook.ts'

const never = new AbortController().signal

describe('a try of a webhook', function () {
  this.timeout(60_000)
  let server: Server
  let url: string
  let handle: (request: IncomingMessage, response: ServerResponse, body: Buffer) => void
  const seen: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[] = []

  before(async () => {
    server = createServer(async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk)
      const body = Buffer.concat(chunks)
      seen.push({ method: request.method!, url: request.url!, headers: request.headers, body: body.toString() })
      handle(request, response, body)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  after(() => {
    server.closeAllConnections()
    server.close()
  })
  beforeEach(() => {
    seen.length = 0
    handle = (_request, response) => void response.writeHead(200, { 'content-type': 'text/plain' }).end('thanks')
  })

  const send = (o: Partial<Webhook> = {}, more: Partial<ActionOrder> = {}, signal = never) => {
    const action: Webhook = { kind: 'webhook', url: `${url}/in`, method: 'POST', headers: {}, ...o }
    const original = { device: 'd', topic: 't', properties: {}, payload: Buffer.from('{"t":1}') }
    return sendWebhook(action, { node: 'n', action, original, ...more }, { signal, now: 0 })
  }
  const answer = (status: number, headers: Record<string, string> = {}) => {
    handle = (_request, response) => void response.writeHead(status, headers).end('a secret of the endpoint')
  }

  it('sends the payload as JSON, with an id by which it is known again, and gives the answer', async () => {
    const attempt = await send({}, { id: 'i-1' })
    assert.ok(attempt.ok)
    const { status, headers, body } = attempt.response!
    assert.deepEqual([status, headers['content-type'], Buffer.from(body).toString()], [200, 'text/plain', 'thanks'])
    const [{ method, headers: got, body: sent }] = seen as [(typeof seen)[0]]
    assert.deepEqual([method, got['content-type'], got['idempotency-key'], sent], ['POST', 'application/json', 'i-1', '{"t":1}'])
  })

  it('sends a body and headers of its own, secrets last', async () => {
    await send({
      method: 'PUT',
      headers: { 'Content-Type': 'text/plain', 'x-a': '1', authorization: 'none' },
      secret: { Authorization: 'Bearer of-it' },
      body: Buffer.from('hello'),
    })
    const [{ method, headers, body }] = seen as [(typeof seen)[0]]
    assert.deepEqual(
      [method, headers['content-type'], headers['x-a'], headers.authorization, body],
      ['PUT', 'text/plain', '1', 'Bearer of-it', 'hello'],
    )
  })

  it('sends no body where there is none', async () => {
    await send({ method: 'GET', body: null })
    assert.deepEqual([seen[0]!.body, seen[0]!.headers['content-type']], ['', undefined])
  })

  for (const [status, kind] of [
    [500, 'transient'],
    [503, 'transient'],
    [429, 'transient'],
    [400, 'final'],
    [404, 'final'],
    [410, 'gone'],
  ] as const)
    it(`takes ${status} as ${kind}, and tells no more of it than the host`, async () => {
      answer(status)
      assert.deepEqual(await send({ url: `${url}/secret-path?key=secret` }), {
        ok: false,
        kind,
        code: 'ROUTE_ACTION',
        message: `${url} answered with status ${status}`,
        status,
      })
    })

  it('reads how long it is asked to wait', async () => {
    answer(503, { 'retry-after': '7' })
    const attempt = await send()
    assert.ok(!attempt.ok && attempt.retryAfterMs === 7000)
  })

  it('follows a redirect of the same host that keeps the request, three times at most', async () => {
    let left = 2
    handle = (_request, response) =>
      void (left-- > 0 ? response.writeHead(307, { location: `/step-${left}` }) : response.writeHead(204)).end()
    assert.equal((await send()).ok, true)
    assert.deepEqual(
      seen.map(({ method, url: path, body }) => `${method} ${path} ${body}`),
      ['POST /in {"t":1}', 'POST /step-1 {"t":1}', 'POST /step-0 {"t":1}'],
    )
    left = 99
    seen.length = 0
    assert.equal((await send()).ok, false)
    assert.equal(seen.length, 4)
  })

  it('follows no other: another host would get the secrets, another method is another request', async () => {
    for (const [status, location] of [
      [307, `http://localhost:${new URL(url).port}/in`],
      [308, 'https://example.invalid/'],
      [302, '/other'],
      [303, '/other'],
      [307, 'http://:'],
    ] as const) {
      seen.length = 0
      answer(status, { location })
      const attempt = await send({ secret: { authorization: 'x' } })
      assert.ok(!attempt.ok && attempt.kind === 'final', `${status} ${location}`)
      assert.equal(seen.length, 1)
    }
  })

  it('keeps 256 KiB of an answer, and says that there was more', async () => {
    handle = (_request, response) => void response.end(Buffer.alloc(1024 * 1024, 'x'))
    const attempt = await send()
    assert.ok(attempt.ok)
    assert.deepEqual([attempt.response!.body.byteLength, attempt.response!.truncated], [262_144, true])
    handle = (_request, response) => void response.end(Buffer.alloc(262_144, 'x'))
    const whole = await send()
    assert.ok(whole.ok && whole.response!.truncated === undefined)
  })

  it('gives up what does not answer, or does not end its answer, in time', async () => {
    handle = () => {}
    const silent = await send({}, { timeoutMs: 50 })
    assert.ok(!silent.ok && silent.kind === 'transient' && /within 50 ms/.test(silent.message), JSON.stringify(silent))
    handle = (_request, response) => void response.write('x')
    const slow = await send({}, { timeoutMs: 50 })
    assert.ok(!slow.ok && slow.kind === 'transient')
  })

  it('ends at once when it is told to', async () => {
    const stop = new AbortController()
    handle = () => stop.abort()
    const attempt = await send({}, {}, stop.signal)
    assert.ok(!attempt.ok && attempt.kind === 'transient')
    const late = await send({}, {}, stop.signal)
    assert.ok(!late.ok && seen.length === 1)
  })

  it('takes a connection that cannot be made, or that breaks, as transient', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    other.close()
    await once(other, 'close')
    const refused = await send({ url: `http://127.0.0.1:${port}/x?key=secret` })
    assert.deepEqual(refused, {
      ok: false,
      kind: 'transient',
      code: 'ROUTE_ACTION',
      message: `http://127.0.0.1:${port} cannot be reached (ECONNREFUSED)`,
    })
    handle = request => void request.socket.destroy()
    const broken = await send()
    assert.ok(!broken.ok && broken.kind === 'transient')
  })

  it('takes a request that cannot be made as final', async () => {
    for (const o of [{ url: 'no address' }, { headers: { 'x-a': 'ÿ\u0100' } }]) {
      const attempt = await send(o)
      assert.ok(!attempt.ok && attempt.kind === 'final', JSON.stringify(o))
    }
  })
})
