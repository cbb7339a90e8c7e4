import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import type { HubEvent } from '../../src/hub/hub.ts'
import { devicesColl, twinsColl } from '../../src/hub/devices.ts'
import { LoomError } from '../../src/errors.ts'
import { createCsr } from '../../src/pki/csr.ts'
import { generateKey } from '../../src/pki/keys.ts'
import type { BulkDevice, BulkWriting } from '../../src/provisioning/bulk-port.ts'
import type { StateStore, Write } from '../../src/storage/state-store.ts'
import { type StoredTwin, unpackTwin } from '../../src/twin/stored-twin.ts'
import { bulkWriterContract } from '../contracts/bulk-writer.ts'
import { type BulkHouse, bulkHouse, memoryStores, sqliteStores } from './bulk-house.ts'

bulkWriterContract('the hub on memory stores', async () => {
  const house = await bulkHouse(await memoryStores())
  return { writer: house.writer, store: house.identities }
})
bulkWriterContract('the hub on SQLite', async () => {
  const { stores, remove } = await sqliteStores()
  const house = await bulkHouse(stores)
  return { writer: house.writer, store: house.identities, close: remove }
})

const device = (id: string, more: Partial<BulkDevice> = {}): BulkDevice => ({ row: 1, id, ...more })
const written = ({ writer }: BulkHouse, rows: BulkDevice[], o: Partial<BulkWriting> = {}) =>
  writer.write(rows, { op: 'upsert', dryRun: false, by: 'user anna', also: [], pause: async () => {}, ...o })
const said = async (house: BulkHouse, rows: BulkDevice[], o: Partial<BulkWriting> = {}) =>
  (await written(house, rows, o)).map(({ result, code }) => (code === undefined ? result : `${result} ${code}`))
const changesOf = (events: HubEvent[]) =>
  events.flatMap(event => (event.type === 'device' ? [`${event.change} ${event.id}`] : []))
const audited = async (house: BulkHouse) => {
  await house.trail.drain()
  return (await house.trail.log.query({ limit: 100 })).items
    .reverse()
    .map(({ actor, action, target }) => `${actor} ${action} ${target}`)
}

