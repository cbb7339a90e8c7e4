import assert from 'node:assert/strict'
import { deriveKey } from '../../src/identity/prove-sas.ts'
import { signSas } from '../../src/identity/sas.ts'
import { verifyChain } from '../../src/pki/chain.ts'
import { createIntermediate, createRoot, issuer } from '../../src/pki/issuer.ts'
import { generateKey, spkiOf } from '../../src/pki/keys.ts'
import { createAttestor } from '../../src/provisioning/attest.ts'
import { openEnrolments } from '../../src/provisioning/enrolments.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import { codeOf, days, random, sealerOf, start } from '../pki/make.ts'

const idScope = '0ne0012AB'
const key = (letter: string) => Buffer.from(letter.repeat(32)).toString('base64')

async function houseOf(idScopes?: string[]) {
  const store = await openMemoryStateStore({ now: () => start })
  const enrolments = await openEnrolments({ store, sealer: sealerOf(), now: () => start, random })
  const attestor = createAttestor({ enrolments, verifyChain, sasClockSkewS: 300, ...(idScopes && { idScopes }) })
  return { enrolments, attestor }
}

const tokenOf = (o: { registrationId: string; key: string; scope?: string; expiresAt?: number; encode?: boolean }) =>
  signSas({
    key: o.key,
    resource: `${o.scope ?? idScope}/registrations/${o.registrationId}`,
    expiresAt: o.expiresAt ?? start + 3_600_000,
    ...(o.encode !== undefined && { encode: o.encode }),
  })

