import assert from 'node:assert/strict'
import { kinds } from '../../src/journal/journal-port.ts'
import { type GatewayHouse, openGatewayHouse, patient, type Peer } from './gateway-house.ts'

const failing = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'nothing',
    ({ code }) => code,
  )
const all = ['commands/+/+', 'inbox/#']

describe('methods and messages of devices behind a gateway that connects by MQTT', function () {
  this.timeout(120_000)
  let house: GatewayHouse
  const call = (id: string, method: string, more: object = {}) =>
    house.hub.commands.call({ id, method, responseTimeoutMs: 60_000, ...more })
  const send = (id: string, text: string, more: object = {}) =>
    house.hub.commands.send({ id, message: { body: Buffer.from(text), ack: 'full', ...more } })
  const waiting = async (id: string) => (await house.hub.commands.inbox({ id })).items.length
  const listens = async (peer: Peer, devices: string[], ends = all) => {
    for (const device of devices)
      for (const end of ends) assert.ok(await peer.grants(`devices/${device}/${end}`), `${device} ${end}`)
  }
  /** The topic of a call, once it came. */
  const called = async ({ heard }: Peer, method: string) =>
    (await patient(() => heard.find(({ topic }) => topic.includes(`/commands/${method}/`)))).topic
  const texts = ({ heard }: Peer, device: string) =>
    heard.filter(({ topic }) => topic.startsWith(`devices/${device}/inbox/`)).map(({ text }) => text)
  const outcomes = async () =>
    (await house.records(kinds.feedback)).map(({ device, payload }) => [
      device,
      JSON.parse(new TextDecoder().decode(payload)).statusCode,
    ])

  beforeEach(async () => {
    house = await openGatewayHouse()
    await house.permit('gw')
  })
  afterEach(() => house.close())

  it('a method comes on the topic of the device, and the answer on it is the answer', async () => {
    const gw = await house.dial('gw')
    await listens(gw, ['a', 'b'])
    const asked = call('b', 'blink', { payload: { times: 3 } })
    const topic = await called(gw, 'blink')
    assert.match(topic, /^devices\/b\/commands\/blink\/[0-9a-f]+$/)
    assert.deepEqual(
      gw.heard.map(({ text, qos }) => [text, qos]),
      [['{"times":3}', 1]],
    )
    await gw.publish(`${topic.replace('devices/b', 'devices/a')}/answer`, { status: 500 })
    await gw.publish(`${topic}/answer`, { status: 207, payload: { done: 3 } })
    assert.deepEqual(await asked, { status: 207, payload: { done: 3 } })
  })

  it('a gateway that is away is a device that is away; one that does not listen, or says nothing, is told apart', async () => {
    assert.equal(await failing(call('a', 'm')), 'COMMAND_DEVICE_OFFLINE')
    const early = call('a', 'early', { connectTimeoutMs: 60_000 })
    const gw = await house.dial('gw')
    assert.equal(await failing(call('a', 'm')), 'COMMAND_DEVICE_OFFLINE', 'it has nothing to do with it yet')
    await listens(gw, ['a'], ['twin/desired'])
    assert.equal(await failing(call('a', 'm')), 'COMMAND_UNSUPPORTED')
    await listens(gw, ['a'])
    await gw.publish(`${await called(gw, 'early')}/answer`, 'true')
    assert.deepEqual(await early, { status: 200, payload: true })
    assert.equal(await failing(call('a', 'silent', { responseTimeoutMs: 1000 })), 'COMMAND_TIMEOUT')
    await gw.client.endAsync(true)
    await patient(async () => (await failing(call('a', 'late', { responseTimeoutMs: 1000 }))) === 'COMMAND_DEVICE_OFFLINE')
  })

  it('messages come in order, are done with their PUBACK, and come again to the next connection otherwise', async () => {
    for (const text of ['1', '2']) await send('a', text, { properties: { n: text } })
    const first = await house.dial('gw')
    first.hold()
    await listens(first, ['a', 'b'])
    await patient(() => texts(first, 'a').length === 2)
    await send('b', 'x')
    await patient(() => texts(first, 'b').length === 1)
    assert.deepEqual(await outcomes(), [])
    first.client.stream.destroy()
    const second = await house.dial('gw')
    await listens(second, ['a', 'b'])
    await send('a', '3')
    await patient(async () => (await outcomes()).length === 4)
    assert.deepEqual([texts(second, 'a'), texts(second, 'b')], [['1', '2', '3'], ['x']])
    const ids = ({ heard }: Peer) => heard.slice(0, 2).map(({ topic }) => topic)
    assert.deepEqual(ids(second), ids(first), 'the same ids and properties')
    assert.match(ids(first)[0]!, /\/\?n=1&ack=full$/)
    assert.deepEqual((await outcomes()).map(([device, status]) => `${device} ${status}`).sort(), [
      ...Array(3).fill('a Success'),
      'b Success',
    ])
  })

  it('at QoS 0 a message is done when it is written', async () => {
    const gw = await house.dial('gw')
    assert.ok(await gw.grants('devices/a/#', 0))
    await send('a', 'x')
    await patient(async () => (await outcomes()).length === 1)
    assert.deepEqual([texts(gw, 'a'), await waiting('a')], [['x'], 0])
  })

  it('another gateway hears nothing of them, answers nothing and acknowledges nothing, whatever its policies say', async () => {
    await house.permit('gw2')
    await house.permit('gw2', '*', 'Allow', 'iot:*')
    const gw = await house.dial('gw')
    const gw2 = await house.dial('gw2')
    await listens(gw, ['a'])
    for (const end of [...all, 'commands/#', '#', 'twin/desired']) assert.equal(await gw2.grants(`devices/a/${end}`), false, end)
    for (const filter of ['devices/+/commands/+/+', 'devices/+/inbox/#', 'devices/#', '#', '+/a/#'])
      assert.equal(await gw2.grants(filter), false, filter)
    const asked = call('a', 'secret')
    const topic = await called(gw, 'secret')
    await gw2.publish(`${topic}/answer`, { status: 666 })
    await gw2.publish('devices/a/presence/online')
    await gw2.publish('devices/a/telemetry', { t: 1 })
    await gw2.publish('devices/a/twin/report/?rid=1', { forged: true })
    await gw.publish(`${topic}/answer`, { payload: 'right' })
    assert.deepEqual(await asked, { status: 200, payload: { payload: 'right' } })
    assert.equal((await house.hub.devices.get({ id: 'a' })).connection.connected, false)
    assert.deepEqual((await house.hub.twins.get({ id: 'a' })).reported, {})
    assert.deepEqual(await house.records(kinds.message), [])
    assert.deepEqual(gw2.heard, [])
  })

  it('a device that goes to another gateway takes along what the first one has not acknowledged; its late words count no more', async () => {
    await house.permit('gw2')
    const gw = await house.dial('gw')
    const gw2 = await house.dial('gw2')
    await listens(gw, ['a', 'b'])
    const acknowledge = gw.hold()
    for (const text of ['1', '2', '3']) await send('a', text)
    await send('b', 'stays')
    const asked = call('a', 'm', { responseTimeoutMs: 5000 })
    const lost = failing(asked)
    const topic = await called(gw, 'm')
    await patient(() => texts(gw, 'a').length === 3 && texts(gw, 'b').length === 1)
    await house.hub.devices.update({ id: 'a', attributes: { gateway: 'gw2' } })
    await patient(() => gw2.grants('devices/a/#'))
    await patient(() => texts(gw2, 'a').length === 3)
    assert.deepEqual(texts(gw2, 'a'), ['1', '2', '3'])
    await patient(async () => (await waiting('a')) === 0)
    await send('a', '4')
    await patient(() => texts(gw2, 'a').length === 4)
    await gw.publish(`${topic}/answer`, { status: 666 })
    assert.equal(await waiting('b'), 1)
    acknowledge()
    await patient(async () => (await outcomes()).length === 5)
    assert.deepEqual(
      [texts(gw, 'a'), await waiting('b')],
      [['1', '2', '3'], 0],
      'the first one hears nothing more of it, and has the other',
    )
    assert.equal(await lost, 'COMMAND_TIMEOUT')
  })

  it('what an old gateway acknowledges after the change waits for the new one', async () => {
    const gw = await house.dial('gw')
    await listens(gw, ['a'])
    const acknowledge = gw.hold()
    await send('a', '1')
    await patient(() => texts(gw, 'a').length === 1)
    await house.hub.devices.update({ id: 'a', attributes: { gateway: 'gw2' } })
    await patient(async () => !(await house.hub.commands.inbox({ id: 'a' })).items[0]!.held)
    acknowledge()
    await gw.publish('devices/gw/twin/get/?rid=1')
    assert.equal(await waiting('a'), 1)
    await house.permit('gw2')
    const gw2 = await house.dial('gw2')
    await listens(gw2, ['a'])
    await patient(async () => (await waiting('a')) === 0)
    assert.deepEqual(texts(gw2, 'a'), ['1'])
  })

  it('a connection of its own comes first, and the gateway has the rest when that ends', async () => {
    const gw = await house.dial('gw')
    await listens(gw, ['a'])
    const own = await house.dial('a')
    await listens(own, ['a'])
    const asked = call('a', 'mine')
    await own.publish(`${await called(own, 'mine')}/answer`, '1')
    assert.equal((await asked).payload, 1)
    own.hold()
    await send('a', 'x')
    await patient(() => texts(own, 'a').length === 1)
    own.client.stream.destroy()
    await patient(() => texts(gw, 'a').length === 1)
    assert.deepEqual(
      gw.heard.map(({ text }) => text),
      ['x'],
    )
  })

  it('what a flow has and did not settle comes first on a connection that begins, and goes back to the flow with its end', async () => {
    const given: { lock: string; text: string }[] = []
    house.hub.subscribe(event => {
      if (event.type === 'leaf' && event.kind === 'message')
        given.push({ lock: event.lock, text: Buffer.from(event.body, 'base64').toString() })
    })
    await house.hub.gateways.attend({ gateway: 'gw', listener: 'n', instance: '1', on: true })
    for (const text of ['1', '2']) await send('a', text)
    await patient(() => given.length === 1)
    const gw = await house.dial('gw')
    gw.hold()
    await listens(gw, ['a'])
    await patient(() => texts(gw, 'a').length === 2)
    assert.deepEqual(texts(gw, 'a'), ['1', '2'])
    const settle = (at: number) =>
      house.hub.gateways.settle({ gateway: 'gw', device: 'a', lock: given[at]!.lock, as: 'completed' })
    assert.equal(await failing(settle(0)), 'COMMAND_LOCK_LOST')
    gw.client.stream.destroy()
    for (const at of [1, 2]) {
      await patient(() => given.length === at + 1)
      await settle(at)
    }
    assert.deepEqual(
      given.map(({ text }) => text),
      ['1', '1', '2'],
    )
  })

  it('a device in quarantine has neither, and both again after its release', async () => {
    const gw = await house.dial('gw')
    assert.ok(await gw.grants('devices/a/#'))
    await house.hub.devices.quarantine({ id: 'a' })
    assert.equal(await failing(call('a', 'm')), 'DEVICE_QUARANTINED')
    await house.hub.devices.release({ id: 'a' })
    await send('a', 'x')
    await patient(() => texts(gw, 'a').length === 1)
  })

  it('a gateway has room for the filters of all its devices, others have not', async () => {
    const many = Array.from({ length: 30 }, (_, i) => `m${i}`)
    for (const id of many) await house.hub.devices.register({ id, attributes: { gateway: 'gw' } })
    const gw = await house.dial('gw')
    const ends = ['twin/desired', 'twin/answer/#', 'commands/+/+', 'inbox/#']
    await patient(() => gw.grants('devices/m29/twin/desired'))
    await listens(gw, many, ends)
    const alone = await house.dial('alone')
    const granted = await Promise.all(many.flatMap(name => [1, 2].map(n => alone.grants(`cmd/alone/${name}/${n}`))))
    assert.equal(granted.filter(Boolean).length, 50)
  })
})
