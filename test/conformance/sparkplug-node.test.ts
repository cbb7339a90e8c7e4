import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import decode from '../../nodes/decode/decode.ts'
import telemetryIn from '../../nodes/telemetry-in/telemetry-in.ts'
import type { FakeHub } from '../fake-hub.ts'
import { type Flow, flow, unload } from '../flow.ts'
import { stopAll, until } from '../processes.ts'
import { sdkClient } from './provisioning-clients.ts'
import { type ProvisioningHouse, provisioningHouse } from './provisioning-house.ts'

const later = 50_000
const id = 'press'
const groupId = 'plant'
const [, allowed = ''] =
  /```json\n(.*?)```/s.exec(readFileSync(join(import.meta.dirname, '../../docs/sparkplug.md'), 'utf8')) ?? []
/** What is published there is lost on its way. */
const lost = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Deny', Action: 'iot:Publish', Resource: ['topic/spBv1.0/*/DDATA/*/lost'] }],
}

describe('loom-decode with sparkplug-client', function () {
  this.timeout(180_000)
  let house: ProvisioningHouse
  let canvas: Flow

  before(async () => {
    house = await provisioningHouse('sparkplug-node')
    for (const [name, text] of [
      ['sparkplug', allowed],
      ['lost', JSON.stringify(lost)],
    ] as const) {
      await house.hub.policies.create({ id: name, text })
      await house.hub.policies.attach({ policy: name, target: { hub: true } })
    }
    const source = { id: 'in', type: 'loom-telemetry-in', hub: 'hub', ack: 'delivery', start: 'earliest', window: 256 }
    canvas = await flow(
      [telemetryIn, decode],
      { type: 'loom-decode', format: 'sparkplug', compression: 'auto', deviceNames: 'edge', waiting: 128 },
      { hub: house.hub as unknown as FakeHub, others: [{ ...source, x: 1, y: 1, z: 't', wires: [['n']] }] },
    )
  })
  after(async () => {
    await unload()
    await stopAll()
  })

  it('births name data, a gap is followed by a rebirth that brings what waited in order, and a death makes all stale', async () => {
    const { secrets } = await house.hub.devices.register({ id, credentials: { kind: 'password' } })
    const { host, port, caFile, folder } = house
    const edge = await sdkClient({
      ...{ script: 'sparkplug-edge-client.mjs', folder, name: id },
      settings: { host, port, caFile, groupId, edgeNode: id, clientId: id, username: id, password: secrets!.password },
    })
    const rpm = (value: number, name?: string) => ({ ...(name && { name }), alias: 1, type: 'Int32', value })
    const temperature = (value: number, name?: string) => ({ ...(name && { name }), alias: 2, type: 'Double', value })
    let at = 0
    const told = (...metrics: object[]) => ({ timestamp: (at = Math.max(at + 1, Date.now())), metrics })
    const births = async (value: number): Promise<void> => {
      await edge.ask('node', 'Birth', told(rpm(value, 'rpm')), null)
      await edge.ask('device', 'Birth', 'motor', told(temperature(value, 'temperature')), null)
    }
    const wishes = async (): Promise<number> =>
      ((await edge.ask('heard')) as any[]).filter(({ metrics }) => metrics[0].name === 'Node Control/Rebirth').length
    const made = () => canvas.seen().map(({ device, payload }) => [device, payload])
    const comes = (count: number) => until(`${count} readings`, () => canvas.seen().length >= count || undefined, later)

    await edge.ask('connect')
    await births(0)
    await edge.ask('device', 'Data', 'motor', told(temperature(21.5)), null)
    await comes(3)
    assert.deepEqual(made(), [
      [id, { rpm: 0 }],
      [`${id}/motor`, { temperature: 0 }],
      [`${id}/motor`, { temperature: 21.5 }],
    ])

    await edge.ask('device', 'Data', 'lost', told(temperature(666)), null)
    await edge.ask('node', 'Data', told(rpm(1)), null)
    await edge.ask('device', 'Data', 'motor', told(temperature(22)), null)
    await until('the wish for births', async () => (await wishes()) || undefined, later)
    assert.equal(canvas.seen().length, 3)
    await edge.ask('node', 'Data', told(rpm(2)), null)
    await births(100)
    await edge.ask('node', 'Data', told(rpm(3)), null)
    await comes(9)
    const later6 = made().slice(3)
    assert.deepEqual(
      later6.filter(([device]) => device === id),
      [1, 2, 100, 3].map(value => [id, { rpm: value }]),
    )
    assert.deepEqual(
      later6.filter(([device]) => device !== id),
      [22, 100].map(value => [`${id}/motor`, { temperature: value }]),
    )
    assert.equal(await wishes(), 1)

    const before = canvas.seen(1).length
    await edge.child.stop('SIGKILL')
    await until('its death', () => canvas.seen(1).length >= before + 2 || undefined, later)
    assert.deepEqual(
      canvas
        .seen(1)
        .slice(before)
        .map(({ notice, device, payload, source }) => [notice, device, payload, source.device, source.topic]),
      [
        ['stale', id, ['rpm'], id, `spBv1.0/${groupId}/NDEATH/${id}`],
        ['stale', `${id}/motor`, ['temperature'], id, `spBv1.0/${groupId}/NDEATH/${id}`],
      ],
    )
    assert.deepEqual(
      canvas.seen(1).map(({ notice }) => notice),
      ['rebirth', 'stale', 'stale', 'stale'],
    )
    assert.deepEqual((await house.hub.journal.deadLetters({ limit: 10 })).items, [])
  })
})