describe('attestation by token', () => {
  let house: Awaited<ReturnType<typeof houseOf>>
  beforeEach(async () => {
    house = await houseOf()
    await house.enrolments.create({
      id: 'fleet',
      kind: 'group',
      attestation: { kind: 'sas', primaryKey: key('p'), secondaryKey: key('s') },
    })
    await house.enrolments.create({
      kind: 'individual',
      registrationId: 'Own',
      attestation: { kind: 'sas', primaryKey: key('a'), secondaryKey: key('b') },
    })
  })
  const attest = (registrationId: string, token: string, o: { now?: number; scope?: string } = {}) =>
    house.attestor.attest({ registrationId, idScope: o.scope ?? idScope, token, now: o.now ?? start })

  it('takes either key of an individual, in any case of its id, until expiry and skew', async () => {
    for (const letter of ['a', 'b'])
      for (const registrationId of ['Own', 'oWN'])
        for (const encode of [true, false])
          assert.deepEqual(await attest(registrationId, tokenOf({ registrationId, key: key(letter), encode })), {
            enrolmentId: 'Own',
            enrolmentKind: 'individual',
            enrolmentUpdatedAt: start,
            kind: 'sas',
            registrationId,
            expiresAt: start + 3_900_000,
          })
  })

  it('takes a key derived from either key of a group', async () => {
    for (const letter of ['p', 's']) {
      const token = tokenOf({ registrationId: 'dev-1', key: deriveKey(key(letter), 'dev-1') })
      const { enrolmentId, enrolmentKind } = await attest('dev-1', token)
      assert.deepEqual([enrolmentId, enrolmentKind], ['fleet', 'group'])
    }
  })

  it('derives keys as Azure documents it', () =>
    assert.equal(
      deriveKey(
        '8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw==',
        'sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6',
      ),
      'Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc=',
    ))

  it('derives from the spelling that was sent', async () => {
    const made = deriveKey(key('p'), 'dev-1')
    await assert.rejects(attest('DEV-1', tokenOf({ registrationId: 'DEV-1', key: made })), codeOf('CRED_INVALID'))
  })

  it('takes the policy name that device SDKs write, at any place, and no other', async () => {
    const token = tokenOf({ registrationId: 'own', key: key('a') })
    const [scheme, members] = token.split(' ')
    for (const fine of [`${token}&skn=registration`, `${scheme} skn=registration&${members}`])
      assert.ok(await attest('own', fine))
    for (const bad of ['iothubowner', 'Registration', 'registrationReadWrite', 'device'])
      await assert.rejects(attest('own', `${token}&skn=${bad}`), codeOf('CRED_INVALID'), bad)
  })

  it('counts the individual enrolment alone where there is one', async () => {
    const derived = tokenOf({ registrationId: 'own', key: deriveKey(key('p'), 'own') })
    await assert.rejects(attest('own', derived), codeOf('CRED_INVALID'))
  })

  it('admits to a disabled enrolment: its registrations say why', async () => {
    await house.enrolments.update('fleet', { enabled: false })
    assert.equal((await attest('d', tokenOf({ registrationId: 'd', key: deriveKey(key('p'), 'd') }))).enrolmentId, 'fleet')
  })

  it('refuses an expired token once the skew is over', async () => {
    const token = tokenOf({ registrationId: 'own', key: key('a'), expiresAt: start - 299_000 })
    assert.equal((await attest('own', token)).expiresAt, start + 1000)
    await assert.rejects(attest('own', token, { now: start + 1000 }), codeOf('CRED_EXPIRED'))
  })

  it('refuses a token of another registration, another scope, a device or the hub itself', async () => {
    const mine = { registrationId: 'dev-1', key: deriveKey(key('p'), 'dev-1') }
    await assert.rejects(attest('dev-2', tokenOf(mine)), codeOf('CRED_INVALID'))
    await assert.rejects(attest('dev-1', tokenOf({ ...mine, registrationId: 'dev-2' })), codeOf('CRED_INVALID'))
    await assert.rejects(attest('dev-1', tokenOf({ ...mine, registrationId: 'dev-12' })), codeOf('CRED_INVALID'))
    await assert.rejects(attest('dev-1', tokenOf({ ...mine, scope: 'other' })), codeOf('CRED_INVALID'))
    const device = signSas({ key: mine.key, resource: 'hub/devices/dev-1', expiresAt: start + 1000 })
    await assert.rejects(attest('dev-1', device), codeOf('CRED_INVALID'))
    const master = tokenOf({ registrationId: 'dev-1', key: key('p') })
    await assert.rejects(attest('dev-1', master), codeOf('CRED_INVALID'), 'the group key itself is no key of a device')
    await assert.rejects(attest('dev-1', `${tokenOf(mine)}&skn=owner`), codeOf('CRED_INVALID'))
  })

  it('refuses a key derived for another id, and ids that are none', async () => {
    const token = tokenOf({ registrationId: 'dev-1', key: deriveKey(key('p'), 'dev-2') })
    await assert.rejects(attest('dev-1', token), codeOf('CRED_INVALID'))
    for (const odd of ['', 'a b', 'a/b', 'a|b', '../x', 'ü', 'a\0', 'x'.repeat(129), '$rid'])
      await assert.rejects(
        attest(odd, tokenOf({ registrationId: odd, key: deriveKey(key('p'), odd) })),
        codeOf('CRED_INVALID'),
        odd,
      )
    for (const fine of ['-a', '.', 'a:b_c-d.e', '__proto__', 'x'.repeat(128)])
      assert.ok(await attest(fine, tokenOf({ registrationId: fine, key: deriveKey(key('p'), fine) })), fine)
  })

  it('refuses who sends nothing, and knows its scopes if it was told', async () => {
    await assert.rejects(attest('dev-1', ''), codeOf('CRED_MISSING'))
    const strict = await houseOf(['0NE0012ab'])
    await strict.enrolments.create({
      kind: 'individual',
      registrationId: 'x',
      attestation: { kind: 'sas', primaryKey: key('a') },
    })
    const token = tokenOf({ registrationId: 'x', key: key('a') })
    assert.ok(await strict.attestor.attest({ registrationId: 'x', idScope, token, now: start }))
    await assert.rejects(strict.attestor.attest({ registrationId: 'x', idScope: 'y', token, now: start }), codeOf('CRED_INVALID'))
    await assert.rejects(
      strict.attestor.attest({ registrationId: 'nobody', idScope, token, now: start }),
      codeOf('PROV_NO_ENROLMENT'),
    )
  })

  it('repeats no token and no key in what it says', async () => {
    const token = tokenOf({ registrationId: 'own', key: key('x') })
    await assert.rejects(
      attest('own', token),
      (error: Error) => !error.message.includes('sig=') && !error.message.includes(key('a')),
    )
  })
})

