import assert from 'node:assert/strict'
import { connectAsync, type MqttClient } from 'mqtt'
import type { Hub } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { kinds } from '../../src/journal/journal-port.ts'
import { tempFolder } from '../processes.ts'
import { until } from '../until.ts'

describe('a gateway that connects by MQTT', function () {
  this.timeout(60_000)
  let hub: Hub
  let port: number
  const clients: MqttClient[] = []

  const dial = async (id: string, o: object = {}) => {
    const { password } = await hub.identity.addCredential({ id, credential: { kind: 'password' } })
    const heard: [topic: string, body: any][] = []
    const client = await connectAsync(`mqtt://127.0.0.1:${port}`, {
      protocolVersion: 4,
      reconnectPeriod: 0,
      clientId: id,
      username: id,
      password: password!,
      ...o,
    })
    clients.push(client)
    client.on('error', () => {})
    client.on('message', (topic, payload) => heard.push([topic, JSON.parse(payload.toString())]))
    return { client, heard }
  }
  const records = async (kind: number = kinds.message) =>
    (await hub.journal.read({ from: 1, limit: 1000 })).filter(record => record.kind === kind)
  const publishes = async (client: MqttClient, topic: string, kind?: number) => {
    const before = (await records(kind)).length
    await client.publishAsync(topic, '{"t":1}', { qos: 1 })
    return (await records(kind)).length > before
  }
  const grants = async (client: MqttClient, filter: string) =>
    (await client.subscribeAsync(filter, { qos: 1 }).catch(() => [{ qos: 128 }]))[0]!.qos !== 128
  const permit = async (device: string, Resource = 'device/*', Effect = 'Allow', Action = 'loom:ActFor') => {
    const id = `p-${device}-${Effect}-${Action.replace(/\W/g, '_')}`
    await hub.policies.create({ id, text: JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect, Action, Resource }] }) })
    await hub.policies.attach({ policy: id, target: { device } })
    return id
  }
  const reports = async (gw: { client: MqttClient; heard: [string, any][] }, device: string, rid: string) => {
    const topic = `devices/${device}/twin/answer/${rid}`
    await gw.client.publishAsync(`devices/${device}/twin/report/?rid=${rid}`, `{"r":"${rid}"}`, { qos: 1 })
    return () => gw.heard.find(([heard]) => heard === topic)?.[1]
  }

  beforeEach(async () => {
    hub = await startHub({
      hubId: 'gateway-wire',
      dataDir: tempFolder('gateway-wire'),
      store: 'memory',
      broker: 'embedded',
      threaded: false,
      listeners: [{ kind: 'mqtt', host: '127.0.0.1', port: 0 }],
      limits: { connectsPerSecondPerAddress: 0, connectsPerSecondPerDevice: 0 },
    })
    port = (await hub.health.get({})).listeners[0]!.port
    for (const id of ['gw', 'gw2', 'alone']) await hub.devices.register({ id })
    for (const id of ['a', 'b']) await hub.devices.register({ id, attributes: { gateway: 'gw' } })
  })
  afterEach(async () => {
    await Promise.all(clients.splice(0).map(client => client.endAsync(true)))
    await hub.close()
  })

  it('sends telemetry and twins of devices behind it, with its credential and its name on them', async () => {
    await permit('gw')
    const gw = await dial('gw')
    assert.ok(await publishes(gw.client, 'devices/a/telemetry/env/?seq=4&gateway=forged'))
    const [{ device, props, topic }] = (await records()) as [Awaited<ReturnType<typeof records>>[number]]
    assert.deepEqual([device, topic, props.p, props.e.stream], ['a', 'devices/a/telemetry/env', { gateway: 'gw' }, 'env'])
    const { credentials } = await hub.devices.get({ id: 'gw' })
    assert.ok(credentials.some(({ cid }) => cid === props.e.principal))
    assert.ok(await publishes(gw.client, 'devices/gw/telemetry'), 'its own goes on')
    assert.deepEqual((await records()).at(-1)!.props.p, {})

    const answer = await reports(gw, 'b', '7')
    await until(() => answer() !== undefined)
    assert.deepEqual(answer(), { status: 200, reportedVersion: 2 })
    assert.deepEqual((await hub.twins.get({ id: 'b' })).reported, { r: '7' })
    assert.deepEqual((await hub.twins.get({ id: 'gw' })).reported, {})
    await gw.client.publishAsync('devices/b/twin/get/?rid=8', '')
    await until(() => gw.heard.some(([heard, body]) => heard === 'devices/b/twin/answer/8' && body.reported.r === '7'))

    assert.ok(await grants(gw.client, 'devices/a/twin/desired'))
    await until(() => gw.heard.some(([heard, body]) => heard === 'devices/a/twin/desired' && body.full === true))
    await hub.twins.patch({ id: 'a', desired: { on: true } })
    await until(() => gw.heard.some(([heard, body]) => heard === 'devices/a/twin/desired' && body.desired.on === true))
  })

  it('may nothing of it without the policy, without the relation, or with a Deny', async () => {
    const gw = await dial('gw')
    const topics = ['devices/a/telemetry', 'devices/a/twin/report/?rid=1', 'devices/a/twin/get/?rid=2']
    const nothing = async (client: MqttClient, why: string) => {
      for (const topic of topics) assert.equal(await publishes(client, topic), false, `${why}: ${topic}`)
      for (const filter of ['devices/a/twin/desired', 'devices/a/twin/#', 'devices/a/#'])
        assert.equal(await grants(client, filter), false, `${why}: ${filter}`)
    }
    await nothing(gw.client, 'no policy')
    const gw2 = await dial('gw2')
    await permit('gw2')
    await permit('gw2', 'topic/*', 'Allow', 'iot:Publish')
    await nothing(gw2.client, 'another gateway')
    await permit('gw', 'device/b')
    await nothing(gw.client, 'a policy for another device')
    await until(() => publishes(gw.client, 'devices/b/telemetry'))
    await permit('gw', 'topic/devices/b/telemetry', 'Deny', 'iot:Publish')
    await until(async () => !(await publishes(gw.client, 'devices/b/telemetry')))
    assert.deepEqual((await hub.twins.get({ id: 'a' })).reported, {})
    assert.deepEqual([...gw.heard, ...gw2.heard], [])
  })

  it('hears and says nothing over several devices at once, and of its devices nothing else', async () => {
    await permit('gw')
    await permit('gw', '*', 'Allow', 'iot:*')
    const { client } = await dial('gw')
    for (const filter of [
      'devices/+/twin/desired',
      'devices/+/#',
      'devices/#',
      'devices/+/commands/+/+',
      'devices/+/inbox/#',
      'devices/a/bootstrap',
      'devices/a/retire',
      'devices/a/presence/#',
      'devices/alone/commands/+/+',
      'devices/alone/inbox/#',
      'devices/alone/twin/desired',
      'devices//twin/desired',
      '$aws/things/a/shadow/update/delta',
      '$iothub/twin/res/#',
    ])
      assert.equal(await grants(client, filter), false, filter)
    for (const topic of [
      'devices/a/commands/x/1',
      'devices/a/inbox/1',
      'devices/a/bootstrap/get',
      'devices/a/presence/away',
      'devices/a/presence/online/now',
      'devices/gw/presence/online',
      'devices/alone/presence/online',
      'devices/alone/commands/x/1/answer',
      'devices/a/twin/desired',
      'devices/alone/telemetry',
      '$aws/things/a/shadow/update',
    ])
      assert.equal(await publishes(client, topic), false, topic)
    assert.ok(await grants(client, 'devices/a/twin/desired'))
  })

  it('loses it while it is live: with the relation, the policy, quarantine, or when the device is disabled', async () => {
    const policy = await permit('gw')
    const gw = await dial('gw')
    const may = () => publishes(gw.client, 'devices/a/telemetry')
    const told = async (): Promise<boolean> => {
      const before = gw.heard.length
      const { desiredVersion } = await hub.twins.patch({ id: 'a', desired: { n: Math.random() } })
      // What the hub tells is told in order: an answer of its own tree comes after it.
      await gw.client.publishAsync(`devices/gw/twin/get/?rid=v${desiredVersion}`, '')
      await until(() => gw.heard.some(([topic]) => topic === `devices/gw/twin/answer/v${desiredVersion}`))
      return gw.heard.slice(before).some(([topic]) => topic === 'devices/a/twin/desired')
    }
    const back = async () => {
      await until(may)
      await until(() => grants(gw.client, 'devices/a/twin/desired'))
      assert.ok(await told())
    }
    const lost = async (why: string) => {
      await until(async () => !(await may()))
      assert.equal(await told(), false, why)
    }
    await back()
    await hub.devices.update({ id: 'a', attributes: { gateway: 'gw2' } })
    await lost('the relation')
    await hub.devices.update({ id: 'a', attributes: { gateway: 'gw' } })
    await back()
    await hub.policies.detach({ policy, target: { device: 'gw' } })
    await lost('the policy')
    await hub.policies.attach({ policy, target: { device: 'gw' } })
    await back()
    await hub.devices.quarantine({ id: 'gw' })
    await lost('quarantine')
    await hub.devices.release({ id: 'gw' })
    await back()
    await hub.devices.update({ id: 'a', enabled: false })
    await lost('a disabled device')
  })

  it('a device in quarantine behind it is kept apart, one with a connection of its own goes on by itself', async () => {
    await permit('gw')
    const gw = await dial('gw')
    const own = await dial('a')
    await own.client.subscribeAsync('devices/a/twin/desired')
    assert.ok(await publishes(gw.client, 'devices/a/telemetry'))
    assert.ok(await publishes(own.client, 'devices/a/telemetry'))
    assert.deepEqual(
      (await records()).map(({ props }) => props.p),
      [{ gateway: 'gw' }, {}],
    )
    await hub.twins.patch({ id: 'a', desired: { on: 1 } })
    await until(() => own.heard.some(([, body]) => body.desired.on === 1))
    assert.deepEqual(gw.heard, [])
    await hub.devices.quarantine({ id: 'a' })
    await until(() => publishes(gw.client, 'devices/a/telemetry', kinds.quarantined))
    assert.equal((await records(kinds.quarantined)).at(-1)!.device, 'a')
  })
})
