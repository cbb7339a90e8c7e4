import assert from 'node:assert/strict'
import { connectAsync, type MqttClient } from 'mqtt'
import type { Hub } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { kinds } from '../../src/journal/journal-port.ts'
import { tempFolder } from '../processes.ts'
import { sasLogin } from '../sas-token.ts'
import { until } from '../until.ts'

interface Peer {
  client: MqttClient
  /** `topic payload`, payloads of JSON parsed */
  heard: [topic: string, body: any][]
}

describe('twins on the wire', function () {
  this.timeout(30_000)
  let hub: Hub
  let port: number
  const clients: MqttClient[] = []
  const passwords = new Map<string, string>()
  const keys = new Map<string, string>()

  const dial = async (options: object): Promise<Peer> => {
    const heard: Peer['heard'] = []
    const client = await connectAsync(`mqtt://127.0.0.1:${port}`, { protocolVersion: 4, reconnectPeriod: 0, ...options })
    clients.push(client)
    client.on('error', () => {})
    client.on('message', (topic, payload) => heard.push([topic, payload.length ? JSON.parse(payload.toString()) : undefined]))
    return { client, heard }
  }
  const thing = async (id: string, { clientId = id, clean = true } = {}): Promise<Peer> => {
    if (!passwords.has(id))
      passwords.set(id, (await hub.devices.register({ id, credentials: { kind: 'password' } })).secrets!.password!)
    return dial({ clientId, username: id, password: passwords.get(id), clean })
  }
  const azure = async (id: string, { clean = false } = {}): Promise<Peer> => {
    if (!keys.has(id)) keys.set(id, (await hub.devices.register({ id, credentials: { kind: 'sas' } })).secrets!.primaryKey!)
    return dial({ ...sasLogin(id, keys.get(id)!), clean })
  }
  const of = (peer: Peer, end: string) => peer.heard.filter(([topic]) => topic.includes(end)).map(([, body]) => body)
  const has = (peer: Peer, end: string, count = 1) => until(() => of(peer, end).length >= count)
  const shadow = '$aws/things/lamp/shadow'
  const all = ['get', 'update', 'delete'].flatMap(verb => [`${verb}/accepted`, `${verb}/rejected`])

  beforeEach(async () => {
    hub = await startHub({
      hubId: 'twins',
      dataDir: tempFolder('twins'),
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

  it('of AWS: a shadow begins with its first update, and each change is told to who subscribed', async () => {
    const lamp = await thing('lamp')
    await lamp.client.subscribeAsync([...all, 'update/delta', 'update/documents'].map(end => `${shadow}/${end}`))
    await lamp.client.publishAsync(`${shadow}/get`, '{"clientToken":"t1"}')
    await has(lamp, 'get/rejected')
    const [{ timestamp: _, ...refusal }] = of(lamp, 'get/rejected')
    assert.deepEqual(refusal, { code: 404, message: "No shadow exists with name: 'lamp'", clientToken: 't1' })

    await lamp.client.publishAsync(
      `${shadow}/update`,
      JSON.stringify({ state: { reported: { on: false } }, clientToken: 't2' }),
      {
        qos: 1,
      },
    )
    await has(lamp, 'update/documents')
    const [accepted] = of(lamp, 'update/accepted')
    assert.deepEqual([accepted.state, accepted.version, accepted.clientToken], [{ reported: { on: false } }, 1, 't2'])
    assert.equal('previous' in of(lamp, 'update/documents')[0], false)

    await hub.twins.patch({ id: 'lamp', desired: { on: true }, by: 'user anna' })
    await has(lamp, 'update/delta')
    const [delta] = of(lamp, 'update/delta')
    assert.deepEqual([delta.state, delta.version, 'clientToken' in delta], [{ on: true }, 2, false])

    await lamp.client.publishAsync(`${shadow}/update`, '{"state":{"reported":{"on":true}},"version":1,"clientToken":"t3"}')
    await has(lamp, 'update/rejected')
    assert.deepEqual([of(lamp, 'update/rejected')[0].code, of(lamp, 'update/rejected')[0].clientToken], [409, 't3'])
    await lamp.client.publishAsync(`${shadow}/get`, '')
    await has(lamp, 'get/accepted')
    assert.deepEqual(of(lamp, 'get/accepted')[0].state, { desired: { on: true }, reported: { on: false }, delta: { on: true } })
    await lamp.client.publishAsync(`${shadow}/delete`, '')
    await has(lamp, 'delete/accepted')
    assert.equal(of(lamp, 'delete/accepted')[0].version, 2)
  })

  it('of Azure: the twin is there from the beginning, and desired changes are pushed with their version', async () => {
    const meter = await azure('meter')
    await meter.client.subscribeAsync(['$iothub/twin/res/#', '$iothub/twin/PATCH/properties/desired/#'])
    await meter.client.publishAsync('$iothub/twin/GET/?$rid=1', ' ')
    await has(meter, 'res/200/?$rid=1')
    assert.deepEqual(of(meter, 'res/200')[0], { desired: { $version: 1 }, reported: { $version: 1 } })
    await meter.client.publishAsync('$iothub/twin/PATCH/properties/reported/?$rid=2', '{"fw":"1.0"}')
    await until(() => meter.heard.some(([topic]) => topic === '$iothub/twin/res/204/?$rid=2&$version=2'))
    await hub.twins.patch({ id: 'meter', desired: { interval: 5 } })
    await hub.twins.replace({ id: 'meter', desired: { unit: 'C' } })
    await has(meter, 'properties/desired', 2)
    assert.deepEqual(of(meter, 'properties/desired'), [
      { interval: 5, $version: 2 },
      { interval: null, unit: 'C', $version: 3 },
    ])
    await meter.client.publishAsync('$iothub/twin/PATCH/properties/reported/?$rid=3&$version=1', '{"fw":"1.1"}')
    await has(meter, 'res/412')
    assert.equal(of(meter, 'res/412')[0].errorCode, 412001)
    await meter.client.publishAsync('$iothub/twin/PATCH/properties/reported/?$rid=4', '{"a.b":1}')
    await has(meter, 'res/400')
    assert.deepEqual((await hub.twins.get({ id: 'meter' })).reported, { fw: '1.0' })
  })

  it('of Azure: pushes go on after a reconnect without a new subscription', async () => {
    const before = await azure('meter')
    await before.client.subscribeAsync('$iothub/twin/PATCH/properties/desired/#')
    await before.client.endAsync(true)
    const after = await azure('meter')
    await after.client.publishAsync('$iothub/twin/GET/?$rid=1', '')
    await has(after, 'res/200')
    await hub.twins.patch({ id: 'meter', desired: { a: 1 } })
    await has(after, 'properties/desired')
    await after.client.endAsync(true)
    const clean = await azure('meter', { clean: true })
    await hub.twins.patch({ id: 'meter', desired: { a: 2 } })
    await clean.client.publishAsync('$iothub/twin/GET/?$rid=9', '')
    await has(clean, 'res/200')
    assert.deepEqual(of(clean, 'properties/desired'), [], 'a clean session forgets it')
  })

  const pushes = (peer: Peer) => of(peer, 'properties/desired')
  /** Its answer comes after all that was sent before. */
  const settled = async (peer: Peer, rid: string): Promise<void> => {
    await peer.client.publishAsync(`$iothub/twin/GET/?$rid=${rid}`, '')
    await has(peer, `res/200/?$rid=${rid}`)
  }
  const goodbye = async (id: string, peer: Peer): Promise<void> => {
    await peer.client.endAsync()
    await until(async () => !(await hub.devices.get({ id })).connection.connected)
  }

  it('of Azure: what changed while it renewed its token is told once, as one patch, and nothing if nothing did', async () => {
    const first = await azure('meter')
    await first.client.subscribeAsync('$iothub/twin/PATCH/properties/desired/#')
    await settled(first, 'a')
    await goodbye('meter', first)
    await hub.twins.patch({ id: 'meter', desired: { a: 1, b: { c: 1 } } })
    await hub.twins.patch({ id: 'meter', desired: { a: 2, b: { d: 1 } } })
    const second = await azure('meter')
    await has(second, 'properties/desired')
    await goodbye('meter', second)
    // It may have left before that arrived.
    await hub.twins.replace({ id: 'meter', desired: { b: { d: 1 } } })
    const third = await azure('meter')
    await has(third, 'properties/desired')
    await settled(third, 'c')
    assert.deepEqual(
      [...pushes(second), ...pushes(third)],
      [
        { a: 2, b: { c: 1, d: 1 }, $version: 3 },
        { a: null, b: { c: null, d: 1 }, $version: 4 },
      ],
    )
    const other = await azure('other')
    await other.client.subscribeAsync('$iothub/twin/PATCH/properties/desired/#')
    await goodbye('other', other)
    const again = await azure('other')
    await settled(again, 'd')
    assert.deepEqual(pushes(again), [])
    await hub.twins.patch({ id: 'other', desired: { z: 1 } })
    await has(again, 'properties/desired')
    assert.deepEqual(pushes(again), [{ z: 1, $version: 2 }])
  })

  it('of Azure: who lost its connection is told all that is desired and what is so no more, as the hub does not know what arrived', async () => {
    const first = await azure('meter')
    await first.client.subscribeAsync('$iothub/twin/PATCH/properties/desired/#')
    await hub.twins.patch({ id: 'meter', desired: { a: 1, old: 1, nest: { x: 1, y: 1 } } })
    await has(first, 'properties/desired')
    first.client.stream.destroy()
    await until(async () => !(await hub.devices.get({ id: 'meter' })).connection.connected)
    await hub.twins.patch({ id: 'meter', desired: { b: 1, old: null, nest: { y: null } } })
    const second = await azure('meter')
    await has(second, 'properties/desired')
    const third = await azure('meter')
    await has(third, 'properties/desired')
    const whole = { a: 1, b: 1, old: null, nest: { x: 1, y: null }, $version: 3 }
    assert.deepEqual(
      [pushes(second), pushes(third)],
      [[whole], [whole]],
      'with null for what went, also where the next connection takes the place of one that is still there',
    )
  })

  it('of Azure: a session that is clean is told what it missed of late when it subscribes again', async () => {
    const first = await azure('meter', { clean: true })
    await first.client.subscribeAsync('$iothub/twin/PATCH/properties/desired/#')
    await goodbye('meter', first)
    await hub.twins.patch({ id: 'meter', desired: { a: 1 } })
    const second = await azure('meter', { clean: true })
    await settled(second, 'a')
    assert.deepEqual(pushes(second), [])
    await second.client.subscribeAsync('$iothub/twin/PATCH/properties/desired/#')
    await has(second, 'properties/desired')
    await settled(second, 'b')
    assert.deepEqual(pushes(second), [{ a: 1, $version: 2 }])
    await second.client.unsubscribeAsync('$iothub/twin/PATCH/properties/desired/#')
    await goodbye('meter', second)
    await hub.twins.patch({ id: 'meter', desired: { a: 2 } })
    const third = await azure('meter')
    await third.client.subscribeAsync('$iothub/twin/PATCH/properties/desired/#')
    await settled(third, 'c')
    assert.deepEqual(pushes(third), [], 'who ended its subscription reads its twin')
  })

  it('of plain devices: all of it when they subscribe, then patches', async () => {
    await thing('fan')
    await hub.twins.patch({ id: 'fan', desired: { speed: 1 } })
    const fan = await thing('fan')
    await fan.client.subscribeAsync(['devices/fan/twin/desired', 'devices/fan/twin/answer/#'], { qos: 1 })
    await has(fan, 'twin/desired')
    await hub.twins.patch({ id: 'fan', desired: { speed: null, scene: 'a' } })
    await has(fan, 'twin/desired', 2)
    assert.deepEqual(of(fan, 'twin/desired'), [
      { version: 2, full: true, desired: { speed: 1 } },
      { version: 3, full: false, desired: { speed: null, scene: 'a' } },
    ])
    await fan.client.publishAsync('devices/fan/twin/report/?rid=2', '{"scene":"a"}')
    await has(fan, 'answer/2')
    assert.deepEqual(of(fan, 'answer/2')[0], { status: 200, reportedVersion: 2 })
    await fan.client.publishAsync('devices/fan/twin/report/?rid=3&version=1', '{"scene":"b"}')
    await has(fan, 'answer/3')
    assert.deepEqual([of(fan, 'answer/3')[0].status, of(fan, 'answer/3')[0].code], [409, 'TWIN_VERSION_CONFLICT'])
    await fan.client.publishAsync('devices/fan/twin/get/?rid=4', '')
    await has(fan, 'answer/4')
    assert.deepEqual(of(fan, 'answer/4')[0], {
      status: 200,
      desired: { scene: 'a' },
      reported: { scene: 'a' },
      delta: {},
      desiredVersion: 3,
      reportedVersion: 2,
    })
    await fan.client.publishAsync('devices/fan/twins/cfg/get/?rid=5', '')
    await has(fan, 'twin', 6).catch(() => {})
    await fan.client.subscribeAsync('devices/fan/twins/+/answer/+')
    await fan.client.publishAsync('devices/fan/twins/cfg/get/?rid=6', '')
    await has(fan, 'twins/cfg/answer/6')
    assert.equal(of(fan, 'twins/cfg/answer/6')[0].status, 404)
  })

  it('of one device are one: what a shadow client reports a plain connection reads', async () => {
    const lamp = await thing('lamp')
    const other = await thing('lamp', { clientId: 'lamp-2' })
    await lamp.client.publishAsync(`${shadow}/name/cfg/update`, '{"state":{"reported":{"a":1}}}', { qos: 1 })
    await other.client.subscribeAsync(['devices/lamp/twins/cfg/answer/1', `${shadow}/name/cfg/update/accepted`])
    await other.client.publishAsync('devices/lamp/twins/cfg/get/?rid=1', '')
    await has(other, 'twins/cfg/answer/1')
    assert.deepEqual(of(other, 'twins/cfg/answer/1')[0].reported, { a: 1 })
    await lamp.client.publishAsync(`${shadow}/name/cfg/update`, '{"state":{"reported":{"b":1}},"clientToken":"x"}', { qos: 1 })
    await has(other, 'cfg/update/accepted')
    assert.deepEqual(of(other, 'cfg/update/accepted')[0].state, { reported: { b: 1 } })
  })

  it('that changed while a shadow client was away are told once, as the difference now', async () => {
    const first = await thing('lamp', { clean: false })
    await first.client.subscribeAsync(`${shadow}/update/delta`, { qos: 1 })
    await first.client.publishAsync(`${shadow}/update`, '{"state":{"reported":{"on":false}}}', { qos: 1 })
    await first.client.endAsync(true)
    await hub.twins.patch({ id: 'lamp', desired: { on: true, level: 1 } })
    await hub.twins.patch({ id: 'lamp', desired: { level: 2 } })
    const again = await thing('lamp', { clean: false })
    await has(again, 'update/delta')
    await again.client.publishAsync(`${shadow}/update`, '{"state":{"reported":{"on":true,"level":2}}}', { qos: 1 })
    await until(async () => (await hub.twins.get({ id: 'lamp' })).delta === undefined)
    assert.deepEqual(
      of(again, 'update/delta').map(({ state }) => state),
      [{ on: true, level: 2 }],
    )
  })

  it('are told once to a connection whose filters overlap, as they change and after it was away', async () => {
    const filters = [`${shadow}/update/+`, `${shadow}/update/delta`, `${shadow}/#`]
    const live = await thing('lamp', { clean: false })
    await live.client.subscribeAsync(filters, { qos: 1 })
    await live.client.publishAsync(`${shadow}/update`, '{"state":{"reported":{"on":false}}}', { qos: 1 })
    await hub.twins.patch({ id: 'lamp', desired: { on: true } })
    await live.client.publishAsync(`${shadow}/get`, '{}', { qos: 1 })
    await has(live, 'get/accepted')
    assert.equal(of(live, 'update/delta').length, 1)
    await live.client.endAsync(true)
    const again = await thing('lamp', { clean: false })
    await has(again, 'update/delta')
    await again.client.publishAsync(`${shadow}/get`, '{}', { qos: 1 })
    await has(again, 'get/accepted')
    assert.equal(of(again, 'update/delta').length, 1)
  })

  it('are nobody else’s: no filter, request or answer reaches another device', async () => {
    const lamp = await thing('lamp')
    const spy = await thing('spy')
    const spyAzure = await azure('spy-a')
    for (const filter of [
      '$aws/things/lamp/shadow/#',
      '$aws/things/+/shadow/#',
      'devices/lamp/twin/#',
      'devices/+/twin/desired',
      '#',
    ]) {
      const [granted] = await spy.client.subscribeAsync(filter).catch(() => [{ qos: 128 }])
      assert.equal(granted!.qos, 128, filter)
    }
    await spyAzure.client.subscribeAsync(['$iothub/twin/res/#', '$iothub/twin/PATCH/properties/desired/#'])
    await lamp.client.subscribeAsync([`${shadow}/update/accepted`, 'devices/lamp/twin/#'])
    await spy.client.publishAsync(`${shadow}/update`, '{"state":{"reported":{"hacked":1}}}', { qos: 1 })
    await spy.client.publishAsync('devices/lamp/twin/report/?rid=1', '{"hacked":1}', { qos: 1 })
    await hub.twins.patch({ id: 'lamp', desired: { secret: 1 } })
    await has(lamp, 'update/accepted')
    await spyAzure.client.publishAsync('$iothub/twin/GET/?$rid=1', '')
    await has(spyAzure, 'res/200')
    assert.deepEqual((await hub.twins.get({ id: 'lamp' })).reported, {})
    assert.deepEqual([spy.heard.length, spyAzure.heard.length], [0, 1])
  })

  it('that flows or devices change are in the journal, with before and after', async () => {
    const lamp = await thing('lamp')
    await lamp.client.publishAsync('devices/lamp/twin/report/?rid=1', '{"fw":"1"}', { qos: 1 })
    await hub.twins.patch({ id: 'lamp', desired: { on: true }, by: 'user anna' })
    await hub.twins.patch({ id: 'lamp', tags: { site: 'a' }, by: 'user anna' })
    const events = async () =>
      (await hub.journal.read({ from: 1, limit: 100 }))
        .filter(({ kind }) => kind === kinds.twin)
        .map(({ payload }) => JSON.parse(Buffer.from(payload).toString()))
    await until(async () => (await events()).length === 3)
    assert.deepEqual(
      (await events()).map(({ section, before, after, patch, by }) => [section, before, after, patch, by]),
      [
        ['reported', {}, { fw: '1' }, { fw: '1' }, 'device lamp'],
        ['desired', {}, { on: true }, { on: true }, 'user anna'],
        ['tags', {}, { site: 'a' }, { site: 'a' }, 'user anna'],
      ],
    )
  })

  it('are asked for ten at a time over a connection; the next one may come again', async () => {
    const fan = await thing('fan')
    await fan.client.subscribeAsync('devices/fan/twin/answer/#', { qos: 1 })
    const asked = 40
    await Promise.all(
      Array.from({ length: asked }, (_, n) =>
        fan.client.publishAsync(`devices/fan/twin/report/?rid=${n}`, `{"n":${n}}`, { qos: 1 }),
      ),
    )
    await has(fan, 'answer', asked)
    const statuses = new Set(of(fan, 'answer').map(({ status }) => status))
    assert(statuses.has(200) && [...statuses].every(status => status === 200 || status === 429))
  })
})
