import assert from 'node:assert/strict'
import { openAuditTrail } from '../../src/hub/audit-trail.ts'
import { createDeviceWriter } from '../../src/hub/device-writer.ts'
import { devicesColl, twinsColl } from '../../src/hub/devices.ts'
import { createTurns } from '../../src/hub/turns.ts'
import { openPolicies } from '../../src/identity/policy-store.ts'
import type { PlannedCredential } from '../../src/provisioning/provisioning-port.ts'
import { openGroups } from '../../src/topology/groups.ts'
import { houseOf } from '../identity/make.ts'
import { random } from '../pki/make.ts'
import { memoryStores } from './bulk-house.ts'

const keyOf = (byte: number) => Buffer.alloc(32, byte).toString('base64')
const keys = (primary: number, secondary: number): PlannedCredential => ({
  kind: 'sas',
  primaryKey: keyOf(primary),
  secondaryKey: keyOf(secondary),
})

async function writerHouse() {
  const stores = await memoryStores()
  const { identities, state, audit } = stores
  const house = await houseOf({ store: identities })
  const { registry, sealer, clock, authority } = house
  const now = () => clock.now
  await state.declare(devicesColl, {})
  await state.declare(twinsColl, {})
  const writer = createDeviceWriter({
    registry,
    identities,
    state,
    groups: await openGroups({ store: identities, now }),
    policies: await openPolicies({ store: identities, now }),
    sealer,
    trail: await openAuditTrail({ audit, stores: { identities, state }, key: Buffer.alloc(32, 3), now, random }),
    inTurn: createTurns(),
    twins: { writes: () => [], changed: () => {} },
    now,
    changed: () => {},
  })
  const apply = (
    credential: PlannedCredential,
    more: { rotates?: string; line?: string; tags?: object; existing?: 'reset' } = {},
  ) =>
    writer.apply({
      deviceId: 'pump',
      credential,
      tags: { ...more.tags },
      attributes: { line: more.line ?? '1' },
      desired: {},
      policies: [],
      groups: [],
      existing: more.existing ?? 'migrate',
      by: 'test',
      ...(more.rotates !== undefined && { rotates: more.rotates }),
    })
  const credentials = async () => (await registry.find('pump'))!.credentials
  const kinds = async () => (await credentials()).map(({ kind, status }) => `${kind}:${status}`)
  const cid = async () => (await credentials())[0]!.cid
  const tags = async () => (await state.get<{ tags: object }>(devicesColl, 'pump'))?.doc.tags
  const line = async () => (await state.get<{ attributes: { line: string } }>(devicesColl, 'pump'))!.doc.attributes.line
  return { registry, authority, writer, apply, credentials, kinds, cid, line, tags }
}

