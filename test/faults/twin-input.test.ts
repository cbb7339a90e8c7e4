import assert from 'node:assert/strict'
import { connectAsync, type MqttClient } from 'mqtt'
import { sasLogin } from '../sas-token.ts'
import { until } from '../until.ts'
import { endAll, type LiveHub, liveHub } from './live-hub.ts'

const waitMs = 60_000
const nested = (levels: number): string => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`
const bytes = (text: string) => Buffer.from(text)

/** Patches of reported that are none, or are too much; what each dialect says of them: `kind` of the fault. */
const patches: [what: string, patch: Buffer, kind: 'invalid' | 'limit' | 'taken'][] = [
  ['nothing', bytes(''), 'invalid'],
  ['broken JSON', bytes('{"a":'), 'invalid'],
  ['a list', bytes('[1]'), 'invalid'],
  ['a text', bytes('"a"'), 'invalid'],
  ['two documents', bytes('{}{}'), 'invalid'],
  ['a comment', bytes('{"a":1/**/}'), 'invalid'],
  ['a key twice', bytes('{"a":1,"a":2}'), 'invalid'],
  ['a key twice by escapes', bytes('{"a":1,"\\u0061":2}'), 'invalid'],
  ['100 levels', bytes(nested(100)), 'limit'],
  ['50,000 levels', bytes('['.repeat(50_000)), 'limit'],
  ['__proto__', bytes('{"__proto__":{"polluted":true}}'), 'invalid'],
  ['constructor', bytes('{"constructor":{"prototype":{"polluted":true}}}'), 'taken'],
  ['a number too large', bytes('{"a":1e999}'), 'invalid'],
  ['half of a surrogate pair', bytes('{"a":"\\ud800"}'), 'invalid'],
  ['such a key', bytes('{"\\udfff":1}'), 'invalid'],
  ['no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 'invalid'],
  ['a control character in a key', bytes('{"a\\u0000b":1}'), 'invalid'],
  ['a key with $', bytes('{"$a":1}'), 'invalid'],
  ['more than a section holds', bytes(JSON.stringify({ a: Array(20).fill('x'.repeat(2000)) })), 'limit'],
  ['an integer of 400 digits', bytes(`{"a":${'9'.repeat(400)}}`), 'invalid'],
]

describe('twins and what is no twin', function () {
  this.timeout(180_000)
  let live: LiveHub
  let client: MqttClient | undefined
  const heard: [topic: string, body: string][] = []

  beforeEach(async () => {
    live = await liveHub({ store: 'memory' })
    heard.length = 0
  })
  afterEach(async () => {
    await client?.endAsync(true).catch(() => {})
    await endAll()
  })
  const dial = async (fields: object): Promise<MqttClient> => {
    client = await connectAsync(`mqtt://127.0.0.1:${await live.port('mqtt')}`, {
      ...fields,
      protocolVersion: 4,
      reconnectPeriod: 0,
    })
    client.on('error', () => {})
    client.on('message', (topic, payload) => heard.push([topic, payload.toString()]))
    return client
  }
  const answer = async (end: string, within = ''): Promise<{ topic: string; body: any }> => {
    const [topic, text] = await until(() => heard.find(([name, body]) => name.includes(end) && body.includes(within)), waitMs)
    heard.length = 0
    return { topic, body: text ? JSON.parse(text) : undefined }
  }
  const unharmed = async (id: string, taken: boolean): Promise<void> => {
    const { reported } = await live.hub.twins.get({ id })
    assert.deepEqual(Object.keys(reported), taken ? ['constructor'] : [])
    assert.equal(({} as { polluted?: unknown }).polluted, undefined)
    if (taken) await live.hub.twins.report({ id, reported: null })
  }

  it('of plain devices: each is answered with its status, and changes nothing', async () => {
    const { password } = await live.register('lamp', { kind: 'password' })
    const lamp = await dial({ clientId: 'lamp', username: 'lamp', password })
    await lamp.subscribeAsync('devices/lamp/twin/answer/#', { qos: 1 })
    const statuses = { invalid: [400, 'TWIN_INVALID'], limit: [413, 'TWIN_LIMIT'], taken: [200, undefined] }
    for (const [at, [what, patch, kind]] of patches.entries()) {
      await lamp.publishAsync(`devices/lamp/twin/report/?rid=p${at}`, patch, { qos: 1 })
      const { body } = await answer(`answer/p${at}`)
      assert.deepEqual([body.status, body.code], statuses[kind], what)
      await unharmed('lamp', kind === 'taken')
    }
    for (const version of ['x', '-1', '1.5', '9'.repeat(30), '%00', '']) {
      await lamp.publishAsync(`devices/lamp/twin/report/?rid=v&version=${version}`, '{"a":1}', { qos: 1 })
      assert.equal((await answer('answer/v')).body.status, 400, version)
    }
    await live.serves()
  })

  it('of Azure: each is answered with an error code, and changes nothing', async () => {
    const { primaryKey } = await live.register('meter')
    const meter = await dial({ ...sasLogin('meter', primaryKey!), clean: true })
    await meter.subscribeAsync('$iothub/twin/res/#')
    for (const [at, [what, patch, kind]] of patches.entries()) {
      // its versions may stand at the root
      if (what === 'a key with $') continue
      await meter.publishAsync(`$iothub/twin/PATCH/properties/reported/?$rid=p${at}`, patch, { qos: 1 })
      const { topic, body } = await answer(`$rid=p${at}`)
      const [, status] = /res\/(\d+)\//.exec(topic)!
      assert.equal(status, { invalid: '400', limit: '413', taken: '204' }[kind], `${what}: ${JSON.stringify(body)}`)
      assert.ok(kind === 'taken' ? body === undefined : body.errorCode > 0 && typeof body.trackingId === 'string', what)
      await unharmed('meter', kind === 'taken')
    }
    for (const version of ['x', '-1', '1.5', '9'.repeat(30)]) {
      await meter.publishAsync(`$iothub/twin/PATCH/properties/reported/?$rid=v&$version=${version}`, '{"a":1}', { qos: 1 })
      const { topic, body } = await answer('$rid=v')
      assert.ok(topic.startsWith('$iothub/twin/res/400/') && body.errorCode > 0, version)
    }
    await live.serves()
  })

  it('of AWS: each is rejected with its code and the token, also where the JSON is broken', async () => {
    const { password } = await live.register('fan', { kind: 'password' })
    const fan = await dial({ clientId: 'fan', username: 'fan', password })
    const base = '$aws/things/fan/shadow/update'
    await fan.subscribeAsync([`${base}/accepted`, `${base}/rejected`], { qos: 1 })
    /** Changes of others are told too, without a token. */
    const send = async (payload: Buffer, end = 'update/', token = '') => {
      await fan.publishAsync(base, payload, { qos: 1 })
      return answer(end, token && `"clientToken":"${token}"`)
    }
    for (const [at, [what, patch, kind]] of patches.entries()) {
      const payload = Buffer.concat([bytes(`{"clientToken":"p${at}","state":{"reported":`), patch, bytes('}}')])
      const { topic, body } = await send(payload, 'update/', `p${at}`)
      const taken = topic.endsWith('accepted')
      // levels are a bad request there
      const codes = kind === 'limit' && what.includes('levels') ? [400] : kind === 'limit' ? [413] : [400, 415]
      assert.equal(taken, kind === 'taken', `${what}: ${JSON.stringify(body)}`)
      if (!taken) assert.ok(codes.includes(body.code) && typeof body.message === 'string', `${what}: ${JSON.stringify(body)}`)
      assert.equal(body.clientToken, `p${at}`, what)
      await unharmed('fan', taken)
    }
    for (const version of ['"1"', '-1', '1.5', '1e999', 'true', '9007199254740993', '[1]']) {
      const { body } = await send(
        bytes(`{"state":{"reported":{"a":1}},"version":${version},"clientToken":"v"}`),
        'update/rejected',
      )
      assert.ok([400, 409].includes(body.code), `${version}: ${JSON.stringify(body)}`)
    }
    for (const token of ['7', `"${'x'.repeat(65)}"`, '{}']) {
      const { body } = await send(bytes(`{"state":{"reported":{"a":1}},"clientToken":${token}}`), 'update/rejected')
      assert.deepEqual([body.code, body.message, body.clientToken], [400, 'Invalid clientToken', undefined])
    }
    await unharmed('fan', false)
    await live.serves()
  })

  it('a patch of a megabyte ends the connection, and nothing else', async () => {
    const { password } = await live.register('big', { kind: 'password' })
    const big = await dial({ clientId: 'big', username: 'big', password })
    const closed = new Promise<void>(resolve => big.once('close', resolve))
    big.publish('devices/big/twin/report/?rid=1', `{"a":"${'x'.repeat(1_048_576)}"}`, { qos: 1 }, () => {})
    await closed
    assert.deepEqual((await live.hub.twins.get({ id: 'big' })).reported, {})
    await live.serves()
  })
})
