import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import simulator from '../../nodes/simulator/simulator.ts'
import type { Hub } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import type { FakeHub } from '../fake-hub.ts'
import { type Flow, flow, unload } from '../flow.ts'
import { tempFolder } from '../processes.ts'
import { until } from '../until.ts'

const body = {
  Parameters: { SerialNumber: { Type: 'String' }, 'AWS::IoT::Certificate::Id': { Type: 'String' } },
  Resources: {
    thing: { Type: 'AWS::IoT::Thing', Properties: { ThingName: { Ref: 'SerialNumber' } } },
    certificate: {
      Type: 'AWS::IoT::Certificate',
      Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' }, Status: 'Active' },
    },
  },
}

describe('simulated devices renew their certificates', function () {
  this.timeout(120_000)
  let hub: Hub
  let userDir: string
  beforeEach(async () => {
    userDir = tempFolder('renewal-user')
    hub = await startHub({
      hubId: 'renewal',
      dataDir: tempFolder('renewal'),
      store: 'memory',
      broker: 'embedded',
      threaded: false,
      listeners: [{ kind: 'mqtts', host: '127.0.0.1', port: 0 }],
    })
  })
  afterEach(async () => {
    await unload()
    await hub.close()
  })
  const load = (config: object = {}) =>
    flow(
      simulator,
      { type: 'loom-simulator', count: 3, intervalMs: 50, rampPerSecond: 100, autostart: false, ...config },
      { hub: hub as FakeHub, settings: { userDir } },
    )
  const claim = async () => {
    const settings = { body, keyType: 'ec-p256' }
    await hub.provisioning.createTemplate({ name: 'fleet', settings })
    const { secrets } = await hub.provisioning.createClaim({ id: 'b', settings: { templates: ['fleet'], keyType: 'ec-p256' } })
    return { ...secrets!, template: 'fleet' }
  }
  const started = async (loaded: Flow, message: object, count = 3) => {
    const green = loaded.status(new RegExp(`^${count}/${count} · [1-9]`))
    loaded.send({ action: 'start', ...message })
    await green
  }
  const notice = ({ seen }: Flow, name: string, limitMs = 60_000) => until(() => seen().find(msg => msg.notice === name), limitMs)
  const credentialsOf = async (id: string) => (await hub.devices.get({ id })).credentials
  const folder = () => join(userDir, 'thingloom', 'test', 'simulator', 'n')
  const certificateOf = async (file: string) => {
    const text = await readFile(join(folder(), file), 'utf8')
    return new X509Certificate(text.slice(text.indexOf('-----BEGIN CERTIFICATE'))).fingerprint256
      .replaceAll(':', '')
      .toLowerCase()
  }
  /** Every reading of a device has arrived: none is missing between the first and the last. */
  const nothingLost = async (id: string) => {
    const records = (await hub.journal.read({ from: 1, limit: 5000 })).filter(
      ({ device, topic }) => device === id && /telemetry/.test(topic),
    )
    const seqs = new Set(records.map(({ payload }) => JSON.parse(Buffer.from(payload).toString()).seq as number))
    const last = Math.max(...seqs)
    assert.ok(last > 5)
    assert.deepEqual([seqs.size, Math.min(...seqs)], [last, 1])
  }

  it('by the template they came by, over their own connection, and lose no reading', async () => {
    const loaded = await load()
    await started(loaded, { claim: await claim() })
    const before = await Promise.all(['sim-0001', 'sim-0002', 'sim-0003'].map(id => certificateOf(`${id}.pem`)))
    loaded.send({ action: 'renew', payload: { atOnce: 2 } })
    assert.deepEqual((await notice(loaded, 'renewing')).payload, { total: 3, renewed: 0, failed: 0 })
    assert.deepEqual((await notice(loaded, 'renewals')).payload, { total: 3, renewed: 3, failed: 0 })
    const told = loaded.seen().filter(msg => msg.notice === 'renewed')
    assert.deepEqual(told.map(({ device }) => device).toSorted(), ['sim-0001', 'sim-0002', 'sim-0003'])
    assert.deepEqual(
      told.map(({ payload }) => payload.renewed),
      [1, 2, 3],
    )
    assert.equal((await readdir(folder())).length, 3)
    for (const [i, id] of ['sim-0001', 'sim-0002', 'sim-0003'].entries()) {
      assert.notEqual(await certificateOf(`${id}.pem`), before[i])
      await until(async () => (await credentialsOf(id)).filter(({ status }) => status === 'active').length === 2)
      await nothingLost(id)
    }
  })

  it('go on with the old one when the hub says no, and are told why', async () => {
    const loaded = await load({ count: 1 })
    await started(loaded, { claim: await claim() }, 1)
    const before = await certificateOf('sim-0001.pem')
    await hub.provisioning.updateTemplate({ name: 'fleet', change: { enabled: false } })
    loaded.send({ action: 'renew', device: 'sim-0001' })
    const { device, payload } = await notice(loaded, 'not-renewed')
    assert.deepEqual([device, payload.code, payload.failed], ['sim-0001', 'PROV_DENIED', 1])
    assert.deepEqual((await notice(loaded, 'renewals')).payload, { total: 1, renewed: 0, failed: 1 })
    assert.equal(await certificateOf('sim-0001.pem'), before)
    await nothingLost('sim-0001')
  })

  it('with a certificate that a flow made: what loom-device says on its second output; the key is in no message', async () => {
    const loaded = await load({ count: 2 })
    await started(loaded, {}, 2)
    loaded.send({ action: 'renew', device: 'sim-0002' })
    assert.equal((await notice(loaded, 'not-renewed')).payload.code, 'SIMULATOR_CONFIG_INVALID')
    const secrets = await hub.identity.rotate({ id: 'sim-0001', credential: { kind: 'x509' } })
    loaded.send({ device: 'sim-0001', payload: secrets })
    assert.equal((await notice(loaded, 'renewed')).device, 'sim-0001')
    const file = await certificateOf('sim-0001.pem')
    const { status } = (await credentialsOf('sim-0001')).find(({ cid }) => cid === secrets.cid)!
    assert.equal(status, 'active')
    assert.equal(new X509Certificate(secrets.certificatePem!).fingerprint256.replaceAll(':', '').toLowerCase(), file)
    assert.doesNotMatch(JSON.stringify(loaded.seen()), /PRIVATE KEY/)
    await nothingLost('sim-0001')
  })

  it('never get locked out: a successor that the hub refuses is dropped', async () => {
    const loaded = await load({ count: 1 })
    await started(loaded, {}, 1)
    const secrets = await hub.identity.rotate({ id: 'sim-0001', credential: { kind: 'x509' } })
    await hub.identity.revokeCredential({ id: 'sim-0001', cid: secrets.cid })
    const before = await certificateOf('sim-0001.pem')
    loaded.send({ action: 'credential', payload: [{ device: 'sim-0001', ...secrets }] })
    assert.equal((await notice(loaded, 'not-renewed')).payload.code, 'CRED_INVALID')
    assert.deepEqual(await readdir(folder()), ['sim-0001.pem'])
    assert.equal(await certificateOf('sim-0001.pem'), before)
  })

  it('never get locked out: a renewal that ended before its use is finished at the next start', async () => {
    const first = await load({ count: 1 })
    await started(first, {}, 1)
    const { privateKeyPem, certificatePem, cid } = await hub.identity.rotate({ id: 'sim-0001', credential: { kind: 'x509' } })
    first.send({ tag: 1, payload: 'stop' })
    await until(() => first.seen().find(msg => msg.notice === 'stopped'))
    await writeFile(join(folder(), 'sim-0001.next'), `${privateKeyPem}${certificatePem}`)
    await started(first, {}, 1)
    await until(async () => (await readdir(folder())).length === 1)
    assert.equal((await credentialsOf('sim-0001')).find(credential => credential.cid === cid)?.status, 'active')
  })

  it('never get locked out: a successor that was revoked before its use costs no other certificate', async () => {
    const first = await load({ count: 1 })
    await started(first, {}, 1)
    const { privateKeyPem, certificatePem, cid } = await hub.identity.rotate({ id: 'sim-0001', credential: { kind: 'x509' } })
    await hub.identity.revokeCredential({ id: 'sim-0001', cid })
    const before = await certificateOf('sim-0001.pem')
    first.send({ payload: 'stop' })
    await until(() => first.seen().find(msg => msg.notice === 'stopped'))
    await writeFile(join(folder(), 'sim-0001.next'), `${privateKeyPem}${certificatePem}`)
    await started(first, {}, 1)
    assert.deepEqual(await readdir(folder()), ['sim-0001.pem'])
    assert.equal(await certificateOf('sim-0001.pem'), before)
    assert.equal((await credentialsOf('sim-0001')).length, 2, 'the old one and the revoked one')
  })

  it('never get locked out: a damaged successor is passed over', async () => {
    const first = await load({ count: 1 })
    await started(first, {}, 1)
    first.send({ payload: 'stop' })
    await until(() => first.seen().find(msg => msg.notice === 'stopped'))
    await writeFile(join(folder(), 'half'), '-----BEGIN PRIVATE KEY-----\nMI')
    await rename(join(folder(), 'half'), join(folder(), 'sim-0001.next'))
    await started(first, {}, 1)
    assert.equal((await credentialsOf('sim-0001')).length, 1)
  })

  it('refuse what is no certificate of the hub, without the key in what a Catch node gets', async () => {
    const loaded = await load({ count: 1 })
    await started(loaded, {}, 1)
    loaded.send({ action: 'credential', device: 'sim-0001', payload: { privateKeyPem: 'K', certificatePem: 'C' } })
    assert.equal((await notice(loaded, 'not-renewed')).payload.code, 'SIMULATOR_CONFIG_INVALID')
    for (const wrong of [{ privateKeyPem: 'K' }, { privateKeyPem: 'K', certificatePem: 'C' }]) {
      const failed = loaded.error()
      loaded.send({ action: 'credential', payload: wrong })
      assert.equal((await failed).code, 'SIMULATOR_CONFIG_INVALID')
    }
    for (const wrong of [{ atOnce: 0 }, { devices: 'x' }, [7]]) {
      const failed = loaded.error()
      loaded.send({ action: 'renew', payload: wrong })
      assert.equal((await failed).code, 'SIMULATOR_CONFIG_INVALID')
    }
    loaded.send({ action: 'renew', device: 'nobody' })
    await until(() => loaded.seen().some(msg => msg.notice === 'not-renewed' && msg.device === 'nobody'))
  })
})
