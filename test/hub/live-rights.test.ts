import assert from 'node:assert/strict'
import { connectAsync, type MqttClient } from 'mqtt'
import type { Hub } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { kinds } from '../../src/journal/journal-port.ts'
import { tempFolder } from '../processes.ts'
import { inHours, sasToken } from '../sas-token.ts'
import { until } from '../until.ts'

const policy = (...Statement: object[]) => JSON.stringify({ Version: '2012-10-17', Statement })
const allow = (Action: string, Resource: string | string[]) => ({ Effect: 'Allow', Action, Resource })
const deny = (Action: string, Resource: string) => ({ Effect: 'Deny', Action, Resource })

describe('rights of live sessions', function () {
  this.timeout(30_000)
  let hub: Hub
  let port: number
  let pump: MqttClient
  let heard: string[]
  const clients: MqttClient[] = []

  const connect = async (username: string, password: string, clientId = username) => {
    const client = await connectAsync(`mqtt://127.0.0.1:${port}`, {
      clientId,
      username,
      password,
      protocolVersion: 4,
      reconnectPeriod: 0,
    })
    clients.push(client)
    client.on('error', () => {})
    return client
  }
  const register = async (id: string) =>
    (await hub.devices.register({ id, credentials: { kind: 'password' } })).secrets!.password!
  const topics = async (kind: number = kinds.message) =>
    (await hub.journal.read({ from: 1, limit: 1000 })).filter(record => record.kind === kind).map(({ topic }) => topic)
  const tries = async (topic: string, client = pump) => {
    const before = (await topics()).length
    await client.publishAsync(topic, '{"a":1}', { qos: 1 })
    return (await topics()).length > before
  }

  beforeEach(async () => {
    hub = await startHub({
      hubId: 'rights',
      dataDir: tempFolder('rights'),
      store: 'memory',
      broker: 'embedded',
      threaded: false,
      listeners: [{ kind: 'mqtt', host: '127.0.0.1', port: 0 }],
      limits: { connectsPerSecondPerAddress: 0, connectsPerSecondPerDevice: 0 },
    })
    port = (await hub.health.get({})).listeners[0]!.port
    heard = []
    pump = await connect('pump', await register('pump'))
    pump.on('message', (topic, payload) => heard.push(`${topic} ${payload}`))
  })
  afterEach(async () => {
    await Promise.all(clients.splice(0).map(client => client.endAsync(true)))
    await hub.close()
  })

  it('a policy of its certificate is free again once the device is gone', async () => {
    const { secrets } = await hub.devices.register({ id: 'valve', credentials: { kind: 'x509' } })
    const { credentials } = await hub.devices.get({ id: 'valve' })
    const certificate = credentials.find(({ cid }) => cid === secrets!.cid)!.fingerprint!
    await hub.policies.create({ id: 'own', text: policy(allow('iot:Publish', 'topic/a')) })
    await hub.policies.attach({ policy: 'own', target: { certificate } })
    await assert.rejects(hub.policies.delete({ id: 'own' }), { code: 'POLICY_ATTACHED' })
    await hub.devices.delete({ id: 'valve' })
    await hub.policies.delete({ id: 'own' })
  })

  it('a policy of its group lets it publish, until the device leaves the group', async () => {
    await hub.policies.create({ id: 'line', text: policy(allow('iot:Publish', 'topic/line/7/*')) })
    await hub.groups.create({ id: 'plant' })
    await hub.policies.attach({ policy: 'line', target: { group: 'plant' } })
    assert.equal(await tries('line/7/a'), false)
    await hub.groups.add({ group: 'plant', devices: ['pump'] })
    await until(() => tries('line/7/a'))
    assert.equal(await tries('line/8/a'), false)
    await hub.groups.remove({ group: 'plant', devices: ['pump'] })
    await until(async () => !(await tries('line/7/a')))
    assert.ok(pump.connected, 'a refused publish closes nothing')
  })

  it('a Deny takes away what the table grants, and no bag of properties gets around it', async () => {
    assert.equal(await tries('devices/pump/telemetry'), true)
    await hub.policies.create({ id: 'quiet', text: policy(deny('iot:Publish', 'topic/devices/pump/telemetry')) })
    await hub.policies.attach({ policy: 'quiet', target: { device: 'pump' } })
    await until(async () => !(await tries('devices/pump/telemetry')))
    assert.equal(await tries('devices/pump/telemetry/?a=b'), false)
    assert.equal(await tries('devices/pump/telemetry/?'), false)
    assert.equal(await tries('devices/pump/telemetry/fast'), true)
    await hub.policies.update({ id: 'quiet', text: policy(deny('iot:Publish', 'topic/none')) })
    await until(() => tries('devices/pump/telemetry'))
  })

  it('a Deny on the telemetry of Azure counts as its devices write the topic, an Allow by the topic alone', async () => {
    const { secrets } = await hub.devices.register({ id: 'az', credentials: { kind: 'sas' } })
    const password = sasToken({ host: '127.0.0.1', deviceId: 'az', key: secrets!.primaryKey!, expiresS: inHours(1) })
    const az = await connect('127.0.0.1/az/?api-version=2021-04-12', password, 'az')
    const forms = ['', '/', '/k=v', '/k=v/'].map(end => `devices/az/messages/events${end}`)
    const accepted = async () => {
      const before = (await topics()).length
      for (const form of forms) await az.publishAsync(form, '{"a":1}', { qos: 1 })
      return (await topics()).length - before
    }
    assert.equal(await accepted(), 4)
    await hub.policies.create({ id: 'mute', text: policy(deny('iot:Publish', 'topic/none')) })
    await hub.policies.attach({ policy: 'mute', target: { device: 'az' } })
    for (const end of ['', '/', '/*']) {
      await hub.policies.update({ id: 'mute', text: policy(deny('iot:Publish', `topic/devices/az/messages/events${end}`)) })
      await until(async () => (await accepted()) === 0)
      await hub.policies.update({ id: 'mute', text: policy(deny('iot:Publish', 'topic/none')) })
      await until(async () => (await accepted()) === 4)
    }
    await hub.policies.update({ id: 'mute', text: policy(deny('iot:Publish', 'topic/devices/az/messages/events/k=*')) })
    await until(async () => (await accepted()) === 2)
  })

  it('subscriptions that are no longer allowed end, and what comes to them is not delivered', async () => {
    await hub.policies.create({
      id: 'talk',
      text: policy(
        allow('iot:Publish', 'topic/hall/*'),
        allow('iot:Subscribe', 'topicfilter/hall/1/+'),
        allow('iot:Receive', 'topic/hall/*'),
      ),
    })
    for (const device of ['pump', 'fan']) {
      if (device === 'fan') await register(device)
      await hub.policies.attach({ policy: 'talk', target: { device } })
    }
    const { secrets } = await hub.devices.register({ id: 'lamp', credentials: { kind: 'password' } })
    await hub.policies.attach({ policy: 'talk', target: { device: 'lamp' } })
    const lamp = await connect('lamp', secrets!.password!)
    await until(async () => {
      const [granted] = await pump.subscribeAsync('hall/1/+', { qos: 1 }).catch(() => [undefined])
      return granted?.qos === 1
    })
    await until(async () => {
      await lamp.publishAsync('hall/1/a', 'one', { qos: 1 })
      return heard.includes('hall/1/a one')
    })
    await hub.policies.detach({ policy: 'talk', target: { device: 'pump' } })
    await until(async () => {
      const before = heard.length
      await lamp.publishAsync('hall/1/a', 'two', { qos: 1 })
      await lamp.publishAsync('hall/1/b', 'two', { qos: 0 })
      await pump.publishAsync('devices/pump/telemetry', '{}', { qos: 1 })
      return heard.length === before
    })
    await assert.rejects(pump.subscribeAsync('hall/1/+', { qos: 1 }))
  })

  it('who may not connect any more is closed, and stays outside', async () => {
    const closed = new Promise<void>(resolve => pump.once('close', () => resolve()))
    await hub.policies.create({ id: 'out', text: policy(deny('iot:Connect', '*')) })
    await hub.policies.attach({ policy: 'out', target: { device: 'pump' } })
    await closed
    const { password } = await hub.identity.addCredential({ id: 'pump', credential: { kind: 'password' } })
    await assert.rejects(connect('pump', password!))
  })

  it('attributes in a policy count as they are now', async () => {
    await hub.policies.create({
      id: 'attr',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a policy variable
      text: policy(allow('iot:Publish', 'topic/line/${iot:Connection.Thing.Attributes[line]}')),
    })
    await hub.policies.attach({ policy: 'attr', target: { device: 'pump' } })
    assert.equal(await tries('line/7'), false)
    await hub.devices.update({ id: 'pump', attributes: { line: '7' } })
    await until(() => tries('line/7'))
    await hub.devices.update({ id: 'pump', attributes: { line: '#' } })
    await until(async () => !(await tries('line/7')))
  })

  it('quarantine diverts telemetry of the live session at once, and release brings it back', async () => {
    await hub.devices.quarantine({ id: 'pump', reason: 'odd' })
    await pump.publishAsync('devices/pump/telemetry', '{"a":1}', { qos: 1 })
    await pump.publishAsync('dt/pump/x', '{"a":1}', { qos: 1 })
    assert.deepEqual(await topics(), [])
    assert.deepEqual(await topics(kinds.quarantined), ['devices/pump/telemetry', 'dt/pump/x'])
    await hub.devices.release({ id: 'pump' })
    assert.equal(await tries('devices/pump/telemetry'), true)
    assert.ok(pump.connected)
  })

  it('a retained message is kept only where a policy allows it', async () => {
    await hub.policies.create({
      id: 'board',
      text: policy(
        allow('iot:Publish', 'topic/board/*'),
        allow('iot:RetainPublish', 'topic/board/1/kept'),
        allow('iot:Subscribe', 'topicfilter/board/*'),
        allow('iot:Receive', 'topic/board/*'),
      ),
    })
    await hub.policies.attach({ policy: 'board', target: { device: 'pump' } })
    await until(() => tries('board/1/x'))
    for (const topic of ['board/1/kept', 'board/1/other']) await pump.publishAsync(topic, 'r', { qos: 1, retain: true })
    const { password } = await hub.identity.addCredential({ id: 'pump', credential: { kind: 'password' } })
    const reader = await connect('pump', password!, 'pump-2')
    const kept: string[] = []
    reader.on('message', topic => kept.push(topic))
    await reader.subscribeAsync('board/1/+', { qos: 1 })
    await until(() => kept.includes('board/1/kept'))
    assert.ok(!kept.includes('board/1/other'))
  })
})
