import assert from 'node:assert/strict'
import { connectAsync, type MqttClient } from 'mqtt'
import type { Hub } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { lifecycleOf } from '../../src/telemetry/lifecycle.ts'
import { tempFolder } from '../processes.ts'
import { until } from '../until.ts'

const allow = (Action: string, Resource: string) => ({ Effect: 'Allow', Action, Resource })
const presence = '$aws/events/presence'

describe('life of connections on the wire', function () {
  this.timeout(60_000)
  let hub: Hub
  let port: number
  const clients: MqttClient[] = []
  const passwords = new Map<string, string>()

  const dial = async (id: string, o: object = {}) => {
    if (!passwords.has(id))
      passwords.set(id, (await hub.devices.register({ id, credentials: { kind: 'password' } })).secrets!.password!)
    const heard: [topic: string, body: Record<string, unknown>][] = []
    const login = { clientId: id, username: id, password: passwords.get(id)! }
    const client = await connectAsync(`mqtt://127.0.0.1:${port}`, { protocolVersion: 4, reconnectPeriod: 0, ...login, ...o })
    clients.push(client)
    client.on('error', () => {})
    client.on('message', (topic, payload) => heard.push([topic, JSON.parse(payload.toString())]))
    return { client, heard }
  }
  const grants = async (client: MqttClient, filter: string) =>
    (await client.subscribeAsync(filter, { qos: 1 }).catch(() => [{ qos: 128 }]))[0]!.qos !== 128
  const listeners = async (device: string, ...Statement: object[]) => {
    const id = `p${device}`
    await hub.policies.create({ id, text: JSON.stringify({ Version: '2012-10-17', Statement }) })
    await hub.policies.attach({ policy: id, target: { device } })
  }

  beforeEach(async () => {
    passwords.clear()
    hub = await startHub({
      hubId: 'presence',
      dataDir: tempFolder('presence'),
      store: 'memory',
      broker: 'embedded',
      threaded: false,
      listeners: [{ kind: 'mqtt', host: '127.0.0.1', port: 0 }],
      limits: { connectsPerSecondPerAddress: 0, connectsPerSecondPerDevice: 0 },
    })
    port = (await hub.health.get({})).listeners[0]!.port
  })
  afterEach(async () => {
    await Promise.all(clients.splice(0).map(client => client.endAsync(true)))
    await hub.close()
  })

  it('no device hears of others without a policy that says so, and it needs both Subscribe and Receive', async () => {
    const eve = await dial('eve')
    for (const filter of [
      '$aws/events/#',
      `${presence}/#`,
      `${presence}/connected/+`,
      `${presence}/connected/eve`,
      '$aws/events/job/#',
    ])
      assert.equal(await grants(eve.client, filter), false, filter)
    await listeners('eve', allow('iot:Subscribe', 'topicfilter/$aws/events/*'))
    await until(() => grants(eve.client, `${presence}/#`))
    assert.equal(await grants(eve.client, '$aws/events/job/#'), false)
    assert.equal(await grants(eve.client, '$aws/things/pump/shadow/#'), false)
    const back = await dial('back')
    await listeners('back', allow('iot:*', '*'))
    await until(() => grants(back.client, `${presence}/#`))
    await dial('pump')
    await until(() => back.heard.some(([topic]) => topic === `${presence}/connected/pump`))
    assert.deepEqual(eve.heard, [])
    await hub.devices.quarantine({ id: 'back' })
    const before = back.heard.length
    await dial('lamp')
    await dial('eve2')
    await until(async () => (await hub.devices.count({})).connected === 5)
    assert.equal(back.heard.length, before, 'nor one in quarantine')
  })

  it('tells who a policy lets listen, with the members of AWS; a connect and its end share a version', async () => {
    const back = await dial('back')
    await listeners('back', allow('iot:Subscribe', 'topicfilter/$aws/events/*'), allow('iot:Receive', 'topic/$aws/events/*'))
    await until(() => grants(back.client, '$aws/events/#'))
    const at = Date.now()
    const one = await dial('pump')
    await one.client.subscribeAsync(['devices/pump/twin/desired', 'cmd/pump/x'])
    await until(() => back.heard.some(([topic]) => topic === '$aws/events/subscriptions/subscribed/pump'))
    await one.client.unsubscribeAsync('cmd/pump/x')
    await until(() => back.heard.some(([topic]) => topic === '$aws/events/subscriptions/unsubscribed/pump'))
    await one.client.endAsync()
    const two = await dial('pump')
    two.client.stream.destroy()
    const ends = () => back.heard.filter(([topic]) => topic === `${presence}/disconnected/pump`).map(([, body]) => body)
    await until(() => ends().length === 2)
    const began = back.heard.filter(([topic]) => topic === `${presence}/connected/pump`).map(([, body]) => body)
    const { timestamp, sessionIdentifier, principalIdentifier, versionNumber, ...rest } = began[0]!
    assert.deepEqual(rest, { clientId: 'pump', eventType: 'connected', ipAddress: '127.0.0.1' })
    assert.ok((timestamp as number) >= at && sessionIdentifier && principalIdentifier)
    assert.deepEqual(
      ends().map(body => [body.clientInitiatedDisconnect, body.disconnectReason, body.versionNumber, body.sessionIdentifier]),
      [
        [true, 'CLIENT_INITIATED_DISCONNECT', versionNumber, sessionIdentifier],
        [false, 'CONNECTION_LOST', began[1]!.versionNumber, began[1]!.sessionIdentifier],
      ],
    )
    assert.ok((began[1]!.versionNumber as number) > (versionNumber as number))
    const topics = (type: string) =>
      back.heard.filter(([topic]) => topic.endsWith(`/${type}/pump`)).map(([, body]) => body.topics)
    assert.deepEqual(topics('subscribed'), [['devices/pump/twin/desired', 'cmd/pump/x']])
    assert.deepEqual(topics('unsubscribed'), [['cmd/pump/x']])
  })

  it('tells a session that was kept, once it is there again, and none whose right was taken', async () => {
    const kept = { clean: false }
    const back = await dial('back', kept)
    await listeners('back', allow('iot:*', '*'))
    await until(() => grants(back.client, `${presence}/connected/+`))
    await back.client.endAsync()
    const again = await dial('back', kept)
    await dial('pump')
    await until(() => again.heard.some(([topic]) => topic.endsWith('/pump')))
    await hub.policies.detach({ policy: 'pback', target: { device: 'back' } })
    const count = again.heard.length
    await dial('lamp')
    await until(async () => (await hub.devices.count({})).connected === 3)
    assert.equal(again.heard.length, count)
  })

  it('has the connections of a device, and knows none of a device that is not there', async () => {
    const { client } = await dial('pump')
    await client.endAsync()
    await dial('pump')
    await until(async () => (await hub.devices.connections({ id: 'pump' })).items.length === 2)
    await until(async () => (await hub.devices.connections({ id: 'pump' })).items[1]!.disconnectedAt !== undefined)
    const { items } = await hub.devices.connections({ id: 'pump', limit: 1 })
    assert.deepEqual(
      [items.length, items[0]!.clientId, items[0]!.dialect, items[0]!.address, items[0]!.disconnectedAt],
      [1, 'pump', 'plain', '127.0.0.1', undefined],
    )
    await assert.rejects(hub.devices.connections({ id: 'nobody' }), { code: 'IDENTITY_NOT_FOUND' })
    await hub.devices.delete({ id: 'pump' })
    await hub.devices.register({ id: 'pump' })
    assert.deepEqual((await hub.devices.connections({ id: 'pump' })).items, [], 'another device of that id')
  })

  it('a connected device that sends no telemetry is silent, requests of it are no telemetry, and telemetry ends it', async () => {
    await hub.devices.register({ id: 'leaf', tags: { expectedIntervalMs: 1000 } })
    const secrets = await hub.identity.addCredential({ id: 'leaf', credential: { kind: 'password' } })
    passwords.set('leaf', secrets.password!)
    const { client } = await dial('leaf')
    const events = async () =>
      (await hub.journal.read({ from: 1, limit: 1000 })).flatMap(record => {
        const event = lifecycleOf(record)
        return event && ['silent', 'heard'].includes(event.event) ? [event] : []
      })
    await until(async () => (await events()).length === 1)
    await client.publishAsync('devices/leaf/twin/get', '', { qos: 1 })
    assert.equal((await events()).length, 1)
    await client.publishAsync('devices/leaf/telemetry', '{"t":1}', { qos: 1 })
    await until(async () => (await events()).length >= 2)
    const [silent, heard] = await events()
    assert.deepEqual([silent!.event, silent!.expectedMs, heard!.event, heard!.lastAt], ['silent', 1000, 'heard', silent!.lastAt])
    await hub.telemetry.inject({ device: 'leaf', payload: Buffer.from('{"t":2}') })
    await hub.devices.update({ id: 'leaf', tags: { expectedIntervalMs: 0 } })
  })
})
