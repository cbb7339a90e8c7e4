import assert from 'node:assert/strict'
import { connectAsync } from 'mqtt'
import type { Hub } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { until } from '../until.ts'

describe('twins over HTTPS', function () {
  this.timeout(60_000)
  let hub: Hub
  let port: number
  let passwords: Map<string, string>

  beforeEach(async () => {
    hub = await startHub({
      hubId: 'twins',
      dataDir: '/nowhere',
      store: 'memory',
      broker: 'embedded',
      threaded: false,
      listeners: [{ kind: 'mqtt', host: '127.0.0.1', port: 0 }],
      limits: { connectsPerSecond: 0, connectsPerSecondPerAddress: 0, connectsPerSecondPerDevice: 0 },
    })
    port = (await hub.health.get({})).listeners[0]!.port
    passwords = new Map()
    for (const id of ['lamp', 'spy'])
      passwords.set(id, (await hub.devices.register({ id, credentials: { kind: 'password' } })).secrets!.password!)
  })
  afterEach(() => hub.close())

  const ask = async (
    method: string,
    target: string,
    { body = '', as = 'lamp', headers = {} }: { body?: string | object; as?: string; headers?: Record<string, string> } = {},
  ) => {
    const [path, query = ''] = target.split('?') as [string, string?]
    const authorization = `Basic ${Buffer.from(`${as}:${passwords.get(as)}`).toString('base64')}`
    const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
    const answer = await hub.deviceHttp.handle({
      request: { method, path, query, headers: { authorization, ...headers }, body: bytes },
      peer: { address: '192.0.2.1', secure: true },
    })
    return { status: answer.status, body: answer.body ? JSON.parse(answer.body) : undefined }
  }

  it('of AWS: a shadow through its life, as over MQTT', async () => {
    const none = await ask('GET', '/things/lamp/shadow')
    assert.deepEqual([none.status, none.body.code, none.body.message], [404, 404, "No shadow exists with name: 'lamp'"])
    const made = await ask('POST', '/things/lamp/shadow', { body: { state: { reported: { on: false } }, clientToken: 't1' } })
    assert.deepEqual(
      [made.status, made.body.state, made.body.version, made.body.clientToken],
      [200, { reported: { on: false } }, 1, 't1'],
    )
    await hub.twins.patch({ id: 'lamp', desired: { on: true } })
    const got = await ask('GET', '/things/lamp/shadow')
    assert.deepEqual(got.body.state, { desired: { on: true }, reported: { on: false }, delta: { on: true } })
    assert.ok(Number.isInteger(got.body.timestamp) && got.body.metadata.desired.on.timestamp > 1e9)
    const stale = await ask('POST', '/things/lamp/shadow', {
      body: { state: { reported: { on: true } }, version: 1, clientToken: 't2' },
    })
    assert.deepEqual(
      [stale.status, stale.body.code, stale.body.message, stale.body.clientToken],
      [409, 409, 'Version conflict', 't2'],
    )
    const gone = await ask('DELETE', '/things/lamp/shadow')
    assert.deepEqual([gone.status, gone.body.version], [200, 2])
    assert.equal((await ask('DELETE', '/things/lamp/shadow')).status, 404)
    assert.equal((await ask('GET', '/things/lamp/shadow?name=cfg')).body.message, "No shadow exists with name: 'lamp~cfg'")
    for (const [body, status, message] of [
      ['{', 400, 'Invalid JSON'],
      ['{}', 400, 'Missing required node: state'],
      [`{"state":{"reported":{"a":"${'x'.repeat(9000)}"}}}`, 413, 'The payload exceeds the maximum size allowed'],
    ] as const) {
      const refused = await ask('POST', '/things/lamp/shadow', { body })
      assert.deepEqual([refused.status, refused.body.code, refused.body.message], [status, status, message])
    }
    assert.equal((await ask('GET', '/things/lamp/shadow?name=a%20b')).status, 400)
    assert.equal((await ask('PUT', '/things/lamp/shadow')).status, 404)
  })

  it('of AWS: named shadows are listed in pages', async () => {
    for (const name of ['b', 'a', 'c', 'gone', 'plain.one']) await hub.twins.patch({ id: 'lamp', name, desired: { n: name } })
    await ask('DELETE', '/things/lamp/shadow?name=gone')
    const list = async (query = '') => (await ask('GET', `/api/things/shadow/ListNamedShadowsForThing/lamp?${query}`)).body
    const { timestamp, ...whole } = await list()
    assert.deepEqual([whole, Number.isInteger(timestamp)], [{ results: ['a', 'b', 'c'] }, true])
    const first = await list('pageSize=2')
    assert.deepEqual(first.results, ['a', 'b'])
    const second = await list(`pageSize=2&nextToken=${encodeURIComponent(first.nextToken)}`)
    assert.deepEqual([second.results, second.nextToken], [['c'], undefined])
    for (const query of ['pageSize=0', 'pageSize=101', 'pageSize=x', 'nextToken=x', 'nextToken='])
      assert.equal((await list(query)).code, 400, query)
  })

  it('of AWS: who subscribed hears of a change that was asked for here', async () => {
    const client = await connectAsync(`mqtt://127.0.0.1:${port}`, {
      protocolVersion: 4,
      clientId: 'lamp',
      username: 'lamp',
      password: passwords.get('lamp')!,
    })
    const heard: [string, any][] = []
    client.on('message', (topic, payload) => heard.push([topic, JSON.parse(payload.toString())]))
    await client.subscribeAsync(['accepted', 'documents', 'delta'].map(end => `$aws/things/lamp/shadow/update/${end}`))
    await ask('POST', '/things/lamp/shadow', { body: { state: { desired: { on: true } }, clientToken: 'h' } })
    await until(() => heard.length === 3, 30_000)
    await client.endAsync()
    assert.deepEqual(
      heard.map(([topic, { clientToken }]) => [topic.split('/').at(-1), clientToken]),
      ['accepted', 'delta', 'documents'].map(end => [end, 'h']),
    )
  })

  it('of plain devices: get and report, with the version of what was reported in If-Match', async () => {
    await hub.twins.patch({ id: 'lamp', desired: { on: true } })
    const got = await ask('GET', '/v1/devices/lamp/twin')
    assert.deepEqual(got, {
      status: 200,
      body: { status: 200, desired: { on: true }, reported: {}, delta: { on: true }, desiredVersion: 2, reportedVersion: 1 },
    })
    const told = await ask('PATCH', '/v1/devices/lamp/twin/reported', { body: { on: true }, headers: { 'if-match': '"1"' } })
    assert.deepEqual(told.body, { status: 200, reportedVersion: 2 })
    const stale = await ask('PATCH', '/v1/devices/lamp/twin/reported', { body: { on: false }, headers: { 'if-match': '"1"' } })
    assert.deepEqual([stale.status, stale.body.error.code], [409, 'TWIN_VERSION_CONFLICT'])
    for (const [headers, status] of [
      [{ 'if-match': '"x"' }, 400],
      [{ 'if-match': '*' }, 200],
    ] as const)
      assert.equal((await ask('PATCH', '/v1/devices/lamp/twin/reported', { body: {}, headers: { ...headers } })).status, status)
    assert.equal((await ask('GET', '/v1/devices/lamp/twin?name=cfg')).body.error.code, 'TWIN_NOT_FOUND')
    assert.equal((await ask('PATCH', '/v1/devices/lamp/twin/reported?name=cfg', { body: { a: 1 } })).status, 200)
    assert.deepEqual((await ask('GET', '/v1/devices/lamp/twin?name=cfg')).body.reported, { a: 1 })
    assert.equal((await ask('GET', '/v1/devices/lamp/twin?name=module:x')).status, 400)
    assert.equal((await ask('PATCH', '/v1/devices/lamp/twin/reported', { body: '[1]' })).status, 400)
  })

  it('are those of the asking device alone, under its policies; in quarantine they go on', async () => {
    for (const target of ['/things/lamp/shadow', '/v1/devices/lamp/twin', '/api/things/shadow/ListNamedShadowsForThing/lamp'])
      assert.equal((await ask('GET', target, { as: 'spy' })).status, 403, target)
    const deny = async (id: string, statement: object) => {
      await hub.policies.create({
        id,
        text: JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Deny', ...statement }] }),
      })
      await hub.policies.attach({ policy: id, target: { device: 'lamp' } })
    }
    await ask('POST', '/things/lamp/shadow', { body: { state: { reported: { a: 1 } } } })
    await deny('topics', { Action: 'iot:Publish', Resource: 'topic/$aws/things/lamp/shadow/get' })
    assert.deepEqual((await ask('GET', '/things/lamp/shadow')).body.message, 'Forbidden')
    assert.equal((await ask('POST', '/things/lamp/shadow', { body: { state: { reported: { a: 2 } } } })).status, 200)
    await deny('actions', { Action: 'iot:UpdateThingShadow', Resource: 'thing/lamp' })
    assert.equal((await ask('POST', '/things/lamp/shadow', { body: { state: { reported: { a: 3 } } } })).status, 403)
    await deny('plain', { Action: 'iot:Publish', Resource: 'topic/devices/lamp/twin/report' })
    assert.equal((await ask('PATCH', '/v1/devices/lamp/twin/reported', { body: { a: 4 } })).body.error.code, 'POLICY_DENIED')
    assert.equal((await ask('GET', '/v1/devices/lamp/twin')).status, 200)
    await hub.devices.quarantine({ id: 'lamp' })
    assert.deepEqual((await ask('GET', '/v1/devices/lamp/twin')).body.reported, { a: 2 })
    assert.equal((await ask('GET', '/v1/devices/lamp/inbox')).status, 403, 'quarantine lets no inbox through')
  })

  it('in strict mode an Allow is wanted, of the topic or of the action', async () => {
    await hub.policies.setStrict({ strict: true })
    assert.equal((await ask('GET', '/v1/devices/lamp/twin')).status, 403)
    const Statement = [{ Effect: 'Allow', Action: ['iot:Connect', 'iot:GetThingShadow'], Resource: ['thing/lamp', 'client/*'] }]
    await hub.policies.create({ id: 'p', text: JSON.stringify({ Version: '2012-10-17', Statement }) })
    await hub.policies.attach({ policy: 'p', target: { device: 'lamp' } })
    assert.deepEqual(
      [(await ask('GET', '/things/lamp/shadow')).status, (await ask('GET', '/v1/devices/lamp/twin')).status],
      [404, 403],
    )
  })

  it('ten of a device are in work at once, the next may come again', async () => {
    const statuses = await Promise.all(
      Array.from({ length: 60 }, async (_, n) => (await ask('PATCH', '/v1/devices/lamp/twin/reported', { body: { n } })).status),
    )
    assert.ok(statuses.includes(200) && statuses.every(status => status === 200 || status === 429), String(statuses))
  })
})
