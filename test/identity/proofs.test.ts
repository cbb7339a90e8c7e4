import assert from 'node:assert/strict'
import { createSign, generateKeyPairSync } from 'node:crypto'
import type { ConnectAttempt } from '../../src/identity/authenticate.ts'
import type { Attested } from '../../src/provisioning/attest.ts'
import { deriveKey } from '../../src/identity/prove-sas.ts'
import { signSas } from '../../src/identity/sas.ts'
import type { TokenIssuer } from '../../src/identity/token-verifier.ts'
import { LoomError } from '../../src/errors.ts'
import { authorityOf, start } from '../pki/make.ts'
import { attemptOf, azureAttempt, host, houseOf, peerOf } from './make.ts'

type Parts = NonNullable<NonNullable<Parameters<typeof houseOf>[0]>['parts']>
type House = Awaited<ReturnType<typeof houseOf>>

const verdict = async (house: House, attempt: ConnectAttempt) => {
  const answer = await house.authenticate(attempt)
  return answer.ok ? 'in' : answer.code
}

describe('keys derived from those of an enrolment group', () => {
  const group = { primaryKey: Buffer.alloc(32, 1).toString('base64'), secondaryKey: Buffer.alloc(32, 2).toString('base64') }
  const token = (groupKey: string, as = 'pump', device = as) =>
    azureAttempt(
      device,
      signSas({ key: deriveKey(groupKey, as), resource: `${host}/devices/${device}`, expiresAt: start + 1000 }),
    )

  it('let in who has one of his own, and nobody when the group is gone', async () => {
    let present = true
    const house = await houseOf({ parts: { groupKeys: async id => (present && id === 'plant' ? group : undefined) } })
    await house.registry.register({ id: 'pump', credential: { kind: 'sas-derived', groupId: 'plant' } })
    await house.registry.register({ id: 'valve', credential: { kind: 'sas-derived', groupId: 'other' } })
    assert.equal(await verdict(house, token(group.primaryKey)), 'in')
    assert.equal(await verdict(house, token(group.secondaryKey)), 'in')
    assert.equal(await verdict(house, token(group.primaryKey, 'fan', 'pump')), 'CRED_INVALID')
    assert.equal(await verdict(house, token(group.primaryKey, 'valve')), 'CRED_INVALID')
    assert.equal(
      await verdict(
        house,
        azureAttempt('pump', signSas({ key: group.primaryKey, resource: `${host}/devices/pump`, expiresAt: start + 1000 })),
      ),
      'CRED_INVALID',
    )
    present = false
    assert.equal(await verdict(house, token(group.primaryKey)), 'CRED_INVALID')
  })

  it('are what openssl computes for the documented form', () => {
    // computed with: printf sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6 | openssl dgst -sha256 -mac HMAC -macopt hexkey:67726f7570206b6579 -binary | base64
    const key = deriveKey(Buffer.from('group key').toString('base64'), 'sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6')
    assert.equal(key, 'b6cx7GCadvLI4qVWyAzd198sxTKOtfCVFiPrFPOp9EY=')
  })
})

describe('certificates of a registered authority', () => {
  it('let a device in that accepts them, by common name or URI, as long as they are valid', async () => {
    const { authority } = await authorityOf({})
    const made = await authority.issueDevice({ id: 'pump' })
    const peer = { ...peerOf(made.certificatePem), issuers: [Buffer.from('chain')] }
    let anchor: { caId: string; cn?: string; sanUris: string[] } | undefined = { caId: 'acme', cn: 'pump', sanUris: [] }
    const house = await houseOf({ parts: { anchors: { anchorOf: async () => anchor, anchorPem: id => `certificate of ${id}` } } })
    const attempt = attemptOf({ deviceId: 'pump', certificate: peer })
    assert.equal(await verdict(house, attempt), 'CRED_UNKNOWN')
    await house.registry.register({ id: 'pump' })
    assert.equal(await verdict(house, attempt), 'CRED_UNKNOWN')
    const { cid } = await house.registry.addCredential('pump', { kind: 'x509-group', caId: 'acme' })
    const answer = await house.authenticate(attempt)
    assert.ok(answer.ok && answer.cid === cid && answer.kind === 'x509-group' && answer.expiresAt === peer.notAfter)
    anchor = { caId: 'other', cn: 'pump', sanUris: [] }
    assert.equal(await verdict(house, attempt), 'CRED_UNKNOWN')
    anchor = { caId: 'acme', cn: 'valve', sanUris: ['urn:acme:pump'] }
    assert.equal(await verdict(house, attempt), 'CRED_UNKNOWN')
    await house.registry.addCredential('pump', { kind: 'x509-group', caId: 'acme', match: 'san-uri' })
    assert.equal(await verdict(house, attempt), 'in')
    anchor = undefined
    assert.equal(await verdict(house, attempt), 'CRED_UNKNOWN')
    anchor = { caId: 'acme', cn: 'pump', sanUris: [] }
    await house.registry.revokeCredential('pump', cid)
    assert.equal(await verdict(house, attempt), 'CRED_UNKNOWN')
    house.clock.now = peer.notAfter + 1
    assert.equal(await verdict(house, attempt), 'CRED_EXPIRED')
  })
})

