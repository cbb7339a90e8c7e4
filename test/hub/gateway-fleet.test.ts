import assert from 'node:assert/strict'
import { kinds } from '../../src/journal/journal-port.ts'
import { type GatewayHouse, openGatewayHouse, patient, type Peer } from './gateway-house.ts'

const leaves = Array.from({ length: 50 }, (_, i) => `leaf-${String(i + 1).padStart(2, '0')}`)
const rounds = 4

/** A field bus: what the gateway knows of each device behind it, and how it answers for it. */
function runBus(gw: Peer) {
  const desired = new Map<string, object>()
  const messages = new Map<string, string[]>(leaves.map(id => [id, []]))
  gw.client.on('message', (topic, payload) => {
    const [, device = '', area, name, rid] = topic.split('/')
    const text = payload.toString()
    if (area === 'inbox') messages.get(device)!.push(text)
    if (area === 'twin' && name === 'desired') {
      const news = JSON.parse(text)
      desired.set(device, { ...(news.full ? {} : desired.get(device)), ...news.desired })
      void gw.publish(`devices/${device}/twin/report/?rid=${news.version}`, desired.get(device))
    }
    if (area === 'commands')
      void gw.publish(`devices/${device}/commands/${name}/${rid}/answer`, {
        status: 200,
        payload: { device, name, asked: JSON.parse(text) },
      })
  })
  return { desired, messages }
}

describe('fifty devices behind one gateway that connects by MQTT', function () {
  this.timeout(240_000)
  let house: GatewayHouse

  beforeEach(async () => {
    house = await openGatewayHouse()
    for (const id of leaves) await house.hub.devices.register({ id, attributes: { gateway: 'gw' } })
    for (const gateway of ['gw', 'gw2']) await house.permit(gateway, 'device/leaf-*')
    await house.permit('gw2', '*', 'Allow', 'iot:*')
  })
  afterEach(() => house.close())

  it('have telemetry, twins, methods, messages and presence, all at once and each its own; another gateway has no part in it', async () => {
    const { hub } = house
    const gw = await house.dial('gw')
    const other = await house.dial('gw2')
    await patient(() => gw.grants('devices/leaf-50/twin/desired'))
    const bus = runBus(gw)
    const granted = await gw.client.subscribeAsync(
      leaves.map(id => `devices/${id}/#`),
      { qos: 1 },
    )
    assert.deepEqual([...new Set(granted.map(({ qos }) => qos))], [1])
    for (const id of leaves) assert.equal(await other.grants(`devices/${id}/#`), false, id)

    await Promise.all(leaves.map(id => gw.publish(`devices/${id}/presence/online`)))
    const answers = leaves.flatMap(id =>
      Array.from({ length: rounds }, (_, n) =>
        hub.commands.call({ id, method: `m${n}`, payload: [id, n], responseTimeoutMs: 120_000 }),
      ),
    )
    await Promise.all([
      ...leaves.flatMap((id, at) =>
        Array.from({ length: rounds }, (_, n) => gw.publish(`devices/${id}/telemetry/env/?seq=${n}`, { n, at })),
      ),
      ...leaves.map((id, at) => hub.twins.patch({ id, desired: { setpoint: at } })),
      ...leaves.flatMap(id =>
        Array.from({ length: rounds }, (_, n) =>
          hub.commands.send({ id, message: { body: Buffer.from(`${id} ${n}`), ack: 'full' } }),
        ),
      ),
      // What the other one tries meanwhile: fewer than would close its connection.
      ...leaves
        .slice(0, 30)
        .flatMap(id => [
          other.publish(`devices/${id}/telemetry/env`, { forged: true }),
          other.publish(`devices/${id}/twin/report/?rid=1`, { forged: true }),
          other.publish(`devices/${id}/presence/offline`),
        ]),
    ])

    assert.deepEqual(
      (await Promise.all(answers)).map(({ payload }) => payload),
      leaves.flatMap(device => Array.from({ length: rounds }, (_, n) => ({ device, name: `m${n}`, asked: [device, n] }))),
    )
    const feedback = async () => (await house.records(kinds.feedback)).map(({ device }) => device)
    await patient(async () => (await feedback()).length === leaves.length * rounds)
    for (const id of leaves)
      assert.deepEqual(
        bus.messages.get(id),
        Array.from({ length: rounds }, (_, n) => `${id} ${n}`),
      )
    await patient(async () => {
      const twins = await Promise.all(leaves.map(id => hub.twins.get({ id })))
      return twins.every(({ reported, desired }, at) => reported.setpoint === at && desired.setpoint === at)
    })
    const readings = (await house.records(kinds.message)).map(({ device, props, payload }) => [
      device,
      props.p.gateway,
      JSON.parse(new TextDecoder().decode(payload)),
    ])
    assert.equal(readings.length, leaves.length * rounds)
    for (const [at, id] of leaves.entries())
      assert.deepEqual(
        readings.filter(([device]) => device === id),
        Array.from({ length: rounds }, (_, n) => [id, 'gw', { n, at }]),
      )
    const { items } = await hub.devices.list({ query: 'leaf-', limit: 100 })
    assert.deepEqual(
      items.map(({ id, connection }) => [id, connection.connected, connection.via]),
      leaves.map(id => [id, true, 'gw']),
    )
    assert.deepEqual(other.heard, [])

    gw.client.stream.destroy()
    await patient(async () =>
      (await hub.devices.list({ query: 'leaf-', limit: 100 })).items.every(one => !one.connection.connected),
    )
    assert.equal((await hub.devices.get({ id: 'gw2' })).connection.connected, true)
  })

  it('with more than a connection has room for at once, each hears what is desired of it and has all its messages, also after its gateway was away', async () => {
    const { hub } = house
    const more = Array.from({ length: 150 }, (_, i) => `leaf-x${i}`)
    for (const id of more) await hub.devices.register({ id, attributes: { gateway: 'gw' } })
    await Promise.all(more.map((id, at) => hub.twins.patch({ id, desired: { at } })))
    await Promise.all(more.flatMap(id => ['1', '2'].map(text => hub.commands.send({ id, message: { body: Buffer.from(text) } }))))
    const gw = await house.dial('gw')
    await patient(() => gw.grants(`devices/${more.at(-1)}/twin/answer`))
    await gw.client.subscribeAsync(
      more.map(id => `devices/${id}/#`),
      { qos: 1 },
    )
    const heard = (end: string) => new Set(gw.heard.flatMap(({ topic }) => (topic.includes(end) ? [topic] : []))).size
    await patient(() => heard('/twin/desired') === more.length && heard('/inbox/') === more.length * 2)
    await patient(async () => {
      const inboxes = await Promise.all(more.map(id => hub.commands.inbox({ id })))
      return inboxes.every(({ items }) => items.length === 0)
    })
    assert.equal(gw.heard.filter(({ topic }) => topic.includes('/inbox/')).length, more.length * 2, 'each once')
  })
})
