import assert from 'node:assert/strict'
import { type GatewayHouse, openGatewayHouse, patient } from './gateway-house.ts'

const came = [
  ['connected', undefined, 'gw'],
  ['online', undefined, 'gw'],
]
const connected = ['connected', undefined, 'gw']
const left = (reason: string) => ['disconnected', reason, 'gw']

describe('presence of devices behind a gateway that connects by MQTT', function () {
  this.timeout(120_000)
  let house: GatewayHouse
  const isThere = async (id: string) => (await house.hub.devices.get({ id })).connection.connected
  const history = async (id: string) =>
    (await house.hub.devices.connections({ id })).items.map(({ gateway, dialect, disconnectReason }) => [
      gateway,
      dialect,
      disconnectReason,
    ])

  beforeEach(async () => {
    house = await openGatewayHouse()
  })
  afterEach(() => house.close())

  it('is what it says, once each; telemetry alone says nothing', async () => {
    await house.permit('gw')
    const gw = await house.dial('gw')
    await gw.publish('devices/a/telemetry', { t: 1 })
    assert.equal(await isThere('a'), false)
    for (let twice = 0; twice < 2; twice++) await gw.publish('devices/a/presence/online')
    const { connection } = await house.hub.devices.get({ id: 'a' })
    assert.deepEqual([connection.connected, connection.via, connection.dialect], [true, 'gw', 'gateway'])
    assert.equal((await house.hub.health.get({})).connections, 1)
    await gw.publish('devices/a/presence/offline/?reason=no%20answer%20on%20the%20bus')
    await gw.publish('devices/a/presence/offline')
    await gw.publish('devices/a/presence/online', { any: 'body' })
    await gw.publish('devices/a/presence/offline')
    assert.deepEqual(await house.lived('a', 5), [...came, left('no answer on the bus'), connected, left('GATEWAY_SAYS_OFFLINE')])
    assert.deepEqual(await history('a'), [
      ['gw', 'gateway', 'GATEWAY_SAYS_OFFLINE'],
      ['gw', 'gateway', 'no answer on the bus'],
    ])
    assert.equal((await house.hub.devices.get({ id: 'b' })).connection.connected, false)
  })

  it('needs the relation and the policy, and counts a Deny', async () => {
    await house.permit('gw2')
    const gw = await house.dial('gw')
    const gw2 = await house.dial('gw2')
    const refused = async () => {
      for (const peer of [gw, gw2]) await peer.publish('devices/a/presence/online')
      await gw2.publish('devices/gw2/presence/online')
      assert.equal(await isThere('a'), false)
    }
    await refused()
    await house.permit('gw')
    await house.permit('gw', 'topic/devices/a/presence/*', 'Deny', 'iot:Publish')
    await patient(async () => {
      await gw.publish('devices/b/presence/online')
      return isThere('b')
    })
    await refused()
  })

  it('ends with the connection that said it, and goes on if another one says it in time', async () => {
    await house.permit('gw')
    const first = await house.dial('gw')
    for (const device of ['a', 'b']) await first.publish(`devices/${device}/presence/online`)
    const second = await house.dial('gw', { clientId: 'gw-2' })
    await second.publish('devices/b/presence/online')
    first.client.stream.destroy()
    await patient(async () => !(await isThere('a')))
    assert.equal(await isThere('b'), true)
    await second.client.endAsync()
    await patient(async () => !(await isThere('b')))
    assert.deepEqual(await house.lived('a', 3), [...came, left('GATEWAY_GONE')])
    assert.deepEqual(await house.lived('b', 3), [...came, left('GATEWAY_GONE')])
  })

  it('ends when its gateway is taken over by a connection of the same client id, which says it again', async () => {
    await house.permit('gw')
    const first = await house.dial('gw')
    await first.publish('devices/a/presence/online')
    const second = await house.dial('gw')
    await patient(async () => !(await isThere('a')))
    await second.publish('devices/a/presence/online')
    assert.deepEqual(await house.lived('a', 4), [...came, left('GATEWAY_GONE'), connected], 'online all the time')
  })

  it('a will cannot say that a device is there', async () => {
    await house.permit('gw')
    const will = { topic: 'devices/a/presence/online', payload: Buffer.from(''), qos: 1 as const, retain: false }
    const gw = await house.dial('gw', { will })
    const other = await house.dial('gw', { clientId: 'gw-2' })
    gw.client.stream.destroy()
    await patient(async () => (await house.lived('gw', 3)).some(([event]) => event === 'disconnected'))
    await other.publish('devices/a/presence/offline')
    assert.equal(await isThere('a'), false)
    assert.deepEqual(
      (await history('a')).filter(([, , reason]) => reason === undefined),
      [],
    )
  })

  it('ends with the right: relation, policy, quarantine, either of them disabled', async () => {
    const policy = await house.permit('gw')
    const gw = await house.dial('gw')
    const { hub } = house
    const lost = async (take: () => Promise<unknown>, give: () => Promise<unknown>) => {
      await patient(async () => {
        await gw.publish('devices/a/presence/online')
        return isThere('a')
      })
      await take()
      await patient(async () => !(await isThere('a')))
      await give()
    }
    await lost(
      () => hub.devices.update({ id: 'a', attributes: { gateway: 'gw2' } }),
      () => hub.devices.update({ id: 'a', attributes: { gateway: 'gw' } }),
    )
    await lost(
      () => hub.policies.detach({ policy, target: { device: 'gw' } }),
      () => hub.policies.attach({ policy, target: { device: 'gw' } }),
    )
    await lost(
      () => hub.devices.quarantine({ id: 'gw' }),
      () => hub.devices.release({ id: 'gw' }),
    )
    await lost(
      () => hub.devices.update({ id: 'a', enabled: false }),
      () => hub.devices.update({ id: 'a', enabled: true }),
    )
    await lost(
      () => hub.devices.update({ id: 'gw', enabled: false }),
      async () => {},
    )
    const told = (await house.lived('a', 13)).filter(([event]) => event === 'disconnected')
    assert.deepEqual(told, Array(5).fill(left('FORBIDDEN_ACCESS')))
  })

  it('a flow and a connection of one gateway: who says it last has it', async () => {
    await house.permit('gw')
    const { hub } = house
    const attend = (on: boolean) => hub.gateways.attend({ gateway: 'gw', listener: 'n', instance: '1', on })
    await attend(true)
    for (const device of ['a', 'b']) await hub.gateways.presence({ gateway: 'gw', device, online: true })
    const gw = await house.dial('gw')
    await gw.publish('devices/b/presence/online')
    await attend(false)
    assert.deepEqual([await isThere('a'), await isThere('b')], [false, true])
    await hub.gateways.presence({ gateway: 'gw', device: 'b', online: true })
    await gw.client.endAsync()
    await patient(async () => !(await isThere('gw')))
    assert.equal(await isThere('b'), true, 'the flow has it again')
  })

  it('ends with the hub; after its restart the gateway says again who is there', async () => {
    const stored = await openGatewayHouse({ store: 'sqlite' })
    try {
      await stored.permit('gw')
      const gw = await stored.dial('gw', { clean: false })
      assert.ok(await gw.grants('devices/a/#'))
      await gw.publish('devices/a/presence/online')
      await stored.restart()
      const { connection } = await stored.hub.devices.get({ id: 'a' })
      assert.deepEqual([connection.connected, connection.via], [false, 'gw'])
      await stored.hub.commands.send({ id: 'a', message: { body: Buffer.from('kept') } })
      const again = await stored.dial('gw', { clean: false })
      await patient(() => again.heard.some(({ text }) => text === 'kept'))
      await again.publish('devices/a/presence/online')
      assert.deepEqual((await stored.lived('a', 4)).slice(0, 4), [...came, left('SERVER_INITIATED_DISCONNECT'), connected])
      const { items } = await stored.hub.devices.connections({ id: 'a' })
      assert.deepEqual(
        items.map(({ gateway }) => gateway),
        ['gw', 'gw'],
      )
    } finally {
      await stored.close()
    }
  })
})