describe('bearer tokens as credentials', () => {
  const issuer = { id: 'corp', issuer: 'https://id/', authorizer: { name: 'auth', tokenKeyName: 'tok' } } as TokenIssuer
  const claims = Buffer.from('{"iss":"https://id/"}').toString('base64url')
  const jwt = (subject: string) => `eyJhbGciOiJFUzI1NiJ9.${claims}.${Buffer.from(subject).toString('base64url')}`
  const parts = (o: { issuer?: TokenIssuer; fail?: LoomError } = {}): Parts => ({
    tokens: {
      verifier: {
        verify: async token => {
          if (o.fail) throw o.fail
          return { subject: Buffer.from(token.split('.')[2]!, 'base64url').toString(), expiresAt: start + 5000 }
        },
        forget: () => {},
      },
      issuers: {
        get: id => (id === 'corp' ? { ...(o.issuer ?? issuer), etag: '1' } : undefined),
        byIss: iss => (iss === 'https://id/' ? (o.issuer ?? issuer) : undefined),
        byAuthorizer: name => (name === 'auth' ? (o.issuer ?? issuer) : undefined),
      },
    },
  })
  const attempt = (o: Partial<ConnectAttempt>) => attemptOf({ deviceId: 'pump', ...o })

  it('let in the device whose subject they carry, until they end', async () => {
    const house = await houseOf({ parts: parts() })
    await house.registry.register({ id: 'pump', credential: { kind: 'jwt', tokenIssuer: 'corp', tokenSubject: 'asset-7' } })
    const answer = await house.authenticate(attempt({ password: Buffer.from(jwt('asset-7')) }))
    assert.ok(answer.ok && answer.deviceId === 'pump' && answer.kind === 'jwt' && answer.expiresAt === start + 5000)
    assert.equal(await verdict(house, attempt({ password: Buffer.from(jwt('asset-8')) })), 'CRED_UNKNOWN')
    await assert.rejects(
      house.registry.register({ id: 'valve', credential: { kind: 'jwt', tokenIssuer: 'corp', tokenSubject: 'asset-7' } }),
      { code: 'CRED_TAKEN' },
    )
    await house.registry.revokeCredential('pump', answer.cid)
    assert.equal(await verdict(house, attempt({ password: Buffer.from(jwt('asset-7')) })), 'CRED_REVOKED')
  })

  it('of nobody we know are tried as passwords, and refused', async () => {
    const house = await houseOf({ parts: parts() })
    await house.registry.register({ id: 'pump', credential: { kind: 'password' } })
    const foreign = jwt('x').replace(claims, Buffer.from('{"iss":"https://evil/"}').toString('base64url'))
    assert.equal(await verdict(house, attempt({ username: 'pump', password: Buffer.from(foreign) })), 'CRED_INVALID')
  })

  it('whose issuer cannot be asked are for later', async () => {
    const house = await houseOf({ parts: parts({ fail: new LoomError('CRED_ISSUER_DOWN', 'corp') }) })
    const answer = await house.authenticate(attempt({ password: Buffer.from(jwt('a')) }))
    assert.ok(!answer.ok && answer.connack === 3)
  })

  it('come by a custom authorizer too, signed if it says so', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const signing = {
      ...issuer,
      authorizer: { ...issuer.authorizer!, signingKeyPem: publicKey.export({ type: 'spki', format: 'pem' }).toString() },
    }
    const name = { 'x-amz-customauthorizer-name': 'auth' }
    const [plain, signed] = [await houseOf({ parts: parts() }), await houseOf({ parts: parts({ issuer: signing }) })]
    for (const { registry } of [plain, signed])
      await registry.register({ id: 'pump', credential: { kind: 'jwt', tokenIssuer: 'corp' } })
    const token = jwt('pump')
    assert.equal(await verdict(plain, attempt({ query: { ...name, tok: token } })), 'in')
    assert.equal(await verdict(plain, attempt({ query: name, password: Buffer.from(token) })), 'in')
    assert.equal(await verdict(plain, attempt({ query: name })), 'CRED_MISSING')
    assert.equal(
      await verdict(plain, attempt({ query: { 'x-amz-customauthorizer-name': 'no' }, password: Buffer.from(token) })),
      'CRED_UNKNOWN',
    )
    const signature = createSign('sha256').update(token).sign(privateKey).toString('base64')
    assert.equal(
      await verdict(signed, attempt({ query: { ...name, tok: token, 'x-amz-customauthorizer-signature': signature } })),
      'in',
    )
    assert.equal(await verdict(signed, attempt({ query: { ...name, tok: token } })), 'CRED_INVALID')
    assert.equal(
      await verdict(signed, attempt({ query: { ...name, tok: jwt('fan'), 'x-amz-customauthorizer-signature': signature } })),
      'CRED_INVALID',
    )
  })
})

