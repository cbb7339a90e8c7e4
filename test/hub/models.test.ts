import assert from 'node:assert/strict'
import { connectAsync, type MqttClient } from 'mqtt'
import type { Hub, HubEvent } from '../../src/hub/hub.ts'
import type { ModelEvent } from '../../src/hub/hub-models.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { type Delivered, flags } from '../../src/journal/journal-port.ts'
import { messagesOf } from '../../src/nodered/record-messages.ts'
import { tempFolder } from '../processes.ts'
import { inHours, sasLogin, sasToken } from '../sas-token.ts'
import { base, controller, lamp, station, thermostat, wrongTelemetry } from '../twin/model/samples.ts'
import { until } from '../until.ts'

const room = {
  telemetry: { temperature: { schema: { type: 'number', maximum: 60 }, unit: 'degreeCelsius' } },
  properties: {
    target: { schema: { type: 'object', properties: { low: { type: 'number' }, high: { type: 'number' } } }, writable: true },
    firmware: { schema: { type: 'string' } },
  },
  commands: { reboot: { request: { type: 'object', required: ['delayMs'] }, response: { type: 'object', required: ['ok'] } } },
}

describe('device models in a hub', function () {
  this.timeout(30_000)
  let hub: Hub
  let port: number
  let news: ModelEvent[]
  const clients: MqttClient[] = []

  beforeEach(async () => {
    hub = await startHub({
      hubId: 'models',
      dataDir: tempFolder('models'),
      store: 'memory',
      broker: 'embedded',
      threaded: false,
      listeners: [{ kind: 'mqtt', host: '127.0.0.1', port: 0 }],
      limits: { connectsPerSecondPerAddress: 0, connectsPerSecondPerDevice: 0 },
    })
    port = (await hub.health.get({})).listeners[0]!.port
    news = []
    hub.subscribe((event: HubEvent) => void (event.type === 'model' && news.push(event)))
  })
  afterEach(async () => {
    await Promise.all(clients.splice(0).map(client => client.endAsync(true)))
    await hub.close()
  })

  const dial = async (options: object) => {
    const heard: [topic: string, body: any][] = []
    const client = await connectAsync(`mqtt://127.0.0.1:${port}`, { protocolVersion: 4, reconnectPeriod: 0, ...options })
    clients.push(client)
    client.on('error', () => {})
    client.on('message', (topic, payload) => heard.push([topic, payload.length ? JSON.parse(payload.toString()) : undefined]))
    return { client, heard }
  }
  const password = async (id: string, attributes: Record<string, string> = {}) =>
    (await hub.devices.register({ id, attributes, credentials: { kind: 'password' } })).secrets!.password!
  const thing = async (id: string, attributes: Record<string, string> = {}) =>
    dial({ clientId: id, username: id, password: await password(id, attributes) })
  const inject = (device: string, values: unknown, more: object = {}) =>
    hub.telemetry.inject({ device, payload: Buffer.from(JSON.stringify(values)), ...more })
  const record = async ({ seq }: { seq: number }) => (await hub.journal.read({ from: seq, limit: 1 }))[0]!
  const letters = async () => (await hub.journal.deadLetters({ limit: 100 })).items
  const telemetry = async (from = 1) =>
    (await hub.journal.read({ from, limit: 100 })).filter(({ topic }) => topic.endsWith('/telemetry'))

  it('strict: what is not as the model says is set aside with its paths, not stored, and replayed on demand', async () => {
    await hub.models.put({ id: 'room', source: 'none', document: room, mode: 'strict' })
    const { client } = await thing('r1', { model: 'room' })
    await client.publishAsync('devices/r1/telemetry', '[{"temperature":20},{"temperature":99}]', { qos: 1 })
    await client.publishAsync('devices/r1/telemetry', '{"temperature":21,"note":"x"}', { qos: 1 })
    await until(async () => (await letters()).length === 1)
    const [letter] = await letters()
    assert.deepEqual([letter!.reason, letter!.code], ['model', 'MODEL_VIOLATION'])
    assert.deepEqual(letter!.errors, [{ path: '[1].temperature', rule: 'maximum', message: 'must be <= 60' }])
    assert.match(letter!.message, /\[1\]\.temperature must be <= 60/)
    const [bad, good] = await telemetry()
    assert.deepEqual([bad!.flags & flags.invalid, good!.flags & flags.invalid], [flags.invalid, 0])
    assert.equal(Buffer.from(bad!.payload).toString(), '[{"temperature":20},{"temperature":99}]')
    const made = messagesOf(
      [bad, good].map(one => ({ ...one!, deliveries: 1 }) as Delivered),
      false,
    )
    assert.deepEqual(
      made.shares.map(({ messages }) => messages[0]!.payload),
      [{ temperature: 21, note: 'x' }],
    )
    assert.deepEqual(
      made.notices.map(({ notice, error }: any) => [notice, error.code, error.errors[0].path]),
      [['model', 'MODEL_VIOLATION', '[1].temperature']],
    )
    const stored = () => hub.query.range({ devices: ['r1'], from: 0, to: Date.now() + 1000 })
    await until(async () => (await stored()).items.length > 0)
    assert.deepEqual(
      (await stored()).items.map(({ values }) => values.temperature),
      [21],
    )
    assert.deepEqual(
      news.map(({ mode, about, model, faults }) => [mode, about, model, faults?.[0]?.path]),
      [['strict', 'telemetry', 'room;1', '[1].temperature']],
    )
    const again = await record(await hub.journal.replayDeadLetter({ id: letter!.id }))
    assert.equal(again.flags & flags.invalid, 0)
  })

  it('warn: it is told and taken; off: nobody looks', async () => {
    await hub.models.put({ id: 'room', source: 'none', document: room })
    await hub.devices.register({ id: 'r1', attributes: { model: 'room;1' } })
    const first = await record(await inject('r1', { temperature: 'hot' }))
    assert.equal(first.flags & flags.invalid, 0)
    assert.deepEqual(
      news.map(({ code, mode, faults }) => [code, mode, faults?.[0]?.rule]),
      [['MODEL_VIOLATION', 'warn', 'type']],
    )
    await hub.models.attach({ id: 'room', mode: 'off' })
    await inject('r1', { temperature: 'hot' })
    assert.equal(news.length, 1)
    assert.deepEqual(await letters(), [])
  })

  it('closed: names that the model does not have are faults', async () => {
    await hub.models.put({ id: 'room', source: 'none', document: room, mode: 'strict', closed: true })
    await hub.devices.register({ id: 'r1', attributes: { model: 'room' } })
    assert.equal((await record(await inject('r1', { temperature: 1, battery: 3 }))).flags & flags.invalid, flags.invalid)
    assert.deepEqual(
      news[0]!.faults!.map(({ path, rule }) => [path, rule]),
      [['battery', 'unknown']],
    )
  })

  it('short keys become long ones before anything looks at them, in messages and in what is reported', async () => {
    const short = { t: 'temperature', f: 'firmware' }
    await hub.models.put({ id: 'room', source: 'none', document: room, short, mode: 'strict' })
    await hub.devices.register({ id: 'r1', attributes: { model: 'room' } })
    const texts: [unknown, string][] = [
      [{ t: 20, x: 1 }, '{"temperature":20,"x":1}'],
      [[{ time: 5, values: { t: 20 } }, { t: 21 }], '[{"time":5,"values":{"temperature":20}},{"temperature":21}]'],
      [{ x: 1 }, '{"x":1}'],
    ]
    for (const [sent, kept] of texts) {
      const { payload, flags: bits } = await record(await inject('r1', sent))
      assert.deepEqual([Buffer.from(payload).toString(), bits & flags.invalid], [kept, 0])
    }
    const bad = await record(await inject('r1', { t: 99 }))
    assert.deepEqual([Buffer.from(bad.payload).toString(), bad.flags & flags.invalid], ['{"t":99}', flags.invalid])
    const { reported } = await hub.twins.report({ id: 'r1', reported: { f: '1.2', note: 1 } })
    assert.deepEqual(reported, { firmware: '1.2', note: 1 })
    await assert.rejects(hub.twins.report({ id: 'r1', reported: { f: 1 } }), {
      code: 'TWIN_INVALID',
      position: 'reported.firmware',
    })
  })

  it('reports against it are refused in the form of each dialect, with the path', async () => {
    await hub.models.put({ id: 'room', source: 'none', document: room, mode: 'strict' })
    const plain = await thing('p1', { model: 'room' })
    await plain.client.subscribeAsync(['devices/p1/twin/#', '$aws/things/p1/shadow/update/rejected'])
    await plain.client.publishAsync('devices/p1/twin/report/?rid=1', '{"firmware":7}', { qos: 1 })
    await plain.client.publishAsync('$aws/things/p1/shadow/update', '{"state":{"reported":{"target":{"low":"x"}}}}', { qos: 1 })
    await until(() => plain.heard.some(([topic]) => topic.endsWith('rejected')) && plain.heard.some(([, body]) => body?.status))
    const [, answer] = plain.heard.find(([, body]) => body?.status)!
    assert.deepEqual([answer.status, answer.code], [400, 'TWIN_INVALID'])
    assert.match(answer.message, /reported\.firmware must be string/)
    const [, shadow] = plain.heard.find(([topic]) => topic.endsWith('rejected'))!
    assert.equal(shadow.code, 400)
    assert.match(shadow.message, /reported\.target\.low/)
    const key = (await hub.devices.register({ id: 'a1', attributes: { model: 'room' }, credentials: { kind: 'sas' } })).secrets!
    const azure = await dial({ ...sasLogin('a1', key.primaryKey!) })
    await azure.client.subscribeAsync('$iothub/twin/res/#')
    await azure.client.publishAsync('$iothub/twin/PATCH/properties/reported/?$rid=9', '{"firmware":7}', { qos: 1 })
    await until(() => azure.heard.length > 0)
    assert.match(azure.heard[0]![0], /^\$iothub\/twin\/res\/400\/\?\$rid=9/)
    assert.match(azure.heard[0]![1].message, /reported\.firmware/)
    assert.equal((await hub.twins.get({ id: 'a1' })).reportedVersion, 1)
  })

  it('what a flow desires is refused with its place; what would be is what counts', async () => {
    await hub.models.put({ id: 'room', source: 'none', document: room, mode: 'strict' })
    await hub.devices.register({ id: 'r1', attributes: { model: 'room' } })
    const patch = (desired: object) => hub.twins.patch({ id: 'r1', desired: desired as Record<string, unknown> })
    await patch({ target: { low: 18 } })
    await patch({ target: { high: 22 }, other: 1 })
    await assert.rejects(patch({ target: { high: 'x' } }), { code: 'TWIN_INVALID', position: 'desired.target.high' })
    await assert.rejects(patch({ firmware: '2' }), { code: 'TWIN_INVALID', position: 'desired.firmware' })
    await patch({ target: null })
    await hub.models.attach({ id: 'room', mode: 'warn' })
    await patch({ firmware: '2' })
    assert.deepEqual(
      news.map(({ about, mode }) => [about, mode]),
      [
        ['desired', 'strict'],
        ['desired', 'strict'],
        ['desired', 'warn'],
      ],
    )
  })

  it('commands are checked before they are sent, answers when they come', async () => {
    await hub.models.put({ id: 'room', source: 'none', document: room, mode: 'strict' })
    const { client } = await thing('r1', { model: 'room' })
    client.on('message', topic => client.publish(`${topic}/answer`, '{"status":200,"payload":{"late":1}}', { qos: 1 }))
    await client.subscribeAsync('devices/r1/commands/#', { qos: 1 })
    const call = (payload: unknown) => hub.commands.call({ id: 'r1', method: 'reboot', payload })
    await assert.rejects(call({}), { code: 'COMMAND_INVALID', position: 'delayMs' })
    assert.deepEqual(await call({ delayMs: 5 }), { status: 200, payload: { late: 1 } })
    await hub.models.attach({ id: 'room', mode: 'warn' })
    await call({})
    assert.deepEqual(
      news.map(({ about, mode, faults }) => [about, mode, faults![0]!.path]),
      [
        ['command', 'strict', 'delayMs'],
        ['answer', 'strict', 'ok'],
        ['command', 'warn', 'delayMs'],
        ['answer', 'warn', 'ok'],
      ],
    )
  })

  it('a device of Azure names its model when it connects; the registry says otherwise; components are told apart', async () => {
    await hub.models.put({ source: 'dtdl', document: [controller, thermostat, base], mode: 'strict' })
    const { secrets } = await hub.devices.register({ id: 'a1', credentials: { kind: 'sas' } })
    const host = 'models.test'
    const password = sasToken({ host, deviceId: 'a1', key: secrets!.primaryKey!, expiresS: inHours(1) })
    const model = encodeURIComponent('dtmi:example:Controller;2')
    const username = `${host}/a1/?api-version=2021-04-12&model-id=${model}`
    const { client } = await dial({ clientId: 'a1', username, password })
    assert.deepEqual(await hub.models.modelOf({ device: 'a1' }), {
      ...{ by: 'device', name: 'dtmi:example:Controller;2', known: true, version: '2', mode: 'strict', closed: false },
    })
    const send = (sub: string, body: object) =>
      client.publishAsync(`devices/a1/messages/events/%24.sub=${sub}&%24.ct=application%2Fjson`, JSON.stringify(body), { qos: 1 })
    await send('upper', { temperature: 'x' })
    await send('upper', { temperature: 21 })
    await until(async () => (await letters()).length === 1)
    assert.deepEqual(
      news.map(({ faults }) => faults![0]!.path),
      ['temperature'],
    )
    await hub.devices.update({ id: 'a1', attributes: { model: 'dtmi:example:Thermo;9' } })
    await until(() => news.some(({ code }) => code === 'MODEL_UNKNOWN'))
    assert.deepEqual(await hub.models.modelOf({ device: 'a1' }), { by: 'registry', name: 'dtmi:example:Thermo;9', known: false })
    await send('upper', { temperature: 'x' })
    assert.equal((await letters()).length, 1)
  })

  it('each kind of fault that a connected device sends reaches the dead letters with its path', async () => {
    const short = { t: 'temperature' }
    await hub.models.put({ source: 'dtdl', document: [station, thermostat], mode: 'strict', closed: true, short })
    const { secrets } = await hub.devices.register({ id: 's1', credentials: { kind: 'sas' } })
    const login = sasLogin('s1', secrets!.primaryKey!)
    const { client } = await dial({ ...login, username: `${login.username}&model-id=dtmi%3Aexample%3AStation%3B3` })
    for (const { values, component } of wrongTelemetry)
      await client.publishAsync(
        `devices/s1/messages/events/${component ? `%24.sub=${component}` : ''}`,
        JSON.stringify(component ? values : [{ state: 'open' }, values]),
        { qos: 1 },
      )
    await until(async () => (await letters()).length === wrongTelemetry.length)
    const told = (await letters()).map(({ reason, errors }) => `${reason} ${errors![0]!.path} ${errors![0]!.rule}`)
    const expected = wrongTelemetry.map(({ component, said }) => `model ${component ? '' : '[1].'}${said}`)
    assert.deepEqual(told.toSorted(), expected.toSorted())
  })

  it('the default of the hub counts for who has none; a connected device follows each change at once', async () => {
    const { client } = await thing('r1')
    const send = async (payload: string) => {
      await client.publishAsync('devices/r1/telemetry', payload, { qos: 1 })
      return (await telemetry()).at(-1)!.flags & flags.invalid
    }
    assert.equal(await send('{"temperature":99}'), 0)
    await hub.models.put({ id: 'room', source: 'none', document: room, mode: 'strict' })
    assert.equal(await send('{"temperature":99}'), 0)
    await hub.models.setSettings({ default: 'room' })
    assert.equal(await send('{"temperature":99}'), flags.invalid)
    await assert.rejects(hub.models.delete({ id: 'room' }), { code: 'MODEL_IN_USE' })
    await hub.models.attach({ id: 'room', mode: 'warn' })
    assert.equal(await send('{"temperature":99}'), 0)
    await hub.models.attach({ id: 'room', mode: 'strict' })
    await hub.models.setSettings({ default: null })
    assert.equal(await send('{"temperature":99}'), 0)
    await hub.models.delete({ id: 'room' })
    assert.deepEqual((await hub.models.list({})).items, [])
  })

  it('a device has ten notices a minute', async () => {
    await hub.models.put({ id: 'room', source: 'none', document: room })
    await hub.devices.register({ id: 'r1', attributes: { model: 'room' } })
    for (let i = 0; i < 30; i++) await inject('r1', { temperature: 'hot' })
    assert.equal(news.length, 10)
  })

  it('what one would say of a sample is asked for without storing anything', async () => {
    await hub.models.put({ source: 'wot', document: lamp, short: { b: 'brightness' } })
    const ask = (o: object) => hub.models.validate({ model: 'urn:example:lamp', ...o })
    assert.deepEqual(await ask({ telemetry: { b: 7 } }), { valid: true, faults: [], values: { brightness: 7 } })
    assert.deepEqual(
      (await ask({ reported: { state: 'dim' } })).faults.map(({ path }) => path),
      ['state'],
    )
    assert.deepEqual(
      (await ask({ desired: { state: 'on' } })).faults.map(({ rule }) => rule),
      ['readOnly'],
    )
    assert.deepEqual(
      (await ask({ command: { name: 'fade', payload: { overMs: -1 } } })).faults.map(({ path }) => path),
      ['overMs'],
    )
    assert.deepEqual((await ask({ telemetry: { x: 1 }, closed: true })).valid, false)
    await assert.rejects(hub.models.validate({ model: 'none' }), { code: 'MODEL_UNKNOWN' })
  })
})
