import assert from 'node:assert/strict'
import type { HttpRequest } from '../../src/dialects/http.ts'
import { readHttp } from '../../src/dialects/http-table.ts'

const requestOf = (o: Partial<HttpRequest> & { path: string }): HttpRequest => ({
  method: 'POST',
  query: '',
  headers: {},
  body: Buffer.alloc(0),
  ...o,
})
const read = (o: Partial<HttpRequest> & { path: string }) => readHttp(requestOf(o))
const published = (o: Partial<HttpRequest> & { path: string }) => {
  const { operation, fault } = read(o)
  assert.ok(operation?.kind === 'publish', String(fault))
  return {
    ...operation,
    messages: operation.messages.map(({ payload, ...rest }) => ({ ...rest, payload: Buffer.from(payload).toString() })),
  }
}
const at = { traceId: 'abc', now: 1_800_000_000_000 }

describe('device requests over HTTP', () => {
  it('ours: telemetry becomes the topic of the device, its query the bag', () => {
    const body = Buffer.from('{"a":1}')
    assert.deepEqual(published({ path: '/v1/devices/pump%3A1/telemetry', body }), {
      family: 'thing',
      deviceId: 'pump:1',
      kind: 'publish',
      messages: [{ topic: 'devices/pump:1/telemetry', payload: '{"a":1}', qos: 1 }],
    })
    const { messages } = published({
      path: '/v1/devices/p/telemetry/fast',
      query: 'k=a%20b',
      headers: { 'content-type': 'text/csv; charset=utf-8' },
      body,
    })
    assert.equal(messages[0]!.topic, 'devices/p/telemetry/fast/?ct=text%2Fcsv%3B%20charset%3Dutf-8&k=a%20b')
  })

  it('AWS: any topic, its slashes plain or encoded', () => {
    for (const path of ['/topics/dt/p/x', '/topics/dt%2Fp%2Fx'])
      assert.deepEqual(published({ path, query: 'qos=1', body: Buffer.from('hi') }), {
        family: 'thing',
        kind: 'publish',
        messages: [{ topic: 'dt/p/x', payload: 'hi', qos: 1 }],
      })
    const [message] = published({ path: '/topics/a/b', query: 'contentType=text%2Fplain' }).messages
    assert.deepEqual([message!.qos, message!.contentType], [0, 'text/plain'])
    const { dialect } = read({ path: '/topics/a' })
    assert.deepEqual(dialect.accepted('t1'), {
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: '{"message":"OK","traceId":"t1"}',
    })
    for (const code of ['POLICY_DENIED', 'CRED_UNKNOWN'] as const)
      assert.deepEqual(JSON.parse(dialect.refused({ code, message: 'why' }, at).body), { message: 'Forbidden', traceId: 'abc' })
  })

  it('Azure: headers become properties of the bag, encoded', () => {
    const { messages, deviceId, family } = published({
      path: '/devices/p/messages/events',
      query: 'api-version=2021-04-12',
      headers: {
        'iothub-app-level': 'a&b=c',
        'iothub-messageid': 'm1',
        'content-type': 'application/json',
        'content-encoding': 'utf-8',
        host: 'h',
      },
      body: Buffer.from('{}'),
    })
    assert.deepEqual([family, deviceId], ['iothub', 'p'])
    assert.deepEqual(messages, [
      {
        topic: 'devices/p/messages/events/level=a%26b%3Dc&%24.mid=m1&%24.ct=application%2Fjson&%24.ce=utf-8',
        payload: '{}',
        qos: 1,
      },
    ])
  })

  it('Azure: a batch is taken whole or refused whole', () => {
    const batch = (items: unknown) =>
      read({
        path: '/devices/p/messages/events',
        headers: { 'content-type': 'application/vnd.microsoft.iothub.json' },
        body: Buffer.from(typeof items === 'string' ? items : JSON.stringify(items)),
      })
    const { operation } = batch([
      { body: Buffer.from('one').toString('base64'), properties: { 'iothub-app-k': 'v', 'iothub-messageid': '7' } },
      { body: 'zwei', base64Encoded: false },
    ])
    assert.ok(operation?.kind === 'publish')
    assert.deepEqual(
      operation.messages.map(({ topic, payload }) => [topic, Buffer.from(payload).toString()]),
      [
        ['devices/p/messages/events/k=v&%24.mid=7', 'one'],
        ['devices/p/messages/events/', 'zwei'],
      ],
    )
    for (const bad of [
      'no json',
      '{}',
      [],
      [{}],
      [{ body: 7 }],
      [{ body: 'nö' }],
      [{ body: 'a', base64Encoded: 'x' }],
      [{ body: '', properties: [] }],
      [{ body: '', properties: { a: 1 } }],
      [null],
      Array(501).fill({ body: '' }),
    ])
      assert.equal((batch(bad).fault as any)?.code, 'REQUEST_INVALID', JSON.stringify(bad).slice(0, 60))
    assert.equal((batch([{ body: 'A'.repeat(262_144) }]).fault as any).code, 'BROKER_PACKET_TOO_LARGE')
  })

  it('operations that are not built yet are known by name, and refused in the form of their cloud', () => {
    const of = (method: string, path: string, query = '') => {
      const { operation } = read({ method, path, query })
      return operation?.kind === 'request'
        ? [operation.operation, operation.deviceId, operation.name].filter(Boolean).join(' ')
        : operation?.kind
    }
    assert.deepEqual(
      [
        of('GET', '/things/p/shadow'),
        of('POST', '/things/p/shadow', 'name=n'),
        of('DELETE', '/things/p/shadow'),
        of('PUT', '/things/p/shadow'),
        of('GET', '/api/things/shadow/ListNamedShadowsForThing/p'),
        of('GET', '/things/p/jobs'),
        of('PUT', '/things/p/jobs/$next'),
        of('GET', '/things/p/jobs/j1'),
        of('POST', '/things/p/jobs/j1'),
        of('GET', '/devices/p/messages/deviceBound'),
        of('DELETE', '/devices/p/messages/devicebound/tok'),
        of('DELETE', '/devices/p/messages/devicebound/tok', 'reject'),
        of('POST', '/DEVICES/p/messages/devicebound/tok/abandon'),
        of('GET', '/v1/devices/p/twin'),
        of('PATCH', '/v1/devices/p/twin/reported'),
        of('GET', '/v1/devices/p/inbox'),
        of('POST', '/v1/devices/p/inbox/m/complete'),
      ],
      [
        'twin.get p',
        'twin.update p n',
        'twin.delete p',
        undefined,
        'twin.names p',
        'jobs.list p',
        'jobs.startNext p',
        'jobs.describe p j1',
        'jobs.update p j1',
        'inbox.read p',
        'inbox.complete p tok',
        'inbox.reject p tok',
        'inbox.abandon p tok',
        'twin.get p',
        'twin.report p',
        'inbox.read p',
        'inbox.complete p m',
      ],
    )
    const error = { code: 'COMMAND_UNSUPPORTED', message: 'not offered' } as const
    assert.equal(read({ method: 'GET', path: '/things/p/shadow' }).dialect.refused(error, at).status, 501)
    assert.equal(read({ method: 'GET', path: '/v1/devices/p/twin' }).dialect.refused(error, at).status, 501)
    const azure = read({ method: 'GET', path: '/devices/p/messages/devicebound' }).dialect
    assert.ok(JSON.parse(azure.refused(error, at).body).errorCode > 0)
    assert.deepEqual(
      (['CRED_UNKNOWN', 'POLICY_DENIED', 'IDENTITY_NOT_FOUND', 'BROKER_THROTTLED'] as const).map(
        code => azure.refused({ code, message: '' }, at).status,
      ),
      [401, 403, 404, 429],
    )
  })

  it('what no dialect knows is nobody’s', () => {
    for (const path of [
      '/',
      '',
      '/topics',
      '/topics/',
      '/v1',
      '/v1/devices',
      '/v2/devices/p/telemetry',
      '/v1/devices/p/telemetry/a/b',
      '/devices/p/messages',
      '/devices/p/messages/events/x',
      '/things/p',
      '/v1/devices/%ff/telemetry',
      '/v1/devices/a%00b/telemetry',
      '/topics/%',
    ])
      assert.deepEqual([read({ path }).operation, read({ path }).fault], [undefined, undefined], path)
    assert.equal(read({ method: 'GET', path: '/v1/devices/p/telemetry' }).operation, undefined)
  })
})
