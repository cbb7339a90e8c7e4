import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openSparkplug, type Sparkplug, type SparkplugTaken } from '../../src/codec/sparkplug/open-sparkplug.ts'
import { openSparkplugCodec } from '../../src/codec/sparkplug/sparkplug-codec.ts'
import { sparkplugCommand } from '../../src/codec/sparkplug/sparkplug-command.ts'
import { stopAll, until } from '../processes.ts'
import { type SdkClient, sdkClient } from './provisioning-clients.ts'
import { type ProvisioningHouse, provisioningHouse } from './provisioning-house.ts'

const later = 50_000
const groupId = 'plant 1'
/** As the guide has it. */
const [, policy = ''] =
  /```json\n(.*?)```/s.exec(readFileSync(join(import.meta.dirname, '../../docs/sparkplug.md'), 'utf8')) ?? []

describe('sparkplug-client against the hub', function () {
  this.timeout(180_000)
  let house: ProvisioningHouse
  let edges: Sparkplug<string>
  let read = 0
  const all: SparkplugTaken<string> = { messages: [], rebirths: [], stale: [], done: [], dropped: [] }

  before(async () => {
    house = await provisioningHouse('sparkplug')
    await house.hub.policies.create({ id: 'sparkplug', text: policy })
    await house.hub.policies.attach({ policy: 'sparkplug', target: { hub: true } })
    edges = await openSparkplug({ now: Date.now })
  })
  after(async () => {
    await stopAll()
    await house.hub.close()
  })

  /** What is new in the journal, as a decoding node would read it. */
  async function follow(): Promise<void> {
    const records = (await house.telemetry()).filter(({ topic }) => topic.startsWith('spBv1.0/'))
    for (const { topic, payload, device, props } of records.slice(read)) {
      assert.equal(props.e.contentType, 'application/x-sparkplug-b')
      const taken = edges.take({ topic, payload, source: device })
      all.messages.push(...taken.messages)
      all.stale.push(...taken.stale)
      all.dropped.push(...taken.dropped)
      for (const { topic: to, payload: ask } of taken.rebirths) {
        all.rebirths.push(...taken.rebirths)
        await house.hub.commands.sparkplug({ topic: to, payload: ask })
      }
    }
    read = records.length
  }
  const comes = (what: string, is: () => boolean) => until(what, () => follow().then(() => is() || undefined), later)
  const lastOf = (device: string, name: string): unknown =>
    all.messages.findLast(message => message.device === device && Object.hasOwn(message.values, name))?.values[name]
  const edgeOf = (name: string, settings: object): Promise<SdkClient> => {
    const { host, port, caFile, folder } = house
    return sdkClient({
      ...{ script: 'sparkplug-edge-client.mjs', folder, name },
      settings: { host, port, caFile, groupId, edgeNode: name, clientId: name, ...settings },
    })
  }
  const birth = {
    metrics: [
      { name: 'rpm', type: 'Int32', value: -5 },
      { name: 'Node Control/Rebirth', type: 'Boolean', value: false },
    ],
  }
  const deviceBirth = {
    metrics: [
      { name: 'temperature', type: 'Float', value: 21.5 },
      { name: 'count', type: 'UInt64', value: 7 },
    ],
  }

  it('an edge with a password tells births and data, obeys commands, and its will makes its values stale', async () => {
    const id = 'press-1'
    const { secrets } = await house.hub.devices.register({ id, credentials: { kind: 'password' } })
    const edge = await edgeOf(id, { username: id, password: secrets!.password })
    await edge.ask('connect')
    // Before its birth: it is asked for one.
    await edge.ask('node', 'Data', { timestamp: Date.now(), metrics: [{ name: 'rpm', type: 'Int32', value: -4 }] }, null)
    await comes('a wish for a birth', () => all.rebirths.length > 0)
    const heard = async (): Promise<any[]> => edge.ask('heard')
    await until(
      'the wish to arrive',
      async () => (await heard()).some(({ metrics }) => metrics[0].name === 'Node Control/Rebirth') || undefined,
      later,
    )
    await edge.ask('node', 'Birth', { timestamp: Date.now(), ...birth }, null)
    await edge.ask('device', 'Birth', 'motor', { timestamp: Date.now(), ...deviceBirth }, null)
    await edge.ask(
      'device',
      'Data',
      'motor',
      { timestamp: Date.now(), metrics: [{ name: 'temperature', type: 'Float', value: 22 }] },
      { compress: true, algorithm: 'GZIP' },
    )
    await edge.ask(
      'node',
      'Data',
      { timestamp: Date.now(), metrics: [{ name: 'rpm', type: 'Int32', value: -6 }] },
      { compress: true },
    )
    await comes('all of it', () => lastOf(id, 'rpm') === -6)
    assert.deepEqual(
      all.messages.map(({ device, source, values }) => [device, source, values]),
      [
        [id, id, { rpm: -4 }],
        [id, id, { rpm: -5 }],
        [`${id}/motor`, id, { temperature: 21.5, count: 7 }],
        [`${id}/motor`, id, { temperature: 22 }],
        [id, id, { rpm: -6 }],
      ],
    )
    const codec = await openSparkplugCodec()
    const metrics = [{ name: 'speed', type: 'Int32' as const, value: -70 }]
    await house.hub.commands.sparkplug(
      sparkplugCommand(codec, { group: groupId, edge: id, device: 'motor' }, { metrics, timestamp: Date.now() }),
    )
    const told = await until('the command', async () => (await heard()).find(({ kind }) => kind === 'DCMD'), later)
    assert.deepEqual([told.device, told.metrics[0].name, told.metrics[0].value], ['motor', 'speed', -70])
    await edge.child.stop('SIGKILL')
    await comes('its death', () => all.stale.length > 0)
    assert.deepEqual(
      all.stale.map(({ device, names }) => [device, names]),
      [
        [id, ['rpm']],
        [`${id}/motor`, ['temperature', 'count']],
      ],
    )
    assert.deepEqual(all.dropped, [])
  })

  it('an edge with a certificate speaks for itself, and for no other', async () => {
    const id = 'press-2'
    const { secrets } = await house.hub.devices.register({ id, credentials: { kind: 'x509' } })
    const certFile = house.file(`${id}.pem`, `${secrets!.certificatePem}${secrets!.chainPem ?? ''}`)
    const keyFile = house.file(`${id}.key`, secrets!.privateKeyPem!)
    const other = await edgeOf('other', { certFile, keyFile, edgeNode: 'press-1', clientId: id })
    await other.ask('connect')
    await other.ask('node', 'Birth', { timestamp: Date.now(), metrics: [{ name: 'rpm', type: 'Int32', value: 666 }] }, null)
    await until('the refusal', () => house.refusals.includes('POLICY_DENIED') || undefined, later)
    await other.child.stop('SIGKILL')
    const edge = await edgeOf(id, { certFile, keyFile })
    await edge.ask('connect')
    await edge.ask('node', 'Birth', { timestamp: Date.now(), ...birth }, null)
    await comes('its birth', () => lastOf(id, 'rpm') === -5)
    assert.equal(lastOf('press-1', 'rpm'), -6)
    assert.equal(all.stale.length, 2, 'its will spoke for another')
  })
})