describe('who asks for an identity', () => {
  const certificateOf = async () => peerOf((await (await authorityOf({})).authority.issueDevice({ id: 'x' })).certificatePem)

  it('comes in as a claim, with no device behind it', async () => {
    const certificate = await certificateOf()
    const asked: string[] = []
    const house = await houseOf({
      parts: {
        provisioning: {
          claimOf: async ({ fingerprint, address }) => {
            asked.push(address)
            return fingerprint === certificate.fingerprint ? { claimId: 'batch-1' } : undefined
          },
        },
      },
    })
    const answer = await house.authenticate(attemptOf({ deviceId: 'anything', certificate }))
    assert.deepEqual(answer, {
      ok: true,
      deviceId: '',
      as: 'claim',
      cid: 'batch-1',
      kind: 'x509',
      expiresAt: certificate.notAfter,
    })
    assert.deepEqual(asked, ['192.0.2.7'])
    assert.equal(await verdict(house, attemptOf({ deviceId: 'a', certificate: await certificateOf() })), 'CRED_UNKNOWN')
  })

  it('whose certificate is that of a device is that device', async () => {
    const house = await houseOf({ parts: { provisioning: { claimOf: async () => ({ claimId: 'c' }) } } })
    const { secrets } = await house.registry.register({ id: 'pump', credential: { kind: 'x509' } })
    const answer = await house.authenticate(attemptOf({ deviceId: 'pump', certificate: peerOf(secrets!.certificatePem!) }))
    assert.ok(answer.ok && answer.deviceId === 'pump' && answer.as === undefined)
  })

  it('registers under his own name with what his enrolment says', async () => {
    const seen: object[] = []
    const registration: Attested = {
      enrolmentId: 'plant',
      enrolmentKind: 'group',
      registrationId: 'Pump-1',
      kind: 'sas',
      expiresAt: start + 9,
    }
    const attest = async (o: object) => {
      seen.push(o)
      return registration
    }
    const house = await houseOf({ parts: { provisioning: { attest } } })
    const attempt = attemptOf({
      family: 'dps',
      deviceId: 'Pump-1',
      clientId: 'pump-1',
      idScope: '0ne1',
      password: Buffer.from('token'),
    })
    assert.deepEqual(await house.authenticate(attempt), {
      ok: true,
      deviceId: '',
      as: 'dps',
      cid: 'plant',
      kind: 'sas',
      registration,
      expiresAt: start + 9,
    })
    assert.deepEqual(seen, [{ registrationId: 'Pump-1', idScope: '0ne1', token: 'token', now: start }])
    assert.equal(await verdict(house, { ...attempt, clientId: 'fan' }), 'CLIENT_ID_REFUSED')
  })

  it('with a certificate of a known authority may become a device at once', async () => {
    const { authority } = await authorityOf({})
    const made = await authority.issueDevice({ id: 'pump' })
    const certificate = peerOf(made.certificatePem)
    let runs = 0
    const house: House = await houseOf({
      parts: {
        provisioning: {
          admitUnknown: async () => {
            runs++
            if (runs === 1) return false
            await house.registry.register({ id: 'pump', credential: { kind: 'x509', certificatePem: made.certificatePem } })
            return true
          },
        },
      },
    })
    const attempt = attemptOf({ deviceId: 'pump', certificate })
    assert.deepEqual(
      [await verdict(house, attempt), await verdict(house, attempt), await verdict(house, attempt), runs],
      ['CRED_UNKNOWN', 'in', 'in', 2],
    )
  })
})
