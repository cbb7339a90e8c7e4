import assert from 'node:assert/strict'
import { createRoot, issuer } from '../../src/pki/issuer.ts'
import { generateKey, spkiOf } from '../../src/pki/keys.ts'
import type { EnrolmentRequest } from '../../src/provisioning/enrolment.ts'
import { openEnrolments } from '../../src/provisioning/enrolments.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import { codeOf, random, sealerOf, start } from '../pki/make.ts'

async function houseOf(store = openMemoryStateStore({ now: () => start })) {
  const opened = await store
  const enrolments = await openEnrolments({ store: opened, sealer: sealerOf(), now: () => start, random })
  return { store: opened, enrolments }
}
const group: EnrolmentRequest = { id: 'fleet', kind: 'group', attestation: { kind: 'sas' } }
const one: EnrolmentRequest = { kind: 'individual', registrationId: 'Cam-1', attestation: { kind: 'sas' } }

describe('an enrolment', () => {
  it('has defaults, keys that are shown once, and is found again after a restart', async () => {
    const { store, enrolments } = await houseOf()
    const { enrolment, secrets } = await enrolments.create(group, { by: 'user anna' })
    assert.equal(Buffer.from(secrets!.primaryKey, 'base64').length, 64)
    assert.notEqual(secrets?.primaryKey, secrets?.secondaryKey)
    const { attestation, ...rest } = enrolment
    assert.deepEqual(rest, {
      id: 'fleet',
      kind: 'group',
      enabled: true,
      allocation: { policy: 'hashed', hubs: [] },
      reprovision: 'migrate',
      initialTwin: { desired: {}, tags: {} },
      attributes: {},
      policies: [],
      groups: [],
      hook: { enabled: false, timeoutMs: 5000, default: 'deny' },
      approval: 'auto',
      createdAt: start,
      updatedAt: start,
      etag: '1',
    })
    assert.deepEqual(Object.keys(attestation), ['kind', 'hasSecret', 'hints'])
    assert.equal((await store.changes(0, 10))[0]?.by, 'user anna')
    const again = await houseOf(Promise.resolve(store))
    assert.deepEqual(await again.enrolments.get('fleet'), enrolment)
    assert.deepEqual(await again.enrolments.groupKeys('fleet'), secrets)
    assert.equal(await again.enrolments.groupKeys('none'), undefined)
  })

  it('tells its secrets nowhere: not in views, lists, the store or an error', async () => {
    const { store, enrolments } = await houseOf()
    const primaryKey = Buffer.from('planted secret of the group, 32b').toString('base64')
    await enrolments.create({ ...group, attestation: { kind: 'sas', primaryKey } })
    const update = await enrolments.update('fleet', { model: 'x' })
    assert.equal(update.secrets, undefined)
    const stored = await store.query('enrolments', {})
    const texts = [update, await enrolments.get('fleet'), await enrolments.page(), stored].map(value => JSON.stringify(value))
    await enrolments
      .create({ ...one, attestation: { kind: 'sas', primaryKey: `${primaryKey}?` } })
      .catch(error => texts.push(String(error), JSON.stringify(error)))
    assert.equal(texts.length, 6)
    for (const text of texts) assert.ok(!text.includes(primaryKey.slice(0, 20)) && !text.includes('planted'), text)
  })

  it('of one device is unique by registration id in any case, and keeps the spelling', async () => {
    const { enrolments } = await houseOf()
    const { enrolment } = await enrolments.create(one)
    assert.deepEqual([enrolment.id, enrolment.registrationId], ['Cam-1', 'Cam-1'])
    await assert.rejects(enrolments.create({ ...one, id: 'second', registrationId: 'CAM-1' }), codeOf('PROV_EXISTS'))
    await assert.rejects(enrolments.create({ ...group, id: 'Cam-1' }), codeOf('PROV_EXISTS'))
    assert.equal((await enrolments.individual('cAM-1'))?.id, 'Cam-1')
    assert.equal(await enrolments.individual('other'), undefined)
    assert.equal(await enrolments.individual('a/b'), undefined)
  })

  it('changes only what is said, with the right etag, and null clears', async () => {
    const { enrolments } = await houseOf()
    await enrolments.create({ ...one, deviceId: 'd', quota: 4, model: 'm', tags: 1 } as EnrolmentRequest)
    const { enrolment } = await enrolments.update(
      'Cam-1',
      { quota: null, deviceId: null, initialTwin: { tags: { a: 1 } } },
      { etag: '1' },
    )
    assert.equal(enrolment.etag, '2')
    assert.equal(enrolment.model, 'm')
    assert.ok(!('quota' in enrolment) && !('deviceId' in enrolment))
    assert.deepEqual(enrolment.initialTwin, { desired: {}, tags: { a: 1 } })
    await assert.rejects(enrolments.update('Cam-1', {}, { etag: '1' }), codeOf('PROV_CONFLICT'))
    await assert.rejects(enrolments.delete('Cam-1', { etag: '1' }), codeOf('PROV_CONFLICT'))
    await assert.rejects(enrolments.update('none', {}), codeOf('PROV_NO_ENROLMENT'))
    await enrolments.delete('Cam-1', { etag: '2' })
    await assert.rejects(enrolments.delete('Cam-1'), codeOf('PROV_NO_ENROLMENT'))
    assert.equal(await enrolments.get('Cam-1'), undefined)
    await enrolments.create(one)
  })

  it('changes its keys in turn', async () => {
    const { enrolments } = await houseOf()
    const { secrets: first } = await enrolments.create(group)
    const { secrets: second, enrolment } = await enrolments.renewKey('fleet', 'secondary')
    assert.equal(second?.primaryKey, first?.primaryKey)
    assert.notEqual(second?.secondaryKey, first?.secondaryKey)
    assert.deepEqual(await enrolments.groupKeys('fleet'), second)
    assert.equal(enrolment.etag, '2')
    await enrolments.create({ ...one, attestation: { kind: 'x509', primary: 'ab'.repeat(32) } })
    await assert.rejects(enrolments.renewKey('Cam-1', 'primary'), codeOf('PROV_INVALID'))
    await assert.rejects(enrolments.renewKey('fleet', 'third' as 'primary'), codeOf('PROV_INVALID'))
  })

  it('writes what an audit wants in the same transaction', async () => {
    const { store, enrolments } = await houseOf()
    const also = [{ op: 'put', coll: 'facts', id: 'f', doc: {} }] as const
    await assert.rejects(enrolments.create(group, { also }), codeOf('STORE_QUERY_INVALID'))
    assert.equal(await enrolments.get('fleet'), undefined)
    assert.deepEqual(await enrolments.groups(), [])
    await store.declare('facts', {})
    await enrolments.create(group, { also })
    await enrolments.update('fleet', { enabled: false }, { also })
    await enrolments.delete('fleet', { also })
    assert.equal((await store.get('facts', 'f'))?.version, 3)
  })

  it('lists by page and kind', async () => {
    const { enrolments } = await houseOf()
    for (const id of ['c', 'a', 'b']) await enrolments.create({ ...group, id })
    await enrolments.create(one)
    const first = await enrolments.page({ kind: 'group', limit: 2 })
    const second = await enrolments.page({ kind: 'group', limit: 2, cursor: first.next! })
    assert.deepEqual(
      [...first.items, ...second.items].map(({ id }) => id),
      ['a', 'b', 'c'],
    )
    assert.equal((await enrolments.page()).items.length, 4)
    assert.deepEqual(
      (await enrolments.groups()).map(({ id }) => id),
      ['a', 'b', 'c'],
    )
  })

  it('of a group has a CA certificate, of a device a leaf', async () => {
    const { enrolments } = await houseOf()
    const root = await createRoot({ hubId: 'maker', now: start, random })
    const { enrolment } = await enrolments.create({ ...group, attestation: { kind: 'x509-ca', cas: [{ pem: root.pem }] } })
    assert.deepEqual(enrolment.attestation, {
      kind: 'x509-ca',
      cas: [
        {
          fingerprint: root.fingerprint,
          subject: 'O=maker, CN=maker root'.split(', ').reverse().join(', '),
          notAfter: root.notAfter,
        },
      ],
    })
    assert.equal(await enrolments.groupKeys('fleet'), undefined)
  })

  const bad: [string, object][] = [
    ['no object', { attestation: 7 }],
    ['an unknown kind', { kind: 'both' }],
    ['TPM', { attestation: { kind: 'tpm', endorsementKey: 'x' } }],
    ['a short key', { attestation: { kind: 'sas', primaryKey: 'AAAA' } }],
    ['a long key', { attestation: { kind: 'sas', secondaryKey: Buffer.alloc(65).toString('base64') } }],
    ['a leaf for a group', { attestation: { kind: 'x509', primary: 'ab'.repeat(32) } }],
    ['no CA', { attestation: { kind: 'x509-ca', cas: [] } }],
    ['an unknown CA', { attestation: { kind: 'x509-ca', cas: [{ caId: 'x' }] } }],
    ['a registration id of a group', { registrationId: 'x' }],
    ['an id with a slash', { id: 'a/b' }],
    ['an unknown policy', { allocation: { policy: 'random' } }],
    ['a hub that is no host', { allocation: { hubs: [{ host: 'a b' }] } }],
    ['a hub with a wild port', { allocation: { hubs: [{ host: 'a:70000' }] } }],
    ['a hub twice', { allocation: { hubs: [{ host: 'A' }, { host: 'a' }] } }],
    ['a weight of zero', { allocation: { hubs: [{ host: 'a', weight: 0 }] } }],
    ['custom without a hook', { allocation: { policy: 'custom' } }],
    ['a hook that lets in by silence', { hook: { enabled: true, default: 'allow' } }],
    ['a hook that waits too long', { hook: { timeoutMs: 60_001 } }],
    ['an unknown reprovision', { reprovision: 'always' }],
    ['enabled as a text', { enabled: 'yes' }],
    ['a negative quota', { quota: -1 }],
    ['a twin that is a list', { initialTwin: { desired: [] } }],
    ['a twin that is too large', { initialTwin: { tags: { a: 'x'.repeat(40_000) } } }],
    ['attributes that are no texts', { attributes: { a: 1 } }],
    ['too many policies', { policies: Array.from({ length: 11 }, (_, at) => `p${at}`) }],
    ['a device id of a group', { deviceId: 'd' }],
  ]
  for (const [what, part] of bad)
    it(`is refused with ${what}`, async () => {
      const { enrolments } = await houseOf()
      await assert.rejects(enrolments.create({ ...group, ...part } as EnrolmentRequest), codeOf('PROV_INVALID'))
      assert.deepEqual(await enrolments.groups(), [])
    })

  for (const [path, initialTwin] of [
    ['initialTwin.tags', { tags: { a: 'x'.repeat(8192) } }],
    ['initialTwin.tags.site', { tags: { site: { $id: 1 } } }],
    ['initialTwin.desired.a', { desired: { a: { '': 1 } } }],
    ['initialTwin.desired', { desired: { a: 'x'.repeat(32_768) } }],
  ] as const)
    it(`is refused with what no twin takes: ${path}`, async () => {
      const { enrolments } = await houseOf()
      const request = { ...group, initialTwin } as EnrolmentRequest
      await assert.rejects(enrolments.create(request), { code: 'PROV_INVALID', position: path })
      const { enrolment } = await enrolments.create(group)
      await assert.rejects(enrolments.update(enrolment.id, { initialTwin }), { code: 'PROV_INVALID', position: path })
    })

  it('is refused with a device certificate as CA, and a device with wrong names', async () => {
    const { enrolments } = await houseOf()
    for (const part of [{ registrationId: 'a/b' }, { registrationId: undefined }, { registrationId: '-x' }, { deviceId: '-x' }])
      await assert.rejects(
        enrolments.create({ ...one, ...part } as EnrolmentRequest),
        codeOf('PROV_INVALID'),
        JSON.stringify(part),
      )
    await enrolments.create({ ...one, id: 'dash', registrationId: '-x', deviceId: 'x' })
    const trusting = (pem: string) => enrolments.create({ ...group, attestation: { kind: 'x509-ca', cas: [{ pem }] } })
    await assert.rejects(trusting('no'), codeOf('CRED_INVALID'))
    const root = await createRoot({ hubId: 'maker', now: start, random })
    const { publicKey } = await generateKey()
    const leaf = issuer(root).issue({ profile: 'device', hubId: 'maker', id: 'd', spki: spkiOf(publicKey), now: start, random })
    await assert.rejects(trusting(leaf.pem), codeOf('PKI_CA_INVALID'))
    await assert.rejects(trusting((await createRoot({ hubId: 'old', now: 0, random })).pem), codeOf('PKI_CA_INVALID'))
  })
})
