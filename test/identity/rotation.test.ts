import assert from 'node:assert/strict'
import type { Registry } from '../../src/identity/registry.ts'
import { readCrl } from '../../src/pki/crl-reader.ts'
import { signSas } from '../../src/identity/sas.ts'
import { authorityOf, start } from '../pki/make.ts'
import { attemptOf, azureAttempt, host, houseOf, peerOf } from './make.ts'

type House = Awaited<ReturnType<typeof houseOf>>
const day = 86_400_000

describe('rotation of credentials', () => {
  let house: House
  let registry: Registry
  let old: { cid: string; pem: string }
  beforeEach(async () => {
    house = await houseOf()
    registry = house.registry
    const { secrets } = await registry.register({ id: 'pump', credential: { kind: 'x509' } })
    old = { cid: secrets!.cid, pem: secrets!.certificatePem! }
  })
  const connect = async (pem: string) => {
    const answer = await house.authenticate(attemptOf({ deviceId: 'pump', certificate: peerOf(pem) }))
    return answer.ok ? answer.cid : answer.code
  }
  const statuses = async () => (await registry.get('pump'))!.credentials.map(({ status }) => status)
  const settle = () => registry.settle({ limit: 10 })

  it('the old certificate goes on until the new one was used, and then for the overlap', async () => {
    const fresh = await registry.rotate('pump', { kind: 'x509' }, { overlapMs: 2 * day })
    assert.deepEqual(await statuses(), ['active', 'pending'])
    assert.deepEqual((await registry.get('pump'))!.credentials[1]!.replaces, [old.cid])
    assert.equal(await connect(old.pem), old.cid)
    assert.equal(await connect(fresh.certificatePem!), fresh.cid)
    assert.deepEqual(await statuses(), ['active', 'active'])
    assert.equal((await registry.get('pump'))!.credentials[0]!.retiresAt, start + 2 * day)
    house.clock.now = start + 2 * day - 1
    assert.deepEqual(await settle(), [])
    assert.equal(await connect(old.pem), old.cid)
    house.clock.now++
    assert.deepEqual(await settle(), [{ id: 'pump', cid: old.cid, kind: 'x509', event: 'superseded' }])
    assert.equal(await connect(old.pem), 'CRED_REVOKED')
    assert.equal(await connect(fresh.certificatePem!), fresh.cid)
    assert.deepEqual(await settle(), [])
  })

  it('a replacement that nobody uses is dropped, and the old one stays', async () => {
    const fresh = await registry.rotate('pump', { kind: 'x509' })
    house.clock.now = start + 30 * day
    assert.deepEqual(await settle(), [{ id: 'pump', cid: fresh.cid, kind: 'x509', event: 'dropped' }])
    assert.equal(await connect(fresh.certificatePem!), 'CRED_REVOKED')
    assert.equal(await connect(old.pem), old.cid)
  })

  it('replacements that nobody used stay, all of them, when the old one has ended: one of them is all that the device has', async () => {
    await registry.revokeCredential('pump', old.cid)
    const { certificatePem, cid } = await registry.addCredential('pump', { kind: 'x509', days: 10 })
    const [lost, held] = [await registry.rotate('pump', { kind: 'x509' }), await registry.rotate('pump', { kind: 'x509' })]
    house.clock.now = start + 40 * day
    assert.deepEqual(
      (await settle()).map(({ cid: of, event }) => [of, event]),
      [[cid, 'expired']],
    )
    assert.deepEqual(await statuses(), ['revoked', 'active', 'active', 'active'])
    assert.equal(await connect(certificatePem!), 'CRED_EXPIRED')
    assert.deepEqual([await connect(held.certificatePem!), await connect(lost.certificatePem!)], [held.cid, lost.cid])
    house.clock.now = start + 80 * day
    assert.deepEqual(await settle(), [])
  })

  it('a replacement that got lost is dropped when another was used, though the old one is gone by then', async () => {
    const lost = await registry.rotate('pump', { kind: 'x509' })
    const fresh = await registry.rotate('pump', { kind: 'x509' })
    assert.equal(await connect(fresh.certificatePem!), fresh.cid)
    house.clock.now = start + 20 * day
    await settle()
    house.clock.now = start + 30 * day
    assert.deepEqual(await settle(), [{ id: 'pump', cid: lost.cid, kind: 'x509', event: 'dropped' }])
    assert.deepEqual(await statuses(), ['revoked', 'revoked', 'active'])
  })

  it('a rotation on top of an unfinished one locks nobody out', async () => {
    const second = await registry.rotate('pump', { kind: 'x509' })
    const third = await registry.rotate('pump', { kind: 'x509' })
    assert.equal(await connect(third.certificatePem!), third.cid)
    assert.equal(await connect(second.certificatePem!), second.cid)
    house.clock.now = start + 7 * day
    assert.deepEqual(
      (await settle()).map(({ cid, event }) => [cid, event]),
      [[old.cid, 'superseded']],
    )
    assert.equal(await connect(third.certificatePem!), third.cid)
    assert.equal(await connect(second.certificatePem!), second.cid)
  })

  it('revoking the old one in the middle makes no gap, revoking the new one ends the rotation', async () => {
    const fresh = await registry.rotate('pump', { kind: 'x509' })
    await registry.revokeCredential('pump', fresh.cid)
    assert.equal(await connect(old.pem), old.cid)
    const again = await registry.rotate('pump', { kind: 'x509' })
    await registry.revokeCredential('pump', old.cid)
    assert.equal(await connect(again.certificatePem!), again.cid)
    assert.equal(await connect(again.certificatePem!), again.cid)
  })

  it('a device without a credential of that kind gets one that counts at once', async () => {
    const { cid } = await registry.rotate('pump', { kind: 'password', password: 'long enough' })
    const view = (await registry.get('pump'))!.credentials.find(one => one.cid === cid)!
    assert.deepEqual([view.status, view.replaces], ['active', undefined])
  })

  it('the two keys of a SAS credential are made new one after the other', async () => {
    const made = await registry.addCredential('pump', { kind: 'sas' })
    const enter = async (key: string) => {
      const token = signSas({ key, resource: `${host}/devices/pump`, expiresAt: start + 1000 })
      return (await house.authenticate(azureAttempt('pump', token))).ok
    }
    const { secondaryKey, primaryKey } = await registry.regenerateKey('pump', made.cid, 'secondary')
    assert.deepEqual(
      [primaryKey, await enter(made.primaryKey!), await enter(made.secondaryKey!), await enter(secondaryKey!)],
      [undefined, true, false, true],
    )
    const renewed = await registry.regenerateKey('pump', made.cid, 'primary')
    assert.deepEqual(
      [await enter(made.primaryKey!), await enter(renewed.primaryKey!), await enter(secondaryKey!)],
      [false, true, true],
    )
    await assert.rejects(registry.regenerateKey('pump', old.cid, 'primary'), { code: 'CRED_INVALID' })
    await assert.rejects(registry.regenerateKey('pump', 'none', 'primary'), { code: 'CRED_NOT_FOUND' })
  })

  it('tells once of each step to the end of a certificate, and after a pause only of the last', async () => {
    const { notAfter, notBefore } = (await registry.get('pump'))!.credentials[0]!
    const told: [string, number | undefined][] = []
    for (let at = start; at < notAfter! + 2 * day; at += day / 2) {
      house.clock.now = at
      for (const { event, daysLeft } of await settle()) told.push([event, daysLeft])
    }
    assert.deepEqual(told, [
      ['renewal-due', Math.round((notAfter! - notBefore!) / 3 / day)],
      ['expiring', 30],
      ['expiring', 7],
      ['expiring', 1],
      ['expired', 0],
    ])
    house.clock.now = start
    await registry.register({ id: 'valve', credential: { kind: 'x509' } })
    house.clock.now = start + 3 * 365 * day
    assert.deepEqual(
      (await settle()).map(({ id, event }) => [id, event]),
      [['valve', 'expired']],
    )
    assert.deepEqual(await settle(), [])
  })

  it('does not warn of short certificates that are renewed all the time but at two thirds', async () => {
    await registry.register({ id: 'short', credential: { kind: 'x509', days: 2 } })
    house.clock.now = start + 1.5 * day
    assert.deepEqual(
      (await settle()).map(({ id, event }) => [id, event]),
      [['short', 'renewal-due']],
    )
  })

  it('asks for at most as many devices as it is told to', async () => {
    for (const id of ['a', 'b', 'c']) await registry.register({ id, credential: { kind: 'x509', days: 1 } })
    house.clock.now = start + 10 * day
    assert.equal((await registry.settle({ limit: 2 })).length, 2)
    assert.equal((await settle()).length, 1)
  })

  it('puts certificates of this hub that end early on the revocation list, and no others', async () => {
    const listed: { serial: string; reason?: string }[] = []
    const other = await houseOf({ revoked: list => void listed.push(...list) })
    const { secrets } = await other.registry.register({ id: 'pump', credential: { kind: 'x509' } })
    await other.registry.addCredential('pump', { kind: 'x509', certificatePem: old.pem })
    const [own, foreign] = (await other.registry.get('pump'))!.credentials
    await other.registry.revokeCredential('pump', foreign!.cid, { reason: 'keyCompromise' })
    await other.registry.revokeCredential('pump', secrets!.cid, { reason: 'keyCompromise' })
    await other.registry.revokeCredential('pump', secrets!.cid)
    assert.deepEqual(
      listed.map(({ serial, reason }) => [serial, reason]),
      [[own!.serial, 'keyCompromise']],
    )
    await other.registry.register({ id: 'valve', credential: { kind: 'x509' } })
    await other.registry.setState('valve', { state: 'retired' })
    await other.registry.register({ id: 'gone', credential: { kind: 'x509' } })
    await other.registry.delete('gone')
    assert.deepEqual(
      listed.slice(1).map(({ reason }) => reason),
      ['cessationOfOperation', 'cessationOfOperation'],
    )
    const issuer = other.authority.cas().find(({ role }) => role === 'issuing')!
    const reopened = await authorityOf({ store: other.store })
    await reopened.authority.renewCrls()
    const kept = readCrl(await reopened.authority.crlPem(issuer.id))
    assert.deepEqual(kept.entries.map(({ serial }) => serial).sort(), listed.map(({ serial }) => serial).sort())
  })
})

