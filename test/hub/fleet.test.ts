import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkedOptions } from '../../src/hub/checked-options.ts'
import type { Hub, HubOptions } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { kinds } from '../../src/journal/journal-port.ts'
import { until } from '../until.ts'

const options = (dataDir: string, more: Partial<HubOptions> = {}): HubOptions => ({
  hubId: 'fleet',
  dataDir,
  store: 'sqlite',
  broker: 'none',
  listeners: [],
  threaded: false,
  ...more,
})

describe('fleet queries of a hub that starts again', function () {
  this.timeout(60_000)
  let folder: string
  let hub: Hub | undefined
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'loom-fleet-'))
  })
  afterEach(async () => {
    await hub?.close()
    hub = undefined
    await rm(folder, { recursive: true, force: true })
  })
  const again = async (more: Partial<HubOptions> = {}): Promise<Hub> => {
    await hub?.close()
    hub = await startHub(options(folder, more))
    return hub
  }
  /** `pump-1 join hot twin`, as the journal has it. */
  const told = async (): Promise<string[]> => {
    const records = await hub!.journal.read({ from: 0, limit: 1000 })
    return records
      .filter(({ kind }) => kind === kinds.membership)
      .map(({ device, payload }) => {
        const { event, group, cause } = JSON.parse(Buffer.from(payload).toString()) as Record<string, string>
        return `${device} ${event} ${group} ${cause}`
      })
  }
  const ids = async (text: string): Promise<unknown[]> =>
    (await hub!.fleet.query({ text, limit: 1000 })).items.map(({ id }) => id)

  it('find what they found before, and groups have their members without being told again', async () => {
    await again()
    for (const id of ['pump-1', 'pump-2', 'pump-10'])
      await hub!.devices.register({ id, tags: { site: 'a' }, attributes: { model: 'x' } })
    await hub!.groups.create({ id: 'plant' })
    await hub!.groups.create({ id: 'hall', parent: 'plant' })
    await hub!.groups.add({ group: 'hall', devices: ['pump-2'] })
    await hub!.twins.report({ id: 'pump-1', reported: { t: 40 } })
    await hub!.twins.report({ id: 'pump-10', name: 'cfg', reported: { v: 1 } })
    await hub!.fleet.createGroup({ id: 'hot', text: 'shadow.reported.t>30' })
    await hub!.fleet.createGroup({ id: 'in-plant', text: 'thingGroupNames:plant' })
    const questions = [
      'tags.site:a',
      'thingTypeName:x',
      'shadow.reported.t:40',
      'shadow.name.cfg.reported.v:*',
      'thingGroupNames:plant',
      'thingGroupNames:hot',
    ]
    const before = await Promise.all(questions.map(ids))
    assert.deepEqual(before.at(-1), ['pump-1'])
    const events = ['pump-1 join hot query', 'pump-2 join in-plant query']
    await until(async () => (await told()).length === 2, 30_000)
    assert.deepEqual(await told(), events)
    await again()
    assert.deepEqual(await Promise.all(questions.map(ids)), before)
    assert.deepEqual(await told(), events)
    assert.deepEqual((await hub!.fleet.members({ group: 'in-plant' })).items, ['pump-2'])
    await hub!.groups.update({ id: 'hall', parent: null })
    assert.deepEqual(await ids('thingGroupNames:plant'), [])
    await hub!.devices.delete({ id: 'pump-1' })
    assert.deepEqual(await ids('thingGroupNames:hot'), [])
    await again()
    assert.deepEqual((await told()).slice(2), ['pump-2 leave in-plant groups', 'pump-1 leave hot deleted'])
  })

  it('see a device that is made again under its id as the new one', async () => {
    await again()
    await hub!.devices.register({ id: 'pump-1', desired: { a: 1 } })
    for (let i = 0; i < 5; i++) await hub!.twins.report({ id: 'pump-1', reported: { t: i } })
    await hub!.devices.delete({ id: 'pump-1' })
    await hub!.devices.register({ id: 'pump-1', desired: { b: 2 } })
    const { items } = await hub!.fleet.query({ text: '*' })
    assert.deepEqual(items[0]!.twin, { desired: { b: 2 }, reported: {}, hasDelta: true })
  })

  it('show states, tags, certificates and deleted twins as they are now', async () => {
    await again()
    await hub!.devices.register({ id: 'pump-1', credentials: { kind: 'x509' } })
    await hub!.twins.report({ id: 'pump-1', name: 'cfg', reported: { v: 1 } })
    assert.deepEqual(await ids('cert.notAfter>0 shadow.name.cfg.reported.v:1'), ['pump-1'])
    await hub!.twins.delete({ id: 'pump-1', name: 'cfg' })
    assert.deepEqual(await ids('shadow.name.cfg.reported:*'), [])
    await hub!.twins.patch({ id: 'pump-1', tags: { site: 'a' } })
    assert.deepEqual(await ids('tags.site:a'), ['pump-1'])
    const { credentials } = await hub!.devices.get({ id: 'pump-1' })
    await hub!.identity.revokeCredential({ id: 'pump-1', cid: credentials[0]!.cid })
    assert.deepEqual(await ids('cert.notAfter>0'), [])
    await hub!.devices.quarantine({ id: 'pump-1' })
    assert.deepEqual(await ids('state:quarantined'), ['pump-1'])
    await hub!.devices.update({ id: 'pump-1', enabled: false })
    const text = "SELECT deviceId FROM devices WHERE status = 'disabled'"
    assert.deepEqual((await hub!.fleet.query({ dialect: 'azure', text })).items, [{ deviceId: 'pump-1' }])
  })

  it('read declared paths only once twins take more than the index may', async () => {
    await again({ limits: { fleetIndexBytes: 4000, fleetPaths: 'twin.reported.fw' } })
    for (let i = 0; i < 10; i++) {
      await hub!.devices.register({ id: `pump-${i}` })
      await hub!.twins.report({ id: `pump-${i}`, reported: { fw: `1.${i}`, text: 'x'.repeat(500) } })
    }
    assert.deepEqual(await ids('shadow.reported.fw:1.7'), ['pump-7'])
    await assert.rejects(ids('shadow.reported.text:*'), { code: 'QUERY_LIMIT' })
    const { reduced, devices } = await hub!.fleet.state({})
    assert.deepEqual([reduced, devices], [true, 10])
    assert.ok((await hub!.health.get({})).problems.some(({ code }) => code === 'QUERY_LIMIT'))
  })

  it('are configured by paths that exist', () => {
    const wrong = options(folder, { limits: { fleetPaths: 'twin.reported.fw, nothing.here' } })
    assert.throws(() => checkedOptions(wrong), { code: 'HUB_CONFIG_INVALID' })
  })
})