describe('a device that registers again', () => {
  it('keeps the credential it has', async () => {
    for (const credential of [keys(1, 2), { kind: 'sas-derived', groupId: 'g', registrationId: 'pump' } as const]) {
      const { apply, kinds } = await writerHouse()
      await apply(credential)
      assert.equal((await apply(credential)).created, false)
      assert.deepEqual(await kinds(), [`${credential.kind}:active`])
    }
  })

  it('does not get back a derived key that was revoked, and nothing of it changes', async () => {
    const { registry, apply, cid, kinds, line } = await writerHouse()
    const credential = { kind: 'sas-derived', groupId: 'g', registrationId: 'pump' } as const
    await apply(credential)
    await registry.revokeCredential('pump', await cid())
    await assert.rejects(apply(credential, { line: '2' }), { code: 'CRED_REVOKED' })
    assert.deepEqual([await kinds(), await line()], [['sas-derived:revoked'], '1'])
    await apply({ ...credential, groupId: 'other' })
    assert.deepEqual(await kinds(), ['sas-derived:revoked', 'sas-derived:active'])
    await registry.addCredential('pump', credential)
    await apply(credential)
  })

  it('does not get back keys that were revoked, in either slot', async () => {
    const { registry, apply, cid, kinds } = await writerHouse()
    await apply(keys(1, 2))
    await registry.revokeCredential('pump', await cid())
    for (const planned of [keys(1, 2), keys(2, 1), keys(1, 3), keys(3, 1), keys(3, 2)])
      await assert.rejects(apply(planned), { code: 'CRED_REVOKED' })
    await apply(keys(3, 4))
    assert.deepEqual(await kinds(), ['sas:revoked', 'sas:active'])
  })

  it('does not get back keys that were replaced, in either slot, nor after they were revoked too', async () => {
    const { registry, apply, cid, kinds } = await writerHouse()
    await apply(keys(1, 2))
    await registry.regenerateKey('pump', await cid(), 'secondary')
    await apply(keys(1, 2))
    await assert.rejects(apply(keys(3, 2)), { code: 'CRED_REVOKED' })
    const { primaryKey } = await registry.regenerateKey('pump', await cid(), 'primary')
    for (const planned of [keys(1, 2), keys(2, 1), keys(1, 3)]) await assert.rejects(apply(planned), { code: 'CRED_REVOKED' })
    await registry.revokeCredential('pump', await cid())
    await assert.rejects(apply(keys(1, 2)), { code: 'CRED_REVOKED' })
    await assert.rejects(apply({ kind: 'sas', primaryKey: primaryKey!, secondaryKey: keyOf(5) }), { code: 'CRED_REVOKED' })
    assert.deepEqual(await kinds(), ['sas:revoked'])
  })

  it('has a bounded memory of replaced keys, which no view shows', async () => {
    const { registry, apply, cid, credentials } = await writerHouse()
    await apply(keys(1, 2))
    for (let at = 0; at < 12; at++) await registry.regenerateKey('pump', await cid(), at % 2 ? 'primary' : 'secondary')
    const [one] = await credentials()
    assert.ok(one!.kind === 'sas' && one!.formerHints?.length === 10 && one!.secondaryHint)
    const view = JSON.stringify(await registry.get('pump'))
    for (const hint of [...one!.formerHints!, one!.secondaryHint!]) assert.ok(!view.includes(hint))
  })

  it('gets no successor of a certificate that was revoked since it asked', async () => {
    const { registry, authority, writer, apply, cid, kinds } = await writerHouse()
    const [first, second] = [await authority.issueDevice({ id: 'pump' }), await authority.issueDevice({ id: 'pump' })]
    await apply({ kind: 'x509', certificatePem: first.certificatePem })
    assert.deepEqual((await writer.find('pump'))!.fingerprints, [first.fingerprint])
    await registry.revokeCredential('pump', await cid())
    assert.deepEqual((await writer.find('pump'))!.fingerprints, [])
    const next = { kind: 'x509', certificatePem: second.certificatePem } as const
    await assert.rejects(apply(next, { rotates: first.fingerprint }), { code: 'CRED_REVOKED' })
    await assert.rejects(apply({ kind: 'x509', certificatePem: first.certificatePem }, { line: '2' }), { code: 'CRED_REVOKED' })
    assert.deepEqual(await kinds(), ['x509:revoked'])
  })
})

describe('the tags of a plan', () => {
  it('have the measure of all tags, for a new device and one that is reset', async () => {
    const { apply, registry, tags } = await writerHouse()
    const large = { tags: { a: 'x'.repeat(8192) }, existing: 'reset' } as const
    const refusal = { code: 'TWIN_LIMIT', position: 'tags' }
    await assert.rejects(apply(keys(1, 2), large), refusal)
    assert.deepEqual([await registry.find('pump'), await tags()], [undefined, undefined])
    await apply(keys(1, 2), { tags: { site: 'a' } })
    await assert.rejects(apply(keys(1, 2), large), refusal)
    assert.deepEqual(await tags(), { site: 'a' })
    await apply(keys(1, 2), { tags: { site: 'b' }, existing: 'reset' })
    assert.deepEqual(await tags(), { site: 'b' })
  })
})