describe('the state of a device', () => {
  it('a retired device has no credential left, and its id stays taken until it is deleted', async () => {
    const { registry, authenticate } = await houseOf()
    const { secrets } = await registry.register({ id: 'pump', credential: { kind: 'password' } })
    await registry.setState('pump', { state: 'retired', reason: 'scrapped' })
    const view = (await registry.get('pump'))!
    assert.deepEqual([view.state, view.reason, view.credentials[0]!.status], ['retired', 'scrapped', 'revoked'])
    const answer = await authenticate(
      attemptOf({ deviceId: 'pump', username: 'pump', password: Buffer.from(secrets!.password!) }),
    )
    assert.equal(answer.ok, false)
    for (const change of [
      () => registry.setState('pump', { state: 'active' }),
      () => registry.addCredential('pump', { kind: 'sas' }),
      () => registry.rotate('pump', { kind: 'sas' }),
    ])
      await assert.rejects(change(), { code: 'IDENTITY_RETIRED' })
    await assert.rejects(registry.register({ id: 'PUMP' }), { code: 'IDENTITY_EXISTS' })
    await registry.delete('pump')
    await registry.register({ id: 'pump' })
  })

  it('changes only if nobody was faster', async () => {
    const { registry } = await houseOf()
    const { identity } = await registry.register({ id: 'pump' })
    await registry.setState('pump', { state: 'quarantined', etag: identity.etag })
    await assert.rejects(registry.setState('pump', { state: 'active', etag: identity.etag }), { code: 'IDENTITY_CONFLICT' })
  })
})