describe('devices written by an import', () => {
  let house: BulkHouse
  beforeEach(async () => {
    house = await bulkHouse(await memoryStores())
    for (const id of ['north', 'south']) await house.groups.create({ id })
    const text = JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: 'iot:Publish', Resource: 'topic/a' }],
    })
    for (const id of ['p1', 'p2']) await house.policies.create({ id, text })
  })

  it('have tags within the bounds of those of twins', async () => {
    await written(house, [device('a')])
    for (const id of ['a', 'b'])
      for (const [tags, code] of [
        [{ x: 'x'.repeat(8200) }, 'TWIN_LIMIT'],
        [{ $x: 1 }, 'TWIN_INVALID'],
      ] as const)
        assert.deepEqual(await said(house, [device(id, { tags })]), [`failed ${code}`])
  })

  it('have everything that their row says', async () => {
    const row = device('pump', {
      enabled: false,
      model: 'mk2',
      tags: { site: { floor: '1' } },
      attributes: { fw: '1.0' },
      desired: { on: true },
      groups: ['north'],
      policies: ['p1'],
      credential: { kind: 'x509' },
    })
    const [result] = await written(house, [row])
    assert.equal(result?.result, 'created')
    const { certificatePem, privateKeyPem, chainPem } = result.secrets!
    assert.ok(privateKeyPem && chainPem)
    const certificate = new X509Certificate(certificatePem!)
    assert.match(certificate.subject, /CN=pump/)
    assert.ok(certificate.verify(new X509Certificate(house.authority.issuingPem).publicKey))
    const fingerprint = certificate.fingerprint256.replaceAll(':', '').toLowerCase()
    assert.equal((await house.registry.findByFingerprint(fingerprint))?.identity.id, 'pump')
    assert.equal((await house.registry.get('pump'))!.enabled, false)
    assert.deepEqual((await house.state.get(devicesColl, 'pump'))!.doc, {
      tags: { site: { floor: '1' } },
      attributes: { fw: '1.0', model: 'mk2' },
    })
    assert.deepEqual((await house.state.get<{ desired: object }>(twinsColl, 'pump|'))!.doc.desired, { on: true })
    assert.deepEqual((await house.groups.groupsOf('pump')).direct, ['north'])
    assert.deepEqual(await house.policies.attached({ device: 'pump' }), ['p1'])
    assert.deepEqual(changesOf(house.events), ['created pump'])
    assert.deepEqual(await audited(house), ['user anna device.create pump'])
    assert.deepEqual(await said(house, [row]), ['unchanged'])
    assert.deepEqual(await audited(house), ['user anna device.create pump'], 'nothing happened, nothing is recorded')
  })

  it('are brought to what another row says of them, and only that', async () => {
    await written(house, [
      device('a', { tags: { x: 1, y: 1 }, desired: { on: true, level: { low: 1 } }, groups: ['north'], policies: ['p1'] }),
    ])
    assert.deepEqual(await said(house, [device('a', { groups: ['south'], policies: ['p1', 'p2'] })]), ['updated'])
    assert.deepEqual((await house.groups.groupsOf('a')).direct, ['south'])
    assert.deepEqual(await house.policies.attached({ device: 'a' }), ['p1', 'p2'])
    house.clock.now += 5000
    assert.deepEqual(await said(house, [device('a', { tags: { x: 2 }, desired: { level: { high: 9 } }, model: 'mk3' })]), [
      'updated',
    ])
    assert.deepEqual(house.told.described, ['a'])
    assert.deepEqual((await house.state.get(devicesColl, 'a'))!.doc, { tags: { x: 2, y: 1 }, attributes: { model: 'mk3' } })
    const twin = unpackTwin((await house.state.get<StoredTwin>(twinsColl, 'a|'))!.doc)
    assert.deepEqual(twin.desired, { on: true, level: { low: 1, high: 9 } })
    const { on, level } = twin.meta.desired.of!
    assert.equal(level!.of!.high!.v, twin.desiredVersion)
    assert.equal(level!.of!.high!.t, house.clock.now)
    assert.equal(on!.v, twin.desiredVersion - 1)
    assert.equal(level!.of!.low!.t, house.clock.now - 5000)
    assert.deepEqual(await said(house, [device('a', { enabled: false })]), ['updated'])
    assert.deepEqual(house.told.dropped, ['a'])
    assert.equal((await house.registry.get('a'))!.enabled, false)
  })

  it('get a credential that their row gives and they lack, and no other', async () => {
    const key = Buffer.alloc(32, 9).toString('base64')
    const foreign = await house.authority.issueDevice({ id: 'a' })
    await written(house, [device('a')])
    const rows: BulkDevice[] = [
      device('a', { credential: { kind: 'sas', primaryKey: key, secondaryKey: key } }),
      device('a', { credential: { kind: 'x509', certificatePem: foreign.certificatePem } }),
      device('a', { credential: { kind: 'password', password: 'correct horse' } }),
    ]
    for (const row of rows) {
      const [result] = await written(house, [row])
      assert.equal(result?.result, 'updated')
      assert.equal(result.secrets, undefined, 'the asker has it all')
      assert.deepEqual(await said(house, [row]), ['unchanged'])
    }
    assert.deepEqual(await said(house, [device('a', { credential: { kind: 'x509' } })]), ['unchanged'])
    assert.equal((await house.registry.get('a'))!.credentials.length, 3)
    assert.equal((await house.registry.findByFingerprint(foreign.fingerprint))?.identity.id, 'a')
  })

  it('do not get back a key that was ended, by the file that once gave it', async () => {
    const keyOf = (n: number) => Buffer.alloc(32, n).toString('base64')
    const sas = (id: string) => device(id, { credential: { kind: 'sas', primaryKey: keyOf(1), secondaryKey: keyOf(2) } })
    const cidOf = async (id: string) => (await house.registry.find(id))!.credentials[0]!.cid
    await written(house, [sas('replaced'), { ...sas('revoked'), row: 2 }])
    await house.registry.regenerateKey('replaced', await cidOf('replaced'), 'primary')
    await house.registry.revokeCredential('revoked', await cidOf('revoked'))
    assert.deepEqual(await said(house, [sas('replaced'), sas('revoked')]), ['failed CRED_REVOKED', 'failed CRED_REVOKED'])
    assert.deepEqual(await said(house, [device('replaced'), device('revoked')]), ['unchanged', 'unchanged'])
  })

  it('fail alone: unknown groups and policies, keys and names of others, ids too long for a certificate, retired ones', async () => {
    const pair = await generateKey()
    const csrOf = (id: string) => createCsr({ id, ...pair })
    await written(house, [device('old'), device('taken', { credential: { kind: 'password', username: 'alias' } })])
    await house.registry.setState('old', { state: 'retired' })
    const rows = [
      device('a', { groups: ['nowhere'] }),
      device('b', { policies: ['nothing'] }),
      device('c', { credential: { kind: 'x509', csrPem: csrOf('c') } }),
      device('d', { credential: { kind: 'x509', csrPem: csrOf('d') } }),
      device('e', { credential: { kind: 'x509', csrPem: csrOf('else') } }),
      device('f', { credential: { kind: 'password', username: 'g' } }),
      device('g', { credential: { kind: 'password', username: 'alias' } }),
      device('alias'),
      device('h', { credential: { kind: 'sas', primaryKey: 'short' } }),
      device('i'.repeat(65), { credential: { kind: 'x509' } }),
      device('old', { tags: { x: 1 } }),
      device('bad id'),
      device('j'),
      device('J'),
      device('k', { desired: { $bad: 1 } }),
      device('last', { groups: ['north'] }),
    ]
    const expected = [
      'failed GROUP_NOT_FOUND',
      'failed POLICY_NOT_FOUND',
      'created',
      'failed PKI_KEY_REUSED',
      'failed PKI_SUBJECT_MISMATCH',
      'failed CRED_TAKEN',
      'failed CRED_TAKEN',
      'failed IDENTITY_EXISTS',
      'failed CRED_INVALID',
      'failed PKI_SUBJECT_TOO_LONG',
      'failed IDENTITY_RETIRED',
      'failed IDENTITY_INVALID',
      'created',
      'failed IDENTITY_EXISTS',
      'failed TWIN_INVALID',
      'created',
    ]
    assert.deepEqual(await said(house, rows, { dryRun: true }), expected, 'dry')
    assert.deepEqual(await said(house, rows), expected)
    assert.equal(await house.registry.count(), 5)
    assert.deepEqual(
      [await house.state.count(devicesColl), await house.state.count(twinsColl)],
      [5, 5],
      'nothing is left of the others',
    )
    await house.groups.delete('south')
    await house.policies.delete('p1')
  })

  it('are gone after a deletion, with all that belonged to them', async () => {
    const rows = [device('a', { groups: ['north'], policies: ['p1'], credential: { kind: 'x509' } }), device('b')]
    await written(house, rows)
    assert.deepEqual(await said(house, [...rows, device('c')], { op: 'delete' }), ['deleted', 'deleted', 'unchanged'])
    assert.equal(await house.registry.count(), 0)
    assert.deepEqual([await house.state.count(devicesColl), await house.state.count(twinsColl)], [0, 0])
    assert.deepEqual(house.told.dropped, ['a', 'b'])
    assert.deepEqual(house.told.purged, ['a', 'b'])
    assert.deepEqual(house.told.forgotten, ['a', 'b'])
    assert.equal(house.revoked.length, 1)
    await house.groups.delete('north')
    await house.policies.delete('p1')
    assert.deepEqual(await said(house, [device('a')]), ['created'])
    assert.deepEqual((await house.groups.groupsOf('a')).direct, [])
  })

  it('of which the documents were written and the rest was not are as before', async () => {
    await written(house, [device('old', { tags: { x: 1 }, desired: { on: true } })])
    const rows = [device('new', { credential: { kind: 'sas' } }), device('old', { tags: { x: 2 }, desired: { on: false } })]
    const refused: Write = { op: 'put', coll: 'groups', id: 'north', doc: {}, version: 'new' }
    await assert.rejects(written(house, rows, { also: [refused] }), { code: 'STORE_VERSION_CONFLICT' })
    assert.equal(await house.registry.count(), 1)
    assert.deepEqual([await house.state.count(devicesColl), await house.state.count(twinsColl)], [1, 1])
    assert.deepEqual((await house.state.get(devicesColl, 'old'))!.doc, { tags: { x: 1 }, attributes: {} })
    assert.deepEqual((await house.state.get<{ desired: object }>(twinsColl, 'old|'))!.doc.desired, { on: true })
    assert.deepEqual((await audited(house)).slice(-2).sort(), ['user anna device.restore old', 'user anna device.update old'])
    assert.deepEqual(await said(house, rows), ['created', 'updated'])
  })

  it('that others register in between fail alone, and nothing of the others is lost', async () => {
    const rows = [device('a'), device('b', { credential: { kind: 'password', username: 'ali' } }), device('c'), device('d')]
    await written(house, [device('d')])
    let once = true
    const before = house.registry.writeMany
    house.registry.writeMany = (changes, o) =>
      before(changes, {
        ...o,
        async ready(ids) {
          await o.ready?.(ids)
          if (!once) return
          once = false
          await house.registry.register({ id: 'A' })
          await house.registry.register({ id: 'z', credential: { kind: 'password', username: 'ali' } })
          await house.registry.setEnabled('d', { enabled: true, reason: 'a look' })
          await house.policies.attach({ policy: 'p1', target: { device: 'e' } })
        },
      })
    rows.splice(3, 1, device('d', { enabled: false }), device('e', { policies: ['p1'] }))
    assert.deepEqual(await said(house, rows), [
      'failed IDENTITY_EXISTS',
      'failed CRED_TAKEN',
      'created',
      'updated',
      'failed IDENTITY_CONFLICT',
    ])
    assert.deepEqual(await said(house, [rows[4]!]), ['created'], 'a second try')
    assert.equal((await house.registry.get('d'))!.enabled, false)
    assert.equal(await house.state.get(devicesColl, 'a'), null)
    assert.equal(await house.state.get(devicesColl, 'b'), null)
    assert.ok(await house.state.get(devicesColl, 'c'))
  })

  it('and changed elsewhere wait for each other', async () => {
    const first = Promise.withResolvers<void>()
    const other = house.inTurn('b', () => first.promise)
    const seen: string[] = []
    const one = written(house, [device('a'), device('b')]).then(() => seen.push('one'))
    const two = written(house, [device('b'), device('a', { tags: { x: 1 } })]).then(() => seen.push('two'))
    const free = written(house, [device('c')]).then(() => seen.push('free'))
    await free
    assert.deepEqual(seen, ['free'])
    first.resolve()
    await Promise.all([other, one, two])
    assert.deepEqual(seen, ['free', 'one', 'two'])
    assert.deepEqual((await house.state.get<{ tags: object }>(devicesColl, 'a'))!.doc.tags, { x: 1 })
  })

  it('are written although what follows fails, which is told', async () => {
    await written(house, [device('a')])
    const dropped = house.told.dropped
    Object.defineProperty(dropped, 'push', { value: () => assert.fail('the broker is gone') })
    assert.deepEqual(await said(house, [device('a', { enabled: false })]), ['updated'])
    assert.equal(house.failures.length, 1)
  })

  it('are not to blame for a store that fails', async () => {
    const stores = await memoryStores()
    const broken = await bulkHouse({ ...stores, state: failing(stores.state) })
    await assert.rejects(written(broken, [device('a')]), { code: 'STORE_LIMIT' })
    assert.equal(await broken.registry.count(), 0)
  })
})

const failing = (store: StateStore): StateStore => ({
  declare: (coll, o) => store.declare(coll, o),
  get: (coll, id) => store.get(coll, id),
  put: (coll, id, doc, o) => store.put(coll, id, doc, o),
  delete: (coll, id, o) => store.delete(coll, id, o),
  query: (coll, query) => store.query(coll, query),
  tx: async () => {
    throw new LoomError('STORE_LIMIT', 'full')
  },
  changes: (since, limit) => store.changes(since, limit),
  count: coll => store.count(coll),
  close: () => store.close(),
})
