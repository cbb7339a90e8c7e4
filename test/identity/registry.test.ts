import assert from 'node:assert/strict'
import { isDeviceId } from '../../src/identity/device-id.ts'
import { identitiesColl, maxCredentials } from '../../src/identity/registry.ts'
import { createCsr } from '../../src/pki/csr.ts'
import { generateKey } from '../../src/pki/keys.ts'
import type { StateStore } from '../../src/storage/state-store.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import { seeded } from '../seeded.ts'
import { authorityOf, codeOf, days, start } from '../pki/make.ts'
import { houseOf, peerOf } from './make.ts'

/** Counts what a store is asked. */
async function countedStore() {
  const store = await openMemoryStateStore({ now: () => start })
  const counts = { reads: 0 }
  const counted: StateStore = {
    ...store,
    get(coll, id) {
      counts.reads++
      return store.get(coll, id)
    },
    query(coll, query) {
      counts.reads++
      return store.query(coll, query)
    },
  }
  return { store: counted, counts }
}

describe('registry', () => {
  it('a device without credentials is registered, found and listed', async () => {
    const { registry } = await houseOf()
    const { identity, secrets } = await registry.register({ id: 'pump:7' })
    assert.equal(secrets, undefined)
    assert.match(identity.generation, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    const { etag, generation, ...rest } = identity
    assert.deepEqual(rest, { id: 'pump:7', enabled: true, state: 'active', credentials: [], createdAt: start, updatedAt: start })
    assert.deepEqual(await registry.get('pump:7'), identity)
    assert.deepEqual((await registry.page({})).items, [identity])
    assert.equal(await registry.count(), 1)
    assert.equal(await registry.get('valve'), undefined)
  })

  it('many are read at once: those that exist, with the last use of their credentials', async () => {
    const { store, counts } = await countedStore()
    const { registry } = await houseOf({ store })
    for (const id of ['a', 'b', 'c']) await registry.register({ id, credential: { kind: 'sas' } })
    const { cid } = (await registry.get('b'))!.credentials[0]!
    registry.touch({ id: 'b', cid, at: start + 5 })
    counts.reads = 0
    const found = await registry.many(['c', 'b', 'nobody', 'not an id'])
    assert.ok(counts.reads <= 2)
    assert.deepEqual(found.map(({ id, credentials }) => [id, credentials[0]!.lastUsedAt]).sort(), [
      ['b', start + 5],
      ['c', undefined],
    ])
    assert.deepEqual(await registry.many([]), [])
  })

  it('device ids are letters, digits and : . _ -, up to 128', async () => {
    for (const id of ['a', '7', 'A-b_c.d:e', 'x'.repeat(128)]) assert.ok(isDeviceId(id), id)
    const { registry } = await houseOf()
    for (const id of ['', '-a', '.a', 'a/b', 'a b', 'a#', 'a+', 'ä', 'a\n', '$a', 'x'.repeat(129), 7 as unknown as string])
      await assert.rejects(registry.register({ id }), codeOf('IDENTITY_INVALID'), String(id))
  })

  it('an id that exists, also in other case, is refused', async () => {
    const { registry } = await houseOf()
    await registry.register({ id: 'Pump' })
    for (const id of ['Pump', 'pump', 'PUMP']) {
      await assert.rejects(registry.check(id), codeOf('IDENTITY_EXISTS'))
      await assert.rejects(registry.register({ id }), codeOf('IDENTITY_EXISTS'))
    }
    const both = await Promise.allSettled([registry.register({ id: 'valve' }), registry.register({ id: 'VALVE' })])
    assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
    assert.equal((both.find(({ status }) => status === 'rejected') as PromiseRejectedResult).reason.code, 'IDENTITY_EXISTS')
  })

  it('SAS keys are made or taken as given, and make a connection string', async () => {
    const { registry } = await houseOf()
    const { secrets } = await registry.register({ id: 'pump', credential: { kind: 'sas' } })
    for (const key of [secrets!.primaryKey!, secrets!.secondaryKey!]) assert.equal(Buffer.from(key, 'base64').length, 32)
    assert.notEqual(secrets!.primaryKey, secrets!.secondaryKey)
    assert.equal(secrets!.connectionString, `HostName=hub.example.net;DeviceId=pump;SharedAccessKey=${secrets!.primaryKey}`)
    assert.match(secrets!.caPem, /BEGIN CERTIFICATE/)
    const primaryKey = Buffer.alloc(16, 1).toString('base64')
    const given = await registry.addCredential('pump', { kind: 'sas', primaryKey })
    assert.equal(given.primaryKey, primaryKey)
    for (const wrong of ['', 'short', 'AAAA', Buffer.alloc(65).toString('base64'), `${primaryKey}\n`, primaryKey.slice(0, -2)])
      await assert.rejects(registry.addCredential('pump', { kind: 'sas', primaryKey: wrong }), codeOf('CRED_INVALID'), wrong)
  })

  it('a certificate is issued with its key, for a request, or registered as it is', async () => {
    const { registry, authority } = await houseOf()
    const made = await registry.register({ id: 'a', credential: { kind: 'x509' } })
    assert.match(made.secrets!.privateKeyPem!, /BEGIN PRIVATE KEY/)
    const signed = await registry.register({
      id: 'b',
      credential: { kind: 'x509', csrPem: createCsr({ id: 'b', ...(await generateKey()) }), days: 5 },
    })
    assert.equal(signed.secrets!.privateKeyPem, undefined)
    const other = await authorityOf({ hubId: 'elsewhere' })
    const { certificatePem } = await other.authority.issueDevice({ id: 'whoever' })
    const taken = await registry.register({ id: 'c', credential: { kind: 'x509', certificatePem } })
    assert.equal(taken.secrets!.certificatePem, certificatePem)
    for (const { identity, secrets } of [made, signed, taken]) {
      const peer = peerOf(secrets!.certificatePem!)
      const [view] = identity.credentials
      assert.equal(view!.fingerprint, peer.fingerprint)
      assert.deepEqual([view!.notBefore, view!.notAfter, view!.hasSecret], [peer.notBefore, peer.notAfter, false])
      assert.equal((await registry.findByFingerprint(peer.fingerprint))!.identity.id, identity.id)
    }
    assert.equal(made.secrets!.chainPem, made.secrets!.certificatePem + authority.issuingPem)
  })

  it('one certificate and one key belong to one device', async () => {
    const { registry } = await houseOf()
    const pair = await generateKey()
    const csrFor = (id: string) => createCsr({ id, ...pair })
    const { secrets } = await registry.register({ id: 'a', credential: { kind: 'x509', csrPem: csrFor('a') } })
    const certificatePem = secrets!.certificatePem!
    await registry.register({ id: 'b' })
    await assert.rejects(registry.addCredential('b', { kind: 'x509', csrPem: csrFor('b') }), codeOf('PKI_KEY_REUSED'))
    await assert.rejects(registry.addCredential('b', { kind: 'x509', certificatePem }), codeOf('PKI_KEY_REUSED'))
    await assert.rejects(registry.addCredential('a', { kind: 'x509', certificatePem }), codeOf('CRED_TAKEN'))
    await registry.addCredential('a', { kind: 'x509', csrPem: csrFor('a') })
    await registry.delete('a')
    await registry.addCredential('b', { kind: 'x509', csrPem: csrFor('b') })
  })

  it('a revoked certificate is known as such and cannot come back', async () => {
    const { registry } = await houseOf()
    const { secrets } = await registry.register({ id: 'a', credential: { kind: 'x509' } })
    await registry.revokeCredential('a', secrets!.cid)
    const { fingerprint } = peerOf(secrets!.certificatePem!)
    assert.equal((await registry.findByFingerprint(fingerprint))!.credential.status, 'revoked')
    const again = { kind: 'x509', certificatePem: secrets!.certificatePem! } as const
    await assert.rejects(registry.addCredential('a', again), codeOf('CRED_REVOKED'))
  })

  it('expired certificates and other nonsense are refused', async () => {
    const { registry, clock, authority } = await houseOf()
    const { certificatePem } = await authority.issueDevice({ id: 'old', days: 1 })
    clock.now += days(2)
    const refused = async (credential: object, code: string) =>
      assert.rejects(registry.register({ id: 'old', credential: credential as never }), codeOf(code))
    await refused({ kind: 'x509', certificatePem }, 'CRED_EXPIRED')
    await refused({ kind: 'x509', certificatePem, csrPem: 'x' }, 'CRED_INVALID')
    await refused({ kind: 'x509', days: 0 }, 'REQUEST_INVALID')
    await refused({ kind: 'tpm' }, 'CRED_INVALID')
    await refused({ kind: 'password', password: 'short' }, 'CRED_INVALID')
    await refused({ kind: 'password', username: 'a?b' }, 'CRED_INVALID')
    await refused({ kind: 'password', username: '' }, 'CRED_INVALID')
    await assert.rejects(registry.register({ id: 'x'.repeat(65), credential: { kind: 'x509' } }), codeOf('PKI_SUBJECT_TOO_LONG'))
    assert.equal(await registry.count(), 0)
  })

  it('user names are unique and never the id of another device', async () => {
    const { registry } = await houseOf()
    const alias = (username: string) => ({ kind: 'password', username }) as const
    const { secrets } = await registry.register({ id: 'a', credential: { kind: 'password' } })
    assert.deepEqual([secrets!.username, secrets!.password!.length], ['a', 24])
    await registry.addCredential('a', alias('boiler'))
    await registry.addCredential('a', alias('boiler'))
    await registry.register({ id: 'b' })
    await assert.rejects(registry.addCredential('b', alias('boiler')), codeOf('CRED_TAKEN'))
    await assert.rejects(registry.addCredential('b', alias('a')), codeOf('CRED_TAKEN'))
    await assert.rejects(registry.register({ id: 'boiler' }), codeOf('IDENTITY_EXISTS'))
    assert.equal((await registry.findByUsername('boiler'))!.id, 'a')
    assert.equal((await registry.findByUsername('b'))!.id, 'b')
    await registry.delete('a')
    await registry.addCredential('b', alias('boiler'))
  })

  it(`a device has at most ${maxCredentials} credentials in use`, async () => {
    const { registry } = await houseOf()
    await registry.register({ id: 'a' })
    const cids: string[] = []
    for (let at = 0; at < maxCredentials; at++) cids.push((await registry.addCredential('a', { kind: 'sas' })).cid)
    await assert.rejects(registry.addCredential('a', { kind: 'sas' }), codeOf('CRED_LIMIT'))
    await registry.revokeCredential('a', cids[0]!)
    await registry.addCredential('a', { kind: 'sas' })
    await assert.rejects(registry.addCredential('a', { kind: 'sas' }), codeOf('CRED_LIMIT'))
    await assert.rejects(registry.revokeCredential('a', 'nope'), codeOf('CRED_NOT_FOUND'))
    await assert.rejects(registry.addCredential('b', { kind: 'sas' }), codeOf('IDENTITY_NOT_FOUND'))
  })

  it('of revoked credentials the oldest are forgotten, with their names', async () => {
    const { registry } = await houseOf()
    await registry.register({ id: 'a' })
    const made = []
    for (let at = 0; at < maxCredentials + 3; at++) {
      made.push(await registry.addCredential('a', { kind: 'x509' }))
      await registry.revokeCredential('a', made[at]!.cid)
    }
    assert.equal((await registry.get('a'))!.credentials.length, maxCredentials + 1)
    assert.equal(await registry.findByFingerprint(peerOf(made[0]!.certificatePem!).fingerprint), undefined)
    assert.ok(await registry.findByFingerprint(peerOf(made.at(-1)!.certificatePem!).fingerprint))
  })

  it('is disabled and enabled, with a reason and against a known etag', async () => {
    const { registry, clock } = await houseOf()
    const { identity } = await registry.register({ id: 'a' })
    clock.now += 5
    const off = await registry.setEnabled('a', { enabled: false, reason: 'lost', etag: identity.etag })
    assert.deepEqual([off.enabled, off.reason, off.updatedAt], [false, 'lost', start + 5])
    await assert.rejects(registry.setEnabled('a', { enabled: true, etag: identity.etag }), codeOf('IDENTITY_CONFLICT'))
    const on = await registry.setEnabled('a', { enabled: true })
    assert.deepEqual([on.enabled, on.reason, on.generation], [true, undefined, identity.generation])
    await assert.rejects(registry.setEnabled('b', { enabled: true }), codeOf('IDENTITY_NOT_FOUND'))
  })

  it('says whether a live connection is still welcome', async () => {
    const { registry } = await houseOf()
    const { secrets } = await registry.register({ id: 'a', credential: { kind: 'sas' } })
    await registry.register({ id: 'open' })
    const accepts = (deviceId: string, cid: string) => registry.accepts({ deviceId, cid })
    assert.deepEqual(
      [await accepts('a', secrets!.cid), await accepts('a', ''), await accepts('open', ''), await accepts('x', '')],
      [true, false, true, false],
    )
    await registry.setEnabled('a', { enabled: false })
    assert.equal(await accepts('a', secrets!.cid), false)
    await registry.setEnabled('a', { enabled: true })
    await registry.revokeCredential('a', secrets!.cid)
    assert.equal(await accepts('a', secrets!.cid), false)
  })

  it('a device registered again is another generation', async () => {
    const { registry, store } = await houseOf()
    const first = await registry.register({ id: 'a', credential: { kind: 'password', username: 'alias' } })
    await registry.delete('a')
    assert.equal(await registry.get('a'), undefined)
    assert.deepEqual([await store.count(identitiesColl), await store.count('identity_claims')], [0, 0])
    await assert.rejects(registry.delete('a'), codeOf('IDENTITY_NOT_FOUND'))
    const second = await registry.register({ id: 'a' })
    assert.notEqual(second.identity.generation, first.identity.generation)
  })

  it('further documents are written with the device or not at all', async () => {
    const { registry, store } = await houseOf()
    await store.declare('twins', {})
    const also = (id: string) => [{ op: 'put', coll: 'twins', id, doc: { id }, version: 'new' }] as const
    await registry.register({ id: 'a', also: also('a') })
    await assert.rejects(registry.register({ id: 'b', also: also('a') }), codeOf('IDENTITY_CONFLICT'))
    assert.equal(await registry.get('b'), undefined)
    await registry.delete('a', { also: [{ op: 'delete', coll: 'twins', id: 'a' }] })
    assert.equal(await store.count('twins'), 0)
  })

  it('lists by prefix and switch, in order, page by page', async () => {
    const { registry } = await houseOf()
    const { pick, below } = seeded(11)
    const all = new Map<string, boolean>()
    for (let at = 0; at < 120; at++) {
      const id = `${pick(['pump', 'valve', 'p'])}-${below(10_000)}`
      if (all.has(id)) continue
      all.set(id, below(3) > 0)
      await registry.register({ id, enabled: all.get(id)! })
    }
    for (const prefix of [undefined, 'p', 'pump-', 'valve-1', 'none'])
      for (const enabled of [undefined, true, false]) {
        const listed: string[] = []
        let cursor: string | undefined
        do {
          const page = await registry.page({
            limit: 7,
            ...(prefix !== undefined && { prefix }),
            ...(enabled !== undefined && { enabled }),
            ...(cursor !== undefined && { cursor }),
          })
          listed.push(...page.items.map(({ id }) => id))
          cursor = page.next
        } while (cursor !== undefined && listed.length <= all.size)
        const naive = [...all].filter(([id, on]) => id.startsWith(prefix ?? '') && (enabled ?? on) === on).map(([id]) => id)
        assert.deepEqual(listed, naive.sort(), `${prefix} ${enabled}`)
      }
  })

  it('last use is shown at once, written later, and changes no etag', async () => {
    const { registry, store } = await houseOf()
    const { identity, secrets } = await registry.register({ id: 'a', credential: { kind: 'sas' } })
    const { cid } = secrets!
    registry.touch({ id: 'a', cid, at: start + 9 })
    registry.touch({ id: 'gone', cid: 'x', at: start })
    assert.equal((await registry.get('a'))!.credentials[0]!.lastUsedAt, start + 9)
    assert.equal((await registry.page({})).items[0]!.credentials[0]!.lastUsedAt, start + 9)
    assert.equal(await store.count('credential_uses'), 0)
    await registry.flush()
    assert.equal(await store.count('credential_uses'), 1)
    const { registry: later } = await houseOf({ store })
    assert.deepEqual(await later.get('a'), { ...identity, credentials: [{ ...identity.credentials[0]!, lastUsedAt: start + 9 }] })
    await later.delete('a')
    assert.equal(await store.count('credential_uses'), 0)
  })

  it('uses that could not be written are written next time', async () => {
    const { store } = await countedStore()
    let broken = false
    const failing: StateStore = { ...store, tx: (...args) => (broken ? Promise.reject(new Error('disk')) : store.tx(...args)) }
    const { registry } = await houseOf({ store: failing })
    const { secrets } = await registry.register({ id: 'a', credential: { kind: 'sas' } })
    registry.touch({ id: 'a', cid: secrets!.cid, at: start })
    broken = true
    await assert.rejects(registry.flush(), /disk/)
    broken = false
    await registry.flush()
    assert.equal(await store.count('credential_uses'), 1)
  })

  it('a known device costs no store query, and never more memory than allowed', async () => {
    const { store, counts } = await countedStore()
    const { registry } = await houseOf({ store, cacheEntries: 3 })
    const made = []
    for (const id of ['a', 'b', 'c', 'd', 'e']) made.push(await registry.register({ id, credential: { kind: 'x509' } }))
    const { fingerprint } = peerOf(made[0]!.secrets!.certificatePem!)
    await registry.findByFingerprint(fingerprint)
    counts.reads = 0
    for (let at = 0; at < 50; at++) assert.equal((await registry.findByFingerprint(fingerprint))!.identity.id, 'a')
    assert.equal(counts.reads, 0)
    for (const id of ['b', 'c', 'd', 'e']) await registry.find(id)
    assert.ok(counts.reads > 0)
    counts.reads = 0
    await registry.find('a')
    assert.equal(counts.reads, 1)
  })

  it('names that nothing can have ask the store nothing', async () => {
    const { store, counts } = await countedStore()
    const { registry } = await houseOf({ store })
    counts.reads = 0
    for (const name of ['', '#?', 'a b?c', '\0', 'x'.repeat(60_000)]) {
      assert.equal(await registry.find(name), undefined)
      assert.equal(await registry.findByUsername(name), undefined)
    }
    assert.equal(counts.reads, 0)
  })

  it('what was read before a change is not remembered after it', async () => {
    const { store } = await countedStore()
    let held: (() => void) | undefined
    let hold = false
    const slow: StateStore = {
      ...store,
      async get(coll, id) {
        const found = await store.get(coll, id)
        if (hold && coll === identitiesColl) {
          hold = false
          await new Promise<void>(resolve => {
            held = resolve
          })
        }
        return found as never
      },
    }
    const { registry } = await houseOf({ store: slow, cacheEntries: 1 })
    await registry.register({ id: 'a' })
    await registry.register({ id: 'b' })
    hold = true
    const early = registry.find('a')
    await registry.setEnabled('a', { enabled: false })
    await registry.find('b')
    held!()
    assert.equal((await early)!.enabled, true)
    assert.equal((await registry.find('a'))!.enabled, false)
  })

  it('changes of several at once are all kept', async () => {
    const { registry } = await houseOf()
    await registry.register({ id: 'a' })
    const made = await Promise.all(Array.from({ length: 4 }, () => registry.addCredential('a', { kind: 'sas' })))
    assert.deepEqual((await registry.get('a'))!.credentials.map(({ cid }) => cid).sort(), made.map(({ cid }) => cid).sort())
  })
})