describe('attestation by certificate', () => {
  const make = async () => {
    const root = await createRoot({ hubId: 'maker', now: start, random })
    const ca = await createIntermediate({ hubId: 'maker', n: 1, root, now: start, random })
    const other = await createRoot({ hubId: 'other', now: start, random })
    const leaf = async (id: string, by = ca, at = start) => {
      const { publicKey } = await generateKey()
      return issuer(by).issue({ profile: 'device', hubId: 'maker', id, spki: spkiOf(publicKey), days: 10, now: at, random })
    }
    return { root, ca, other, leaf }
  }
  let pki: Awaited<ReturnType<typeof make>>
  let house: Awaited<ReturnType<typeof houseOf>>
  before(async () => {
    pki = await make()
  })
  beforeEach(async () => {
    house = await houseOf()
  })
  const attest = (registrationId: string, chain: Uint8Array[], now = start) =>
    house.attestor.attest({ registrationId, idScope, chain, now })

  it('takes the primary and the secondary leaf of an individual, whoever signed them', async () => {
    const [one, two, three] = [await pki.leaf('cam'), await pki.leaf('cam', pki.other), await pki.leaf('cam')]
    await house.enrolments.create({
      kind: 'individual',
      registrationId: 'cam',
      attestation: { kind: 'x509', primary: one.pem, secondary: two.fingerprint.toUpperCase() },
    })
    const proof = await attest('CAM', [one.der])
    assert.deepEqual(
      [proof.enrolmentId, proof.enrolmentKind, proof.kind, proof.fingerprint, proof.expiresAt],
      ['cam', 'individual', 'x509', one.fingerprint, one.notAfter],
    )
    assert.equal(proof.certificatePem, one.pem)
    assert.equal((await attest('cam', [two.der])).fingerprint, two.fingerprint)
    await assert.rejects(attest('cam', [three.der]), codeOf('CRED_UNKNOWN'))
  })

  it('takes the chain of a group, ends with its first end, and tells the key', async () => {
    await house.enrolments.create({ id: 'fleet', kind: 'group', attestation: { kind: 'x509-ca', cas: [{ pem: pki.root.pem }] } })
    const leaf = await pki.leaf('cam')
    const proof = await attest('cam', [leaf.der, pki.ca.der])
    assert.equal(proof.enrolmentId, 'fleet')
    assert.equal(proof.expiresAt, leaf.notAfter)
    assert.match(proof.spkiHash!, /^[0-9a-f]{64}$/)
    await assert.rejects(attest('cam', [leaf.der]), codeOf('PROV_NO_ENROLMENT'), 'the issuer is missing')
    await assert.rejects(attest('cam', [(await pki.leaf('cam', pki.other)).der, pki.ca.der]), codeOf('CRED_UNKNOWN'))
  })

  it('goes on with the next group, and with a CA that the hub knows by id', async () => {
    const known = new Map([['ca-1', pki.ca.pem]])
    const store = await openMemoryStateStore({ now: () => start })
    const caPem = async (id: string) => known.get(id)
    const enrolments = await openEnrolments({ store, sealer: sealerOf(), now: () => start, random, caPem })
    const attestor = createAttestor({ enrolments, verifyChain, sasClockSkewS: 300, caPem })
    await enrolments.create({ id: 'a', kind: 'group', attestation: { kind: 'x509-ca', cas: [{ pem: pki.other.pem }] } })
    await enrolments.create({
      id: 'b',
      kind: 'group',
      attestation: { kind: 'x509-ca', cas: [{ pem: pki.other.pem }, { caId: 'ca-1' }] },
    })
    await enrolments.create({ id: 'c', kind: 'group', attestation: { kind: 'sas' } })
    const chain = [(await pki.leaf('cam')).der]
    assert.equal((await attestor.attest({ registrationId: 'cam', idScope, chain, now: start })).enrolmentId, 'b')
    known.clear()
    await assert.rejects(attestor.attest({ registrationId: 'cam', idScope, chain, now: start }), codeOf('PROV_NO_ENROLMENT'))
    const request = { id: 'd', kind: 'group', attestation: { kind: 'x509-ca', cas: [{ caId: 'ca-1' }] } } as const
    await assert.rejects(enrolments.create(request), codeOf('PROV_INVALID'))
  })

  it('tries no CA whose name the chain does not carry', async () => {
    const tried: number[] = []
    const attestor = createAttestor({
      enrolments: house.enrolments,
      verifyChain(chain, cas, now) {
        tried.push(cas.length)
        return verifyChain(chain, cas, now)
      },
      sasClockSkewS: 300,
    })
    const others = await Promise.all(['x', 'y', 'z'].map(hubId => createRoot({ hubId, now: start, random })))
    for (const [at, { pem }] of others.entries())
      await house.enrolments.create({ id: `g${at}`, kind: 'group', attestation: { kind: 'x509-ca', cas: [{ pem }] } })
    const cas = [{ pem: others[0]!.pem }, { pem: pki.ca.pem }]
    await house.enrolments.create({ id: 'last', kind: 'group', attestation: { kind: 'x509-ca', cas } })
    const chain = [(await pki.leaf('cam')).der]
    assert.equal((await attestor.attest({ registrationId: 'cam', idScope, chain, now: start })).enrolmentId, 'last')
    assert.deepEqual(tried, [1])
  })

  it('refuses a name that is not the registration id, dates, and what is no certificate', async () => {
    await house.enrolments.create({ id: 'fleet', kind: 'group', attestation: { kind: 'x509-ca', cas: [{ pem: pki.ca.pem }] } })
    const leaf = await pki.leaf('cam')
    await assert.rejects(attest('other', [leaf.der]), codeOf('CRED_INVALID'))
    await assert.rejects(attest('cam', [leaf.der], start - days(1)), codeOf('CRED_NOT_YET_VALID'))
    await assert.rejects(attest('cam', [leaf.der], start + days(11)), codeOf('CRED_EXPIRED'))
    await assert.rejects(attest('cam', [Buffer.from('no')]), codeOf('CRED_INVALID'))
    await assert.rejects(attest('cam', []), codeOf('CRED_MISSING'))
    await assert.rejects(
      attest(
        'cam',
        Array.from({ length: 9 }, () => leaf.der),
      ),
      codeOf('CRED_INVALID'),
    )
    await assert.rejects(attest(`maker issuing 1`, [pki.ca.der]), codeOf('CRED_INVALID'))
  })

  it('refuses a certificate whose enrolment wants keys, and one that was changed', async () => {
    await house.enrolments.create({ id: 'fleet', kind: 'group', attestation: { kind: 'x509-ca', cas: [{ pem: pki.ca.pem }] } })
    await house.enrolments.create({ kind: 'individual', registrationId: 'keyed', attestation: { kind: 'sas' } })
    await assert.rejects(attest('keyed', [(await pki.leaf('keyed')).der]), codeOf('PROV_NO_ENROLMENT'))
    const leaf = await pki.leaf('cam')
    const broken = Buffer.from(leaf.der)
    broken[broken.length - 1]! ^= 1
    await assert.rejects(attest('cam', [broken]), (error: { code: string }) => /^(CRED|PKI)_/.test(error.code))
  })
})
