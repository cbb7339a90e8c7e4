import assert from 'node:assert/strict'
import { connectAsync, type MqttClient } from 'mqtt'
import type { Hub } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { tempFolder } from '../processes.ts'
import { sasLogin } from '../sas-token.ts'
import { until } from '../until.ts'

interface Ear {
  client: MqttClient
  heard: { topic: string; text: string }[]
}

const patient = <T>(probe: () => T | Promise<T>) => until(probe, 30_000)
/** In all that is meant for one of them, and nowhere else. */
const secret = 'only for its device'
const victims = ['aws', 'plain', 'azure'] as const
type Victim = (typeof victims)[number]

/** What the news of the victims could be caught with, most of it refused. */
const nets = [
  '#',
  '+/#',
  '+/+/#',
  ...[2, 3, 4, 5, 6, 7, 8].map(levels => Array(levels).fill('+').join('/')),
  '$SYS/#',
  '$aws/#',
  '$aws/things/#',
  '$aws/things/+/#',
  '$aws/things/+/shadow/get/accepted',
  '$aws/things/aws/#',
  '$aws/things/aws/shadow/update/delta',
  '$share/g/$aws/things/aws/shadow/#',
  '$iothub/#',
  '$iothub/+/#',
  '$iothub/twin/#',
  '$iothub/twin/res/#',
  '$iothub/twin/PATCH/properties/desired/#',
  '$iothub/methods/POST/#',
  '$iothub/methods/POST/+/+',
  'devices/#',
  'devices/+/#',
  'devices/+/messages/devicebound/#',
  'devices/+/twin/desired',
  'devices/+/inbox/#',
  'devices/azure/messages/devicebound/#',
  'devices/azure/#',
  'devices/plain/#',
  'devices/plain/commands/+/+',
  'devices/aws/commands/+/+',
  'devices/aws/#',
  '$share/g/devices/plain/#',
  'cmd/#',
  'cmd/+/#',
  'cmd/aws/#',
  'cmd/+/+/+',
]

/** What each of them subscribes to, and must have heard in the end. */
const filters: Record<Victim, string[]> = {
  aws: ['$aws/things/aws/#', 'cmd/aws/#', 'devices/aws/inbox/#'],
  plain: ['devices/plain/#'],
  azure: [
    '$iothub/twin/res/#',
    '$iothub/twin/PATCH/properties/desired/#',
    '$iothub/methods/POST/#',
    'devices/azure/messages/devicebound/#',
  ],
}
const told: Record<Victim, string[]> = {
  aws: [
    ...[
      'get/accepted',
      'get/rejected',
      'update/accepted',
      'update/rejected',
      'update/delta',
      'update/documents',
      'delete/accepted',
    ],
    ...['name/cfg/update/accepted', 'name/cfg/update/documents'],
  ]
    .map(end => `$aws/things/aws/shadow/${end}`)
    .concat('cmd/aws/open/', 'devices/aws/inbox/'),
  plain: [
    'twin/desired',
    'twin/answer/g',
    'twin/answer/r',
    'twin/answer/x',
    'twins/cfg/answer/n',
    'commands/open/',
    'inbox/',
  ].map(end => `devices/plain/${end}`),
  azure: [
    '$iothub/twin/res/200/?$rid=g',
    '$iothub/twin/res/204/?$rid=r',
    '$iothub/twin/res/400/?$rid=x',
    '$iothub/twin/PATCH/properties/desired/?$version=',
    '$iothub/methods/POST/open/?$rid=',
    'devices/azure/messages/devicebound/',
  ],
}
/** Requests of the device itself; of each, one that is refused. */
const asks: Record<Victim, [topic: string, payload: string][]> = {
  aws: [
    ['$aws/things/aws/shadow/get', ''],
    ['$aws/things/aws/shadow/update', `{"state":{"reported":{"own":"${secret}"}}}`],
    ['$aws/things/aws/shadow/update', `{"state":{"reported":1},"clientToken":"${secret}"}`],
    ['$aws/things/aws/shadow/name/cfg/update', `{"state":{"reported":{"own":"${secret}"}}}`],
    ['$aws/things/aws/shadow/get', ''],
  ],
  plain: [
    ['devices/plain/twin/get/?rid=g', ''],
    ['devices/plain/twin/report/?rid=r', `{"own":"${secret}"}`],
    ['devices/plain/twin/report/?rid=x', `"${secret}"`],
    ['devices/plain/twins/cfg/report/?rid=n', `{"own":"${secret}"}`],
  ],
  azure: [
    ['$iothub/twin/GET/?$rid=g', ' '],
    ['$iothub/twin/PATCH/properties/reported/?$rid=r', `{"own":"${secret}"}`],
    ['$iothub/twin/PATCH/properties/reported/?$rid=x', `"${secret}"`],
  ],
}

