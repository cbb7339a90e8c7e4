import assert from 'node:assert/strict'
import { flags, kinds } from '../../src/journal/journal-port.ts'
import { type GatewayHouse, openGatewayHouse, patient } from './gateway-house.ts'

const room = (maximum: number) => ({ telemetry: { temperature: { schema: { type: 'number', maximum } } } })

describe('models of devices behind a gateway', function () {
  this.timeout(120_000)
  let house: GatewayHouse

  beforeEach(async () => {
    house = await openGatewayHouse()
    await house.permit('gw')
  })
  afterEach(() => house.close())

  const letters = async () => (await house.hub.journal.deadLetters({ limit: 100 })).items
  const said = async () =>
    (await house.records(kinds.message)).map(record => [
      record.device,
      Buffer.from(record.payload).toString(),
      Boolean(record.flags & flags.invalid),
    ])

  it('hold for what it sends, though they never connected, and after models and attributes are others', async () => {
    const { hub } = house
    await hub.models.put({ id: 'room', source: 'none', document: room(60), mode: 'strict' })
    await hub.devices.update({ id: 'a', attributes: { model: 'room' } })
    const gw = await house.dial('gw')
    const send = (temperature: number) => gw.publish('devices/a/telemetry', { temperature })
    await send(99)
    const [letter] = await patient(async () => ((await letters()).length === 1 ? await letters() : undefined))
    assert.deepEqual([letter!.device, letter!.reason, letter!.errors![0]!.path], ['a', 'model', 'temperature'])
    await hub.models.put({ id: 'other', source: 'none', document: {} })
    await send(98)
    await hub.models.put({ id: 'room', version: '2', source: 'none', document: room(10) })
    await send(20)
    await hub.devices.update({ id: 'a', attributes: { model: 'other' } })
    await send(97)
    await hub.devices.update({ id: 'a', attributes: { model: 'room;1' } })
    await send(96)
    await send(20)
    await patient(async () => (await letters()).length === 4)
    assert.deepEqual(await said(), [
      ['a', '{"temperature":99}', true],
      ['a', '{"temperature":98}', true],
      ['a', '{"temperature":20}', true],
      ['a', '{"temperature":97}', false],
      ['a', '{"temperature":96}', true],
      ['a', '{"temperature":20}', false],
    ])
  })

  it('keep the order of what it sends for each', async () => {
    await house.hub.models.put({ id: 'room', source: 'none', document: room(60), mode: 'strict' })
    await house.hub.models.setSettings({ default: 'room' })
    const gw = await house.dial('gw')
    const sent = Array.from({ length: 20 }, (_, i) => ({ device: i % 2 ? 'a' : 'b', temperature: 50 + i }))
    await Promise.all(sent.map(({ device, temperature }) => gw.publish(`devices/${device}/telemetry`, { temperature })))
    const kept = await said()
    for (const one of ['a', 'b'])
      assert.deepEqual(
        kept.filter(([device]) => device === one),
        sent
          .filter(({ device }) => device === one)
          .map(({ temperature }) => [one, `{"temperature":${temperature}}`, temperature > 60]),
      )
  })
})
