import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { endpointOf } from '../../nodes/simulator/enrol.ts'
import simulator from '../../nodes/simulator/simulator.ts'
import type { Hub } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { provisioningActions } from '../../src/nodered/provisioning-actions.ts'
import { createCsr } from '../../src/pki/csr.ts'
import { generateKey } from '../../src/pki/keys.ts'
import { checkedClaim, enrolByClaim } from '../../src/simulator/claim-enrolment.ts'
import type { FakeHub } from '../fake-hub.ts'
import { flow, unload } from '../flow.ts'
import { tempFolder } from '../processes.ts'

const bodyWith = (name: unknown) => ({
  Parameters: { SerialNumber: { Type: 'String' }, 'AWS::IoT::Certificate::Id': { Type: 'String' } },
  Resources: {
    thing: { Type: 'AWS::IoT::Thing', Properties: { ThingName: name } },
    certificate: {
      Type: 'AWS::IoT::Certificate',
      Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' }, Status: 'Active' },
    },
  },
})

describe('simulated devices that come by a claim', function () {
  this.timeout(120_000)
  let hub: Hub
  beforeEach(async () => {
    hub = await startHub({
      hubId: 'claimed',
      dataDir: tempFolder('claimed'),
      store: 'memory',
      broker: 'embedded',
      threaded: false,
      listeners: [{ kind: 'mqtts', host: '127.0.0.1', port: 0 }],
    })
    await hub.provisioning.createAllowList({ name: 'line' })
    await hub.provisioning.addToAllowList({ name: 'line', entries: [{ serial: 'sim-0001' }, { serial: 'sim-0002' }] })
    await hub.provisioning.createTemplate({
      name: 'fleet',
      settings: { body: bodyWith({ Ref: 'SerialNumber' }), keyType: 'ec-p256', allowList: 'line' },
    })
    await hub.provisioning.createTemplate({ name: 'other', settings: { body: bodyWith('one'), keyType: 'ec-p256' } })
  })
  afterEach(async () => {
    await unload()
    await hub.close()
  })
  const claimOf = async (template: string) => {
    const settings = { templates: [template], keyType: 'ec-p256' }
    return (await hub.provisioning.createClaim({ id: `b-${template}`, settings })).secrets!
  }
  /** Who waits for a person; a page may be empty and have a next one. */
  const waiting = async () => (await provisioningActions.pending!(hub.provisioning, {}, 'test')).payload as { id: string }[]
  const csrOf = async (id: string) => createCsr({ id, ...(await generateKey()) })
  const byClaim = async (template: string, now: () => number = () => 0) =>
    enrolByClaim({ endpoint: () => endpointOf(hub), claim: { ...(await claimOf(template)), template }, now })

  it('get a certificate for their own key', async () => {
    const enrol = await byClaim('fleet')
    const { certificatePem } = await enrol({ id: 'sim-0001', csrPem: await csrOf('sim-0001') })
    assert.ok(new X509Certificate(certificatePem).fingerprint256)
    const { enrolmentId, credentials } = await hub.devices.get({ id: 'sim-0001' })
    assert.deepEqual([enrolmentId, credentials.length], ['template/fleet', 1])
  })

  it('ask again only after a while when they are refused', async () => {
    let now = 0
    const enrol = await byClaim('fleet', () => now)
    const rejected = async () => (await hub.provisioning.claim({ id: 'b-fleet' }))!.rejected
    const asks = async () => enrol({ id: 'sim-0009', csrPem: await csrOf('sim-0009') })
    await assert.rejects(asks(), { code: 'PROV_DENIED' })
    assert.equal(await rejected(), 1)
    now = 59_999
    await assert.rejects(asks(), { code: 'PROV_DENIED' })
    assert.equal(await rejected(), 1)
    now = 60_000
    await assert.rejects(asks(), { code: 'PROV_DENIED' })
    assert.equal(await rejected(), 2)
    now = 179_999
    await assert.rejects(asks(), { code: 'PROV_DENIED' })
    assert.equal(await rejected(), 2)
  })

  it('wait for a person: ask again about the same key, after 5 to 30 seconds, and come in after the yes', async () => {
    await hub.provisioning.updateTemplate({ name: 'fleet', change: { approval: 'manual' } })
    let now = Date.now()
    const enrol = await byClaim('fleet', () => now)
    const csrPem = await csrOf('sim-0001')
    const asks = () => enrol({ id: 'sim-0001', csrPem })
    for (const pauseMs of [5_000, 10_000, 20_000, 30_000, 30_000]) {
      await assert.rejects(asks(), { code: 'PROV_PENDING' })
      now += pauseMs
    }
    const [item, ...others] = await waiting()
    assert.equal(others.length, 0, 'one device, one question')
    await hub.provisioning.approve({ id: item!.id, by: 'a person' })
    now -= 1
    await assert.rejects(asks(), { code: 'PROV_PENDING' }, 'it was not asked yet')
    now += 1
    const { certificatePem } = await asks()
    assert.equal(new X509Certificate(certificatePem).publicKey.asymmetricKeyType, 'ec')
    assert.equal((await hub.provisioning.claim({ id: 'b-fleet' }))!.rejected, 0, 'to wait is no misuse')
  })

  it('run in the node while a person decides; the key is the same for each try', async () => {
    await hub.provisioning.updateTemplate({ name: 'fleet', change: { approval: 'manual' } })
    const { send, status } = await flow(
      simulator,
      { type: 'loom-simulator', count: 1, intervalMs: 100, autostart: false },
      { hub: hub as FakeHub, settings: { userDir: tempFolder('claimed-user') } },
    )
    const [yellow, green] = [status(/a person must approve/), status(/^1\/1 · [1-9]/)]
    send({ action: 'start', claim: { ...(await claimOf('fleet')), template: 'fleet' } })
    await yellow
    await hub.provisioning.approve({ id: (await waiting())[0]!.id, by: 'a person' })
    await green
    assert.equal((await hub.devices.get({ id: 'sim-0001' })).credentials.length, 1)
  })

  it('are told when the template names them otherwise', async () => {
    const enrol = await byClaim('other')
    await assert.rejects(enrol({ id: 'sim-0001', csrPem: await csrOf('sim-0001') }), { code: 'SIMULATOR_CONFIG_INVALID' })
  })

  it('need a certificate, its key and a template', () => {
    const claim = { certificatePem: 'C', privateKeyPem: 'K' }
    assert.deepEqual(checkedClaim({ ...claim, templates: ['a', 'b'] }), { ...claim, template: 'a' })
    for (const wrong of [undefined, null, {}, claim, { ...claim, template: 7 }])
      assert.throws(() => checkedClaim(wrong), { code: 'SIMULATOR_CONFIG_INVALID' })
  })

  it('run in the node; the key of the claim is in none of its messages', async () => {
    const { send, status, seen } = await flow(
      simulator,
      { type: 'loom-simulator', count: 2, intervalMs: 100, rampPerSecond: 100, autostart: false },
      { hub: hub as FakeHub, settings: { userDir: tempFolder('claimed-user') } },
    )
    const green = status(/^2\/2 · [1-9]/)
    send({ action: 'start', claim: { ...(await claimOf('fleet')), templates: ['fleet'] } })
    await green
    const made = await Promise.all(['sim-0001', 'sim-0002'].map(id => hub.devices.get({ id })))
    assert.deepEqual(
      made.map(({ enrolmentId }) => enrolmentId),
      ['template/fleet', 'template/fleet'],
    )
    assert.ok(seen(0).some(({ notice }) => notice === 'started'))
    assert.doesNotMatch(JSON.stringify([seen(0), seen(1)]), /PRIVATE KEY/)
  })
})
