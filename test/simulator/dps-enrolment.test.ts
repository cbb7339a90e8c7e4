import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { endpointOf } from '../../nodes/simulator/enrol.ts'
import simulator from '../../nodes/simulator/simulator.ts'
import type { Hub } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { deriveKey } from '../../src/identity/prove-sas.ts'
import type { EnrolmentChange } from '../../src/provisioning/enrolment.ts'
import { checkedEnrolment, enrolByDps, type KeyEnrolment } from '../../src/simulator/dps-enrolment.ts'
import { addressOf } from '../../src/simulator/hub-address.ts'
import type { FakeHub } from '../fake-hub.ts'
import { flow, unload } from '../flow.ts'
import { tempFolder } from '../processes.ts'
import { until } from '../until.ts'

const key = (byte: number): string => Buffer.alloc(32, byte).toString('base64')

describe('simulated devices that come by DPS with symmetric keys', function () {
  this.timeout(120_000)
  let hub: Hub
  let dataDir: string
  const open = () =>
    startHub({
      hubId: 'dps',
      dataDir,
      store: 'sqlite',
      broker: 'embedded',
      threaded: false,
      listeners: [{ kind: 'mqtts', host: '127.0.0.1', port: 0 }],
    })
  /** The flow and its hub, as after a restart of Node-RED; another port. */
  const restarted = async () => {
    await unload()
    await hub.close()
    hub = await open()
  }
  beforeEach(async () => {
    dataDir = tempFolder('dps')
    hub = await open()
  })
  afterEach(async () => {
    await unload()
    await hub.close()
  })
  const group = async (change: EnrolmentChange = {}) => {
    const enrolment = { id: 'line', kind: 'group', attestation: { kind: 'sas' }, ...change } as const
    return (await hub.provisioning.createEnrolment({ enrolment })).secrets!
  }
  const enrolBy = (enrolment: KeyEnrolment, now: () => number = Date.now) => {
    const enrol = enrolByDps({ endpoint: () => endpointOf(hub), enrolment, now })
    return (id: string) => enrol({ id, csrPem: '' })
  }
  const load = (config: object = {}, userDir = tempFolder('dps-user')) =>
    flow(
      simulator,
      { type: 'loom-simulator', count: 2, intervalMs: 100, rampPerSecond: 100, autostart: false, ...config },
      { hub: hub as FakeHub, settings: { userDir } },
    )

  it('derive their key from that of the group, register, and are told this hub', async () => {
    const { primaryKey, secondaryKey } = await group()
    const made = await enrolBy({ groupKey: primaryKey })('sim-0001')
    assert.equal(made.sharedKey, deriveKey(primaryKey, 'sim-0001'))
    assert.equal(made.dial, undefined, 'it is the hub that they asked')
    assert.equal((await hub.devices.get({ id: 'sim-0001' })).enrolmentId, 'line')
    assert.ok(await enrolBy({ groupKey: secondaryKey })('sim-0002'))
  })

  it('use their own key where each has an enrolment of its own', async () => {
    const attestation = { kind: 'sas', primaryKey: key(7) } as const
    await hub.provisioning.createEnrolment({ enrolment: { kind: 'individual', registrationId: 'sim-0001', attestation } })
    const enrol = enrolBy(checkedEnrolment({ registrationId: 'sim-0001', primaryKey: key(7) }))
    assert.equal((await enrol('sim-0001')).sharedKey, key(7))
    await assert.rejects(enrol('sim-0002'), { code: 'SIMULATOR_CONFIG_INVALID' })
  })

  it('go to the hub that they are assigned to', async () => {
    const { primaryKey } = await group({ allocation: { policy: 'static', hubs: [{ host: 'other.example:8884' }] } })
    const { hub: assigned, dial } = await enrolBy({ groupKey: primaryKey })('sim-0001')
    assert.deepEqual([assigned, dial], ['other.example:8884', { host: 'other.example', port: 8884 }])
  })

  it('are refused with a wrong key, by a disabled enrolment and by an allow list, and ask again only after a minute', async () => {
    await assert.rejects(enrolBy({ groupKey: key(1) })('sim-0001'), { code: 'PROV_DENIED' })
    await hub.provisioning.createAllowList({ name: 'known' })
    const { primaryKey } = await group({ allowList: 'known' })
    let now = Date.now()
    const enrol = enrolBy({ groupKey: primaryKey }, () => now)
    await assert.rejects(enrol('sim-0001'), { code: 'PROV_DENIED', message: /40\d{4}/ })
    await hub.provisioning.addToAllowList({ name: 'known', entries: [{ serial: 'sim-0001' }] })
    now += 59_000
    await assert.rejects(enrol('sim-0001'), { code: 'PROV_DENIED' })
    now += 2_000
    assert.ok(await enrol('sim-0001'))
  })

  it('wait for a person, and come in after the yes', async () => {
    const { primaryKey } = await group({ approval: 'manual' })
    const { send, status } = await load({ count: 1 })
    const green = status(/^1\/1 · [1-9]/)
    send({ action: 'start', enrolment: { primaryKey } })
    const [waiting] = await until(async () => {
      const { items } = await hub.provisioning.pending({ limit: 10 })
      return items.length ? items : undefined
    }, 30_000)
    await hub.provisioning.approve({ id: waiting!.id, by: 'a person' })
    await green
  })

  it('send telemetry as Azure devices; the group key is in no message and no file, and they come back without it', async () => {
    const userDir = tempFolder('dps-user')
    const { primaryKey } = await group()
    const { send, status, seen } = await load({}, userDir)
    const green = status(/^2\/2 · [1-9]/)
    send({ action: 'start', enrolment: { primaryKey } })
    await green
    const [record] = await until(async () =>
      (await hub.journal.read({ from: 1, limit: 100 })).filter(({ topic }) => topic.includes('/messages/events')),
    )
    assert.match(record!.topic, /^devices\/sim-000[12]\/messages\/events$/)
    assert.equal(record!.props.e?.contentType, 'application/json')
    assert.deepEqual(Object.keys(JSON.parse(Buffer.from(record!.payload).toString())), ['time', 'seq', 'values'])
    assert.ok(seen(0).some(({ notice }) => notice === 'started'))
    assert.ok(!JSON.stringify([seen(0), seen(1)]).includes(primaryKey))
    const folder = join(userDir, 'thingloom', 'test', 'simulator', 'n')
    const files = await readdir(folder)
    assert.equal(files.length, 2)
    for (const file of files) assert.ok(!(await readFile(join(folder, file), 'utf8')).includes(primaryKey))

    await restarted()
    const again = await load({}, userDir)
    const back = again.status(/^2\/2 · [1-9]/)
    again.send({ action: 'start' })
    await back
    assert.deepEqual(
      (await hub.devices.get({ id: 'sim-0001' })).credentials.map(({ kind }) => kind),
      ['sas-derived'],
    )
  })

  it('say what is wrong without the key, to a Catch node too', async () => {
    const { send, error, node } = await load()
    const failed = error()
    const heard: object[] = []
    node.on('call:error' as never, ((call: { args: object[] }) => heard.push(...call.args)) as never)
    send({ action: 'start', enrolment: { primaryKey: 'hunter2' } })
    assert.equal((await failed).code, 'SIMULATOR_CONFIG_INVALID')
    assert.doesNotMatch(JSON.stringify(heard), /hunter2/)
  })

  it('need keys in base64, and tell nobody what they were given instead', () => {
    assert.deepEqual(checkedEnrolment({ secondaryKey: key(1) }), { groupKey: key(1) })
    const two = [1, 2].map(n => ({ registrationId: `d${n}`, primaryKey: key(n) }))
    const keys = new Map([
      ['d1', key(1)],
      ['d2', key(2)],
    ])
    assert.deepEqual(checkedEnrolment(two), { keys })
    for (const wrong of [
      undefined,
      null,
      {},
      'x',
      { primaryKey: 'hunter2' },
      [{ primaryKey: key(1) }],
      { primaryKey: key(1), registrationId: 7 },
    ])
      assert.throws(() => checkedEnrolment(wrong), { code: 'SIMULATOR_CONFIG_INVALID', message: /^(?!.*hunter2)/ })
  })

  it('read addresses as SDKs do', () => {
    assert.deepEqual(addressOf('iot.example'), { host: 'iot.example', port: 8883 })
    assert.deepEqual(addressOf('127.0.0.1:9'), { host: '127.0.0.1', port: 9 })
    assert.deepEqual(addressOf('[::1]:9'), { host: '::1', port: 9 })
  })
})
