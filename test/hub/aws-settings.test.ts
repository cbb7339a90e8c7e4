import assert from 'node:assert/strict'
import { connectAsync, type MqttClient } from 'mqtt'
import type { Hub } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { codeOf } from '../pki/make.ts'
import { tempFolder } from '../processes.ts'
import { sasLogin } from '../sas-token.ts'
import { until } from '../until.ts'

const patient = <T>(probe: () => T | Promise<T>) => until(probe, 30_000)

describe('a hub with topics of methods and a main shadow of its own', function () {
  this.timeout(60_000)
  let hub: Hub
  let port: number
  const clients: MqttClient[] = []
  const passwords = new Map<string, string>()

  const dial = async (options: object) => {
    const heard: { topic: string; body: any }[] = []
    const client = await connectAsync(`mqtt://127.0.0.1:${port}`, { protocolVersion: 4, reconnectPeriod: 0, ...options })
    clients.push(client)
    client.on('error', () => {})
    client.on('message', (topic, payload) => heard.push({ topic, body: payload.length ? JSON.parse(payload.toString()) : '' }))
    return { client, heard }
  }
  const thing = async (id: string) => {
    if (!passwords.has(id))
      passwords.set(id, (await hub.devices.register({ id, credentials: { kind: 'password' } })).secrets!.password!)
    return dial({ clientId: id, username: id, password: passwords.get(id) })
  }
  const call = (id: string, more: object = {}) => hub.commands.call({ id, method: 'blink', payload: { n: 1 }, ...more })

  before(async () => {
    hub = await startHub({
      hubId: 'aws-settings',
      dataDir: tempFolder('aws-settings'),
      store: 'memory',
      broker: 'embedded',
      threaded: false,
      listeners: [{ kind: 'mqtt', host: '127.0.0.1', port: 0 }],
      limits: { connectsPerSecondPerAddress: 0, connectsPerSecondPerDevice: 0 },
      commandTopic: 'cmd/{id}/{name}/{rid}',
      mainShadow: 'state',
    })
    port = (await hub.health.get({})).listeners[0]!.port
  })
  afterEach(() => Promise.all(clients.splice(0).map(client => client.endAsync(true))))
  after(() => hub.close())

  it('calls a thing where it listens, under its default policy, and takes its answer there', async () => {
    const lamp = await thing('lamp')
    const [granted] = await lamp.client.subscribeAsync('cmd/lamp/#', { qos: 1 })
    assert.equal(granted!.qos, 1)
    const answered = call('lamp')
    await patient(() => lamp.heard.length)
    const { topic, body } = lamp.heard[0]!
    assert.match(topic, /^cmd\/lamp\/blink\/[A-Za-z0-9]+$/)
    assert.deepEqual(body, { n: 1 })
    await lamp.client.publishAsync(`${topic}/answer`, '{"status":207,"payload":{"done":true}}', { qos: 1 })
    assert.deepEqual(await answered, { status: 207, payload: { done: true } })
    assert.equal(lamp.heard.length, 1, 'an answer goes to nobody else, not even back')
    await lamp.client.unsubscribeAsync('cmd/lamp/#')
    await assert.rejects(call('lamp'), codeOf('COMMAND_UNSUPPORTED'))
  })

  it('calls others where they listen, as without that setting', async () => {
    const fan = await thing('fan')
    await fan.client.subscribeAsync('devices/fan/commands/+/+')
    const answered = call('fan')
    await patient(() => fan.heard.length)
    await fan.client.publishAsync(`${fan.heard[0]!.topic}/answer`, '{"rpm":3}')
    assert.deepEqual(await answered, { status: 200, payload: { rpm: 3 } })
    const { secrets } = await hub.devices.register({ id: 'meter', credentials: { kind: 'sas' } })
    const meter = await dial({ ...sasLogin('meter', secrets!.primaryKey!), clean: false })
    await meter.client.subscribeAsync('$iothub/methods/POST/#')
    const azure = call('meter')
    await patient(() => meter.heard.length)
    await meter.client.publishAsync(meter.heard[0]!.topic.replace('POST/blink', 'res/200'), '1')
    assert.deepEqual(await azure, { status: 200, payload: 1 })
  })

  it('neither calls of a device nor its answers are another one’s', async () => {
    const pump = await thing('pump')
    const spy = await thing('spy')
    await pump.client.subscribeAsync('cmd/pump/+/+')
    for (const filter of ['cmd/pump/#', 'cmd/+/+/+', 'cmd/#', '+/pump/#']) {
      const [granted] = await spy.client.subscribeAsync(filter).catch(() => [{ qos: 128 }])
      assert.equal(granted!.qos, 128, filter)
    }
    await spy.client.subscribeAsync('cmd/spy/#')
    const answered = call('pump')
    await patient(() => pump.heard.length)
    const { topic } = pump.heard[0]!
    await spy.client.publishAsync(`${topic}/answer`, '"forged"', { qos: 1 })
    await spy.client.publishAsync(`${topic.replace('/pump/', '/spy/')}/answer`, '"forged"', { qos: 1 })
    await spy.client.publishAsync(topic, '"forged"', { qos: 1 })
    await pump.client.publishAsync(`${topic}/answer`, '"own"', { qos: 1 })
    assert.deepEqual(await answered, { status: 200, payload: 'own' })
    assert.deepEqual([pump.heard.length, spy.heard.length], [1, 0])
  })

  it('has the main twin as the named shadow of that name, and the classic shadow beside it', async () => {
    const unit = await thing('unit')
    const shadow = '$aws/things/unit/shadow'
    await unit.client.subscribeAsync(`${shadow}/#`)
    const said = (topic: string) => patient(() => unit.heard.find(one => one.topic === `${shadow}/${topic}`)?.body)
    await hub.twins.patch({ id: 'unit', desired: { on: true } })
    assert.deepEqual((await said('name/state/update/delta')).state, { on: true })
    await unit.client.publishAsync(`${shadow}/get`, '')
    assert.equal((await said('get/rejected')).code, 404)
    await unit.client.publishAsync(`${shadow}/name/state/update`, '{"state":{"reported":{"on":true}}}', { qos: 1 })
    await said('name/state/update/accepted')
    await patient(async () => (await hub.twins.get({ id: 'unit' })).reported.on === true)
    await unit.client.publishAsync(`${shadow}/update`, '{"state":{"reported":{"classic":1}}}', { qos: 1 })
    assert.deepEqual((await said('update/accepted')).state, { reported: { classic: 1 } })
    await unit.client.publishAsync(`${shadow}/get`, '')
    assert.deepEqual((await said('get/accepted')).state, { reported: { classic: 1 } })
    assert.deepEqual((await hub.twins.get({ id: 'unit' })).reported, { on: true })
    await unit.client.publishAsync(`${shadow}/name/state/delete`, '')
    await said('name/state/delete/accepted')
    assert.deepEqual((await hub.twins.get({ id: 'unit' })).desired, {})
    const names = await hub.deviceHttp.handle({
      request: {
        method: 'GET',
        path: '/api/things/shadow/ListNamedShadowsForThing/unit',
        query: '',
        headers: { authorization: `Basic ${Buffer.from(`unit:${passwords.get('unit')}`).toString('base64')}` },
        body: Buffer.alloc(0),
      },
      peer: { address: '127.0.0.1', secure: true },
    })
    assert.deepEqual(
      JSON.parse(Buffer.from(names.body!).toString()).results,
      [],
      'the classic one has no name, the other is deleted',
    )
  })
})
