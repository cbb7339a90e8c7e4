import assert from 'node:assert/strict'
import { createPublicKey, verify } from 'node:crypto'
import { connectAsync, type IClientPublishOptions, type MqttClient } from 'mqtt'
import { propertiesOf } from '../../src/dialects/azure/bag.ts'
import type { Hub, HubEvent } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { kinds } from '../../src/journal/journal-port.ts'
import { codeOf } from '../pki/make.ts'
import { tempFolder } from '../processes.ts'
import { inHours, sasLogin, sasToken } from '../sas-token.ts'
import { until } from '../until.ts'

interface Peer {
  client: MqttClient
  heard: { topic: string; text: string; qos: number }[]
}

const patient = <T>(probe: () => T | Promise<T>) => until(probe, 30_000)

describe('commands on the wire', function () {
  this.timeout(60_000)
  let hub: Hub
  let port: number
  const clients: MqttClient[] = []
  const passwords = new Map<string, string>()
  const keys = new Map<string, string>()

  const dial = async (options: object, answer?: (peer: Peer, topic: string, text: string) => void): Promise<Peer> => {
    const heard: Peer['heard'] = []
    const client = await connectAsync(`mqtt://127.0.0.1:${port}`, { protocolVersion: 4, reconnectPeriod: 0, ...options })
    const peer = { client, heard }
    clients.push(client)
    client.on('error', () => {})
    client.on('message', (topic, payload, { qos }) => {
      heard.push({ topic, text: payload.toString(), qos })
      answer?.(peer, topic, payload.toString())
    })
    return peer
  }
  const thing = async (
    id: string,
    { clientId = id, answer }: { clientId?: string; answer?: Parameters<typeof dial>[1] } = {},
  ) => {
    if (!passwords.has(id))
      passwords.set(id, (await hub.devices.register({ id, credentials: { kind: 'password' } })).secrets!.password!)
    return dial({ clientId, username: id, password: passwords.get(id) }, answer)
  }
  const azure = async (id: string, { answer }: { answer?: Parameters<typeof dial>[1] } = {}) => {
    if (!keys.has(id)) keys.set(id, (await hub.devices.register({ id, credentials: { kind: 'sas' } })).secrets!.primaryKey!)
    return dial({ ...sasLogin(id, keys.get(id)!), clean: false }, answer)
  }
  const send = (id: string, text: string, more: object = {}) =>
    hub.commands.send({ id, message: { body: Buffer.from(text), ...more } })
  const http = (id: string, method: string, path: string, query = '') =>
    hub.deviceHttp.handle({
      request: {
        method,
        path,
        query,
        headers: path.startsWith('/v1')
          ? { authorization: `Basic ${Buffer.from(`${id}:${passwords.get(id)}`).toString('base64')}` }
          : { authorization: sasToken({ host: 'hub.test', deviceId: id, key: keys.get(id)!, expiresS: inHours(1) }) },
        body: Buffer.alloc(0),
      },
      peer: { address: '127.0.0.1', secure: true },
    })

  beforeEach(async () => {
    hub = await startHub({
      hubId: 'commands',
      dataDir: tempFolder('commands'),
      store: 'memory',
      broker: 'embedded',
      threaded: false,
      listeners: [{ kind: 'mqtt', host: '127.0.0.1', port: 0 }],
      limits: { connectsPerSecondPerAddress: 0, connectsPerSecondPerDevice: 0 },
    })
    port = (await hub.health.get({})).listeners[0]!.port
    passwords.clear()
    keys.clear()
  })
  afterEach(async () => {
    await Promise.all(clients.splice(0).map(client => client.endAsync(true)))
    await hub.close()
  })

  it('that are methods reach an Azure device, and its answer comes back whatever its form', async () => {
    const answers: Record<string, [status: string, payload: string]> = {
      blink: ['200', '{"done":3}'],
      none: ['204', ''],
      odd: ['-7', 'no json'],
    }
    const meter = await azure('meter', {
      answer({ client }, topic) {
        const [, name, rid] = /^\$iothub\/methods\/POST\/([^/]+)\/\?\$rid=(.+)$/.exec(topic)!
        const [status, payload] = answers[name!]!
        client.publish(`$iothub/methods/res/${status}/?$rid=${rid}`, payload)
      },
    })
    await meter.client.subscribeAsync('$iothub/methods/POST/#')
    const call = (method: string, payload?: unknown) => hub.commands.call({ id: 'meter', method, payload })
    assert.deepEqual(await call('blink', { times: 3 }), { status: 200, payload: { done: 3 } })
    assert.deepEqual(await call('none'), { status: 204, payload: null })
    assert.deepEqual(await call('odd'), { status: -7, payload: 'no json' })
    assert.deepEqual(
      meter.heard.map(({ text, qos }) => [text, qos]),
      [
        ['{"times":3}', 0],
        ['null', 0],
        ['null', 0],
      ],
    )
  })

  it('that are methods reach a plain device by name and number, at QoS 1', async () => {
    const fan = await thing('fan', {
      answer({ client }, topic) {
        client.publish(`${topic}/answer`, topic.includes('/spin/') ? '{"status":207,"payload":[1]}' : '{"rpm":1}', { qos: 1 })
      },
    })
    await fan.client.subscribeAsync('devices/fan/commands/#', { qos: 1 })
    assert.deepEqual(await hub.commands.call({ id: 'fan', method: 'spin', payload: { rpm: 9 } }), { status: 207, payload: [1] })
    assert.deepEqual(await hub.commands.call({ id: 'fan', method: 'stop' }), { status: 200, payload: { rpm: 1 } })
    assert.match(fan.heard[0]!.topic, /^devices\/fan\/commands\/spin\/[0-9a-f]{24}$/)
    assert.deepEqual([fan.heard[0]!.qos, fan.heard[0]!.text], [1, '{"rpm":9}'])
  })

  it('that are methods go to one connection, the newest, and wait for one if they may', async () => {
    const reply: Parameters<typeof dial>[1] = ({ client }, topic) => client.publish(`${topic}/answer`, '1')
    const fan = await thing('fan', { answer: reply })
    await patient(async () => (await hub.devices.get({ id: 'fan' })).connection.connected)
    await assert.rejects(hub.commands.call({ id: 'fan', method: 'm' }), codeOf('COMMAND_UNSUPPORTED'))
    const waiting = hub.commands.call({ id: 'fan', method: 'm', connectTimeoutMs: 60_000 })
    await fan.client.subscribeAsync('devices/fan/commands/+/+')
    assert.equal((await waiting).payload, 1)
    const newer = await thing('fan', { clientId: 'fan-2', answer: reply })
    await newer.client.subscribeAsync('devices/fan/commands/m/+')
    await hub.commands.call({ id: 'fan', method: 'm' })
    await hub.commands.call({ id: 'fan', method: 'other' })
    assert.deepEqual([fan.heard.length, newer.heard.length], [2, 1], 'the newer one does not listen for the other')
  })

  it('that are methods take no answer that is too large or too late', async () => {
    const fan = await thing('fan', {
      answer({ client }, topic) {
        client.publish(`${topic}/answer`, `"${'x'.repeat(131_072)}"`, { qos: 1 })
        client.publish(`${topic}/answer`, '1', { qos: 1 })
      },
    })
    await fan.client.subscribeAsync('devices/fan/commands/#', { qos: 1 })
    await assert.rejects(hub.commands.call({ id: 'fan', method: 'm' }), codeOf('COMMAND_TOO_LARGE'))
    await patient(async () => /^thingloom_method_answers_late_total\{.*\} 1$/m.test((await hub.health.metrics({})).text))
  })

  it('that are methods of a device that is away fail at once, or tell who can wake it, with a token it can verify', async () => {
    await thing('sleeper').then(({ client }) => client.endAsync())
    const events: HubEvent[] = []
    hub.subscribe(event => events.push(event))
    await patient(async () => !(await hub.devices.get({ id: 'sleeper' })).connection.connected)
    await assert.rejects(hub.commands.call({ id: 'sleeper', method: 'm' }), codeOf('COMMAND_DEVICE_OFFLINE'))
    assert.equal(events.filter(event => event.type === 'wake').length, 0, 'nobody waits')
    await assert.rejects(hub.commands.call({ id: 'sleeper', method: 'm', connectTimeoutMs: 1 }), codeOf('COMMAND_DEVICE_OFFLINE'))
    await assert.rejects(hub.commands.call({ id: 'sleeper', method: 'm', connectTimeoutMs: 1 }), codeOf('COMMAND_DEVICE_OFFLINE'))
    const wakes = events.filter(event => event.type === 'wake')
    assert.deepEqual(
      wakes.map(({ device, method }) => [device, method]),
      [['sleeper', 'm']],
      'once a minute',
    )
    const answer = await hub.deviceHttp.handle({
      request: { method: 'GET', path: '/v1/bootstrap', query: '', headers: {}, body: Buffer.alloc(0) },
      peer: { address: '127.0.0.1', secure: true },
    })
    const key = createPublicKey({ key: JSON.parse(answer.body).wakeKey, format: 'jwk' })
    const [header, claims, signature] = wakes[0]!.token.split('.')
    const right = (text: string) =>
      verify('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature!, 'base64url'))
    assert.ok(right(`${header}.${claims}`))
    const said = JSON.parse(Buffer.from(claims!, 'base64url').toString())
    const other = Buffer.from(JSON.stringify({ ...said, d: 'another' })).toString('base64url')
    assert.equal(right(`${header}.${other}`), false)
    assert.deepEqual([said.d, said.exp > Date.now() / 1000, said.n.length], ['sleeper', true, 24])
  })

  it('that are messages come to an Azure device in order, with every property as it was', async () => {
    const meter = await azure('meter')
    const odd = { 'a=b&c/d#+?% ': 'x=1&y/2 #+?%ü', empty: '', $: '$.mid' }
    await send('meter', 'first', {
      id: 'm#1',
      properties: odd,
      contentType: 'text/plain',
      contentEncoding: 'utf-8',
      correlationId: 'c/1',
      ack: 'full',
    })
    await meter.client.subscribeAsync('devices/meter/messages/devicebound/#', { qos: 1 })
    for (let i = 0; i < 30; i++) await send('meter', `n${i}`)
    await patient(() => meter.heard.length === 31)
    assert.deepEqual(
      meter.heard.map(({ text }) => text),
      ['first', ...Array.from({ length: 30 }, (_, i) => `n${i}`)],
    )
    const [first] = meter.heard
    const prefix = 'devices/meter/messages/devicebound/'
    assert.ok(first!.topic.startsWith(prefix))
    assert.equal(first!.qos, 1)
    const bag = first!.topic.slice(prefix.length)
    for (const part of bag.split('&')) assert.match(part, /^[^=&/#+? ]+=[^=&/#+? ]*$/)
    const { properties, system } = propertiesOf(bag)
    const { '$.exp': expires, ...others } = system
    assert.deepEqual(properties, { ...odd, 'iothub-ack': 'full' })
    assert.deepEqual(others, {
      '$.mid': 'm#1',
      '$.cid': 'c/1',
      '$.to': '/devices/meter/messages/deviceBound',
      '$.ct': 'text/plain',
      '$.ce': 'utf-8',
    })
    assert.ok(Date.parse(expires!) > Date.now())
    await patient(async () => (await hub.commands.inbox({ id: 'meter' })).items.length === 0)
    const { items } = await hub.commands.history({ id: 'meter', limit: 100 })
    assert.deepEqual([items.length, new Set(items.map(({ outcome }) => outcome))], [31, new Set(['completed'])])
    const feedback = await patient(async () => {
      const records = await hub.journal.read({ from: 1, limit: 1000 })
      return records.find(({ kind }) => kind === kinds.feedback)
    })
    const told = JSON.parse(Buffer.from(feedback.payload).toString())
    assert.deepEqual([told.messageId, told.statusCode], ['m#1', 'Success'])
  })

  it('that are messages come to a plain device by their ids, bytes as they are', async () => {
    const fan = await thing('fan')
    await send('fan', 'x', { id: 'a+b#c', contentType: 'text/plain', properties: { k: 'v/ü' } })
    await fan.client.subscribeAsync('devices/fan/inbox/#', { qos: 1 })
    await send('fan', 'y', { id: 'second' })
    await patient(() => fan.heard.length === 2)
    assert.deepEqual(
      fan.heard.map(({ topic, text, qos }) => [topic, text, qos]),
      [
        ['devices/fan/inbox/a%2Bb%23c/?k=v%2F%C3%BC&ct=text%2Fplain', 'x', 1],
        ['devices/fan/inbox/second', 'y', 1],
      ],
    )
  })

  it('that are messages and were not acknowledged come again first, under the same id', async () => {
    const first = await azure('meter')
    // A client that never acknowledges
    first.client.handleMessage = (_packet, _callback) => {}
    await first.client.subscribeAsync('devices/meter/messages/devicebound/#', { qos: 1 })
    for (let i = 0; i < 20; i++) await send('meter', `n${i}`, { id: `id${i}` })
    await patient(async () => (await hub.commands.inbox({ id: 'meter' })).items.filter(({ held }) => held).length === 16)
    await first.client.endAsync(true)
    await patient(async () => (await hub.commands.inbox({ id: 'meter' })).items.every(({ held }) => !held))
    const again = await azure('meter')
    await patient(() => again.heard.length === 20)
    assert.deepEqual(
      again.heard.map(({ topic, text }) => [propertiesOf(topic.split('/').at(-1)!).system['$.mid'], text]),
      Array.from({ length: 20 }, (_, i) => [`id${i}`, `n${i}`]),
    )
    await patient(async () => (await hub.commands.inbox({ id: 'meter' })).items.length === 0)
    const { items } = await hub.commands.history({ id: 'meter', limit: 100 })
    assert.ok(items.every(({ outcome }) => outcome === 'completed'))
  })

  it('that are messages are taken over HTTPS one by one, and completed, given back or refused by their lock', async () => {
    await azure('meter').then(({ client }) => client.endAsync())
    const path = '/devices/meter/messages/devicebound'
    assert.equal((await http('meter', 'GET', path)).status, 204)
    await send('meter', 'one', { id: 'm1', ack: 'full', contentType: 'text/plain', properties: { k: 'ü' } })
    await send('meter', 'two', { id: 'm2' })
    const got = await http('meter', 'GET', path.toUpperCase().replace('METER', 'meter'), 'api-version=2021-04-12')
    assert.deepEqual(
      [got.status, Buffer.from(got.bytes!).toString(), got.headers['iothub-messageid'], got.headers['iothub-app-k']],
      [200, 'one', 'm1', '%C3%BC'],
    )
    const etag = got.headers.etag!
    assert.match(etag, /^"[0-9a-f]{32}"$/)
    const lock = etag.slice(1, -1)
    assert.equal((await http('meter', 'POST', `${path}/${lock}/abandon`)).status, 204)
    const lost = await http('meter', 'DELETE', `${path}/${lock}`)
    assert.deepEqual([lost.status, JSON.parse(lost.body).errorCode], [412, 412002])
    const back = await http('meter', 'GET', path)
    assert.deepEqual([back.headers['iothub-messageid'], back.headers['iothub-deliverycount']], ['m1', '1'])
    assert.equal((await http('meter', 'DELETE', `${path}/${encodeURIComponent(back.headers.etag!)}`)).status, 204)
    const second = await http('meter', 'GET', path)
    assert.equal((await http('meter', 'DELETE', `${path}/${second.headers.etag!.slice(1, -1)}`, 'reject&x=1')).status, 204)
    const { items } = await hub.commands.history({ id: 'meter' })
    assert.deepEqual(items.map(({ outcome }) => outcome).toSorted(), ['completed', 'rejected'])
  })

  it('that are messages are waited for by our own path, and settled by their ids', async () => {
    await thing('fan').then(({ client }) => client.endAsync())
    const path = '/v1/devices/fan/inbox'
    assert.deepEqual(JSON.parse((await http('fan', 'GET', path)).body), [])
    const waiting = http('fan', 'GET', path, 'wait=60&max=5')
    await send('fan', 'late', { id: 'm1', properties: { k: 'v' } })
    const [message] = JSON.parse((await waiting).body)
    assert.deepEqual(
      [message.id, message.seq, Buffer.from(message.body, 'base64').toString(), message.properties, 'lock' in message],
      ['m1', 1, 'late', { k: 'v' }, false],
    )
    assert.equal((await http('fan', 'POST', `${path}/m1/abandon`)).status, 204)
    assert.equal(JSON.parse((await http('fan', 'GET', path)).body)[0].deliveries, 1)
    assert.equal((await http('fan', 'POST', `${path}/m1/complete`)).status, 204)
    assert.equal((await http('fan', 'POST', `${path}/m1/complete`)).status, 412)
    assert.equal((await http('fan', 'POST', `${path}/m1/eat`)).status, 412)
    assert.equal((await http('fan', 'GET', path, 'max=51')).status, 400)
    assert.equal((await http('fan', 'GET', path, 'wait=-1')).status, 400)
  })

  it('reach no quarantined device until it is released, and none that is gone', async () => {
    const fan = await thing('fan')
    await fan.client.subscribeAsync('devices/fan/#', { qos: 1 })
    await hub.devices.quarantine({ id: 'fan' })
    await assert.rejects(send('fan', 'x'), codeOf('DEVICE_QUARANTINED'))
    await assert.rejects(hub.commands.call({ id: 'fan', method: 'm' }), codeOf('DEVICE_QUARANTINED'))
    await hub.devices.release({ id: 'fan' })
    await send('fan', 'after')
    await patient(() => fan.heard.some(({ text }) => text === 'after'))
    await fan.client.endAsync()
    await send('fan', 'kept', { ack: 'full' })
    await hub.devices.retire({ id: 'fan' })
    await assert.rejects(send('fan', 'x'), codeOf('IDENTITY_RETIRED'))
    assert.deepEqual((await hub.commands.inbox({ id: 'fan' })).items, [])
    assert.ok((await hub.commands.history({ id: 'fan' })).items.some(({ outcome }) => outcome === 'purged'))
    await hub.devices.delete({ id: 'fan' })
    passwords.delete('fan')
    await thing('fan')
    assert.equal((await send('fan', 'new')).seq, 1, 'another device of the name')
  })

  it('are nobody else’s', async () => {
    const fan = await thing('fan')
    const spy = await thing('spy')
    const spyAzure = await azure('spy-a')
    for (const filter of ['devices/fan/inbox/#', 'devices/+/commands/#', 'devices/fan/messages/devicebound/#'])
      for (const { client } of [spy, spyAzure]) {
        const [granted] = await client.subscribeAsync(filter).catch(() => [{ qos: 128 }])
        assert.equal(granted!.qos, 128, filter)
      }
    await spyAzure.client.subscribeAsync(['$iothub/methods/POST/#', 'devices/spy-a/messages/devicebound/#'])
    await fan.client.subscribeAsync(['devices/fan/inbox/#', 'devices/fan/commands/#'], { qos: 1 })
    await send('fan', 'secret')
    const called = hub.commands.call({ id: 'fan', method: 'm' })
    await patient(() => fan.heard.length === 2)
    const { topic } = fan.heard.find(({ topic }) => topic.includes('/commands/'))!
    const rid = topic.split('/').at(-1)!
    const forge = { qos: 1 } satisfies IClientPublishOptions
    await spy.client.publishAsync(`devices/spy/commands/m/${rid}/answer`, '"forged"', forge)
    await spy.client.publishAsync(`devices/fan/commands/m/${rid}/answer`, '"forged"', forge)
    await spyAzure.client.publishAsync(`$iothub/methods/res/200/?$rid=${rid}`, '"forged"', forge)
    await fan.client.publishAsync(`${topic}/answer`, '"mine"', forge)
    assert.deepEqual(await called, { status: 200, payload: 'mine' })
    assert.deepEqual([spy.heard, spyAzure.heard], [[], []])
  })
})