describe('what the hub tells a device', function () {
  this.timeout(120_000)
  let hub: Hub
  let port: number
  const devices = {} as Record<Victim, Ear>
  const ears = new Map<string, Ear & { fence: string; granted: string[] }>()
  const keys = new Map<string, object>()

  const dial = async (id: string, azure: boolean): Promise<Ear> => {
    if (!keys.has(id)) {
      const { secrets } = await hub.devices.register({ id, credentials: { kind: azure ? 'sas' : 'password' } })
      const login = azure ? sasLogin(id, secrets!.primaryKey!) : { clientId: id, username: id, password: secrets!.password }
      keys.set(id, login)
    }
    const heard: Ear['heard'] = []
    const client = await connectAsync(`mqtt://127.0.0.1:${port}`, {
      ...keys.get(id),
      protocolVersion: 4,
      reconnectPeriod: 0,
      clean: !azure,
    })
    client.on('error', () => {})
    client.on('message', (topic, payload) => heard.push({ topic, text: payload.toString() }))
    return { client, heard }
  }
  /** Casts every net; what is granted stays. */
  const spy = async (id: string, azure: boolean): Promise<void> => {
    const ear = await dial(id, azure)
    const granted: string[] = []
    for (const net of nets) {
      const [answer] = await ear.client.subscribeAsync(net, { qos: 1 }).catch(() => [{ qos: 128 }])
      if (answer!.qos < 128) granted.push(net)
    }
    ears.set(id, { ...ear, granted, fence: azure ? '$iothub/twin/GET/?$rid=own' : `devices/${id}/twin/get/?rid=own` })
  }
  /** A connection keeps its order: after the answer to its own request nothing more comes of what was before. */
  const heardNothing = async (): Promise<void> => {
    for (const [id, { client, heard, fence }] of ears) {
      assert(client.connected, `${id} was disconnected`)
      const before = heard.length
      await client.publishAsync(fence, '', { qos: 1 })
      await patient(() => heard.length > before)
      const others = heard.filter(({ topic, text }) => !/rid=own$|twin\/answer\/own$/.test(topic) || text.includes(secret))
      assert.deepEqual(others, [], id)
    }
  }
  const call = async (id: Victim, answer: (topic: string) => [topic: string, payload: string]): Promise<unknown> => {
    const before = devices[id].heard.length
    const answered = hub.commands.call({ id, method: 'open', payload: { pin: secret }, connectTimeoutMs: 30_000 })
    const { topic } = await patient(() => devices[id].heard.slice(before).find(one => /\/open\//.test(one.topic)))
    const [to, payload] = answer(topic)
    // Whoever knows its number cannot answer for it
    for (const spy of ['thing', 'meter']) await ears.get(spy)!.client.publishAsync(to, '"forged"', { qos: 1 })
    await devices[id].client.publishAsync(to, payload, { qos: 1 })
    return answered
  }

  before(async () => {
    hub = await startHub({
      hubId: 'ears',
      dataDir: tempFolder('ears'),
      store: 'memory',
      broker: 'embedded',
      threaded: false,
      listeners: [{ kind: 'mqtt', host: '127.0.0.1', port: 0 }],
      limits: { connectsPerSecondPerAddress: 0, connectsPerSecondPerDevice: 0 },
      commandTopic: 'cmd/{id}/{name}/{rid}',
    })
    port = (await hub.health.get({})).listeners[0]!.port
    for (const id of victims) {
      devices[id] = await dial(id, id === 'azure')
      await devices[id].client.subscribeAsync(filters[id], { qos: 1 })
    }
    await spy('thing', false)
    await spy('meter', true)
    // Policies give nothing of the reserved trees of others.
    const Statement = [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }]
    await hub.policies.create({ id: 'everything', text: JSON.stringify({ Version: '2012-10-17', Statement }) })
    await (await dial('favoured', false)).client.endAsync()
    await hub.policies.attach({ policy: 'everything', target: { device: 'favoured' } })
    await spy('favoured', false)
  })
  after(async () => {
    await Promise.all([...Object.values(devices), ...ears.values()].map(({ client }) => client.endAsync(true)))
    await hub?.close()
  })

  it('can be listened to with few of the nets, and only for one’s own', () => {
    const of = (id: string) => ears.get(id)!.granted
    assert.deepEqual(of('thing'), [])
    assert.deepEqual(of('meter'), ['$iothub/twin/res/#', '$iothub/twin/PATCH/properties/desired/#', '$iothub/methods/POST/#'])
    assert(
      of('favoured').every(net => net.startsWith('cmd/')),
      of('favoured').join(' '),
    )
  })

  it('of its twin and messages reaches it alone, whoever listens, in each dialect', async () => {
    for (const id of victims) {
      for (const [topic, payload] of asks[id]) await devices[id].client.publishAsync(topic, payload, { qos: 1 })
      await hub.twins.patch({ id, desired: { code: secret } })
      await hub.commands.send({ id, message: { body: Buffer.from(secret), properties: { note: secret } } })
    }
    await devices.aws.client.publishAsync('$aws/things/aws/shadow/delete', '', { qos: 1 })
    const results = [
      await call('aws', topic => [`${topic}/answer`, `"${secret}"`]),
      await call('plain', topic => [`${topic}/answer`, `"${secret}"`]),
      await call('azure', topic => [topic.replace('POST/open', 'res/200'), `"${secret}"`]),
    ]
    assert.deepEqual(results, Array(3).fill({ status: 200, payload: secret }))
    for (const id of victims)
      for (const start of told[id])
        await patient(() => devices[id].heard.some(({ topic }) => topic.startsWith(start))).catch(() =>
          assert.fail(`${id} did not hear ${start} but ${devices[id].heard.map(({ topic }) => topic).join(' ')}`),
        )
    await heardNothing()
  })

  it('of what it missed while it was away reaches it alone too', async () => {
    for (const id of victims) {
      await devices[id].client.endAsync()
      await patient(async () => !(await hub.devices.get({ id })).connection.connected)
      await hub.twins.patch({ id, desired: { again: secret } })
      devices[id] = await dial(id, id === 'azure')
      if (id !== 'azure') await devices[id].client.subscribeAsync(filters[id], { qos: 1 })
    }
    await patient(() => devices.azure.heard.some(({ text }) => text.includes('again')))
    await patient(() => devices.plain.heard.some(({ text }) => text.includes('again')))
    await devices.aws.client.publishAsync('$aws/things/aws/shadow/get', '', { qos: 1 })
    await patient(() => devices.aws.heard.some(({ text }) => text.includes('again')))
    await heardNothing()
  })

  it('cannot be said by another device', async () => {
    const forged = [
      '$aws/things/aws/shadow/get/accepted',
      '$aws/things/aws/shadow/update/delta',
      '$aws/things/aws/shadow/update',
      'cmd/aws/open/1',
      'devices/aws/inbox/1',
      'devices/plain/twin/desired',
      'devices/plain/twin/answer/g',
      'devices/plain/twin/report/?rid=1',
      'devices/plain/commands/open/1',
      'devices/plain/inbox/1',
      '$iothub/twin/res/200/?$rid=g',
      '$iothub/twin/PATCH/properties/desired/?$version=99',
      '$iothub/methods/POST/open/?$rid=1',
      'devices/azure/messages/devicebound/',
      'devices/azure/messages/events/',
    ]
    const before = victims.map(id => devices[id].heard.length)
    for (const id of ['thing', 'meter'])
      for (const topic of forged)
        await ears.get(id)!.client.publishAsync(topic, '{"state":{"reported":{"forged":1}},"forged":1}', { qos: 1 })
    await heardNothing()
    for (const id of victims) {
      const { desired, reported } = await hub.twins.get({ id })
      assert(!JSON.stringify([desired, reported]).includes('forged'), id)
    }
    assert.deepEqual(
      victims.map(id => devices[id].heard.length),
      before,
    )
  })
})
