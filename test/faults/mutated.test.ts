import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import * as jose from 'jose'
import type { HubEvent } from '../../src/hub/hub.ts'
import { createTokenVerifier } from '../../src/hub/jwt-verifier.ts'
import { LoomError } from '../../src/errors.ts'
import { parseSas, signSas, verifySas } from '../../src/identity/sas.ts'
import { claimedIssuer, looksLikeToken, type TokenIssuer } from '../../src/identity/token-verifier.ts'
import { createPkcs12 } from '../../src/pki/pkcs12.ts'
import { connectPacket, packetTypes } from '../mqtt-wire.ts'
import { craft } from '../pki/craft.ts'
import { sasLogin } from '../sas-token.ts'
import { seeded } from '../seeded.ts'
import { endAll, liveHub } from './live-hub.ts'
import { steppedClock } from './stepped-clock.ts'

type Random = ReturnType<typeof seeded>
const now = 1_800_000_000_000
const limitMs = 30_000

/** A few characters changed, removed, doubled or put in, the end cut off, or parts exchanged: often where a separator is. */
function mutated(text: string, { below, pick }: Random): string {
  const list = [...text]
  for (let edits = 1 + below(3); edits > 0 && list.length > 0; edits--) {
    const at = below(list.length)
    const letter = () => pick(['.', '=', '&', '%', '%2', '%00', '/', '?', '"', '{', '\0', '\n', ' ', 'A', 'é', '\ud800', '9'])
    const kind = below(7)
    if (kind === 0) list[at] = letter()
    else if (kind === 1) list.splice(at, 1 + below(8))
    else if (kind === 2) list.splice(at, 0, ...Array.from({ length: 1 + below(8) }, letter))
    else if (kind === 3) list[at] = String.fromCharCode(list[at]!.charCodeAt(0) ^ (1 << below(8)))
    else if (kind === 4) list.splice(at, 0, ...list.slice(at, at + 1 + below(64)))
    else if (kind === 5) list.push(...list.splice(0, at))
    else list.length = at + 1
  }
  return list.join('')
}

describe('mutated credentials are refused with a code, and never a crash or a hang', function () {
  this.timeout(120_000)
  let undo = () => {}
  afterEach(async () => {
    await endAll()
    undo()
  })

  it('shared access signatures', () => {
    const random = seeded(31)
    const key = Buffer.alloc(32, 5).toString('base64')
    const audience = 'hub.test/devices/pump'
    const originals = [true, false].map(encode => signSas({ key, resource: audience, expiresAt: now + 3_600_000, encode }))
    let refused = 0
    for (let round = 0; round < 20_000; round++) {
      const token = mutated(random.pick(originals), random)
      try {
        parseSas(token)
        verifySas({ token, keys: [{ slot: 'primary', key }], audience, now, skewS: 300 })
        // what is signed is as it was: only what is not may look different
        const { sr, se, sig } = parseSas(token)
        assert(
          originals.some(original => parseSas(original).sr === sr && parseSas(original).se === se),
          token,
        )
        assert(
          originals.some(original => parseSas(original).sig.equals(sig)),
          token,
        )
      } catch (error) {
        refused++
        assert(error instanceof LoomError && /^CRED_(INVALID|EXPIRED)$/.test(error.code), `round ${round}: ${error} ${token}`)
      }
    }
    assert(refused > 15_000, `${refused} refused`)
  })

  it('bearer tokens, also signed ones with a strange header or content, and key sets', async () => {
    const random = seeded(32)
    const { publicKey, privateKey } = await jose.generateKeyPair('ES256', { extractable: true })
    const jwk = { ...(await jose.exportJWK(publicKey)), kid: 'a', use: 'sig', alg: 'ES256' }
    const issuer = (keys: TokenIssuer['keys'], id = 'corp'): TokenIssuer => ({
      ...{ id, issuer: 'https://id.example.com/', audience: 'thingloom', algorithm: 'ES256' as const },
      ...{ subjectClaim: 'sub', enabled: true, keys },
    })
    const claims = { sub: 'pump', iss: 'https://id.example.com/', aud: 'thingloom', exp: now / 1000 + 3600 }
    const signed = (payload: string, header: object = { alg: 'ES256', kid: 'a' }) =>
      new jose.CompactSign(Buffer.from(payload)).setProtectedHeader(header as jose.CompactJWSHeaderParameters).sign(privateKey)
    const good = await signed(JSON.stringify(claims))
    let served: unknown
    const verifier = createTokenVerifier({ fetchJson: async () => served })
    const codes = /^CRED_(INVALID|EXPIRED|NOT_YET_VALID|ISSUER_DOWN)$/
    let refused = 0
    const tries = async (token: string, by: TokenIssuer) => {
      looksLikeToken(token)
      claimedIssuer(token)
      return verifier.verify(token, by, now).then(
        ({ subject, expiresAt }) => {
          assert.equal(typeof subject, 'string')
          assert(Number.isFinite(expiresAt), String(expiresAt))
        },
        error => {
          refused++
          assert(error instanceof LoomError && codes.test(error.code), `${error} ${token}`)
          assert(token.length < 40 || !error.message.includes(token.slice(0, 40)), error.message)
        },
      )
    }
    const own = issuer({ jwks: { keys: [jwk] } })
    await tries(good, own)
    assert.equal(refused, 0)
    for (let round = 0; round < 10_000; round++) await tries(mutated(good, random), own)
    assert(refused > 9000, `${refused} refused`)
    // its issuer signs nonsense
    const text = JSON.stringify(claims)
    for (let round = 0; round < 2000; round++) await tries(await signed(mutated(text, random)), own)
    for (const value of [
      'null',
      '[]',
      '1',
      '""',
      '{}',
      '',
      text.replace('1800003600', '1e999'),
      text.replace('1800003600', '-1e15'),
    ])
      await tries(await signed(value), own)
    const headers = [
      { alg: 'ES256', kid: 7 },
      { alg: 'ES256', kid: {} },
      { alg: 'ES256', b64: false, crit: ['b64'] },
    ]
    for (const header of [...headers, { alg: 'ES256', kid: 'a', jku: 'http://evil/' }, { alg: 'ES256', jwk }])
      await tries(await signed(text, header).catch(() => good.slice(1)), own)
    // a key set from elsewhere
    const set = JSON.stringify({ keys: [jwk, { ...jwk, kid: 'b' }] })
    for (let round = 0; round < 1000; round++) {
      try {
        served = JSON.parse(mutated(set, random))
      } catch {
        served = { keys: [random.pick([null, 1, 'x', [], {}, { ...jwk, kty: mutated('EC', random) }, { ...jwk, x: {} }])] }
      }
      await tries(good, issuer({ jwksUrl: 'https://id.example.com/keys' }, `set-${round}`))
    }
  })

  it('what a PKCS#12 file is made of', async () => {
    const random = seeded(34)
    const { pem, privateKey: key } = await craft({ name: 'pump' })
    const privateKey = key.export({ type: 'pkcs8', format: 'pem' }) as string
    let refused = 0
    const rounds = 500
    for (let round = 0; round < rounds; round++) {
      const parts = { certificates: [pem], privateKey, password: 'change me', friendlyName: 'pump' }
      const what = random.pick(['certificates', 'privateKey', 'password', 'friendlyName'] as const)
      if (what === 'certificates') parts.certificates = [mutated(pem, random)]
      else parts[what] = mutated(parts[what], random)
      try {
        const file = createPkcs12({ ...parts, random: randomBytes })
        createSecureContext({ pfx: file, passphrase: parts.password })
      } catch (error) {
        refused++
        assert(
          error instanceof LoomError && /^(CRED_INVALID|PKI_KEY_REFUSED|REQUEST_INVALID)$/.test(error.code),
          `${round}: ${error}`,
        )
      }
    }
    assert(refused > rounds / 5 && refused < rounds, `${refused} refused`)
  })

  it('over a connection: each is answered, the reason is on record, and others are served', async () => {
    const random = seeded(33)
    const clock = steppedClock()
    undo = clock.end
    const live = await liveHub({ limits: { connectsPerSecondPerDevice: 0 } })
    const faults: string[] = []
    let told = 0
    live.hub.subscribe((event: HubEvent) => {
      if (event.type !== 'security') return
      told++
      if (!/^(CRED|IDENTITY|CLIENT_ID)_/.test(event.code)) faults.push(`${event.code} ${event.message}`)
    })
    const { privateKey, publicKey } = await jose.generateKeyPair('ES256', { extractable: true })
    await live.hub.identity.putIssuer({
      issuer: {
        id: 'corp',
        issuer: 'https://id.example.com/',
        audience: 'thingloom',
        algorithm: 'ES256',
        keys: { publicKeyPem: await jose.exportSPKI(publicKey) },
      },
    })
    const { primaryKey } = await live.register('pump')
    await live.register('valve', { kind: 'jwt', tokenIssuer: 'corp' })
    const token = await new jose.SignJWT({ sub: 'valve', iss: 'https://id.example.com/', aud: 'thingloom' })
      .setProtectedHeader({ alg: 'ES256' })
      .setExpirationTime('1h')
      .sign(privateKey)
    let refused = 0
    const rounds = 600
    for (let round = 0; round < rounds; round += 20) {
      // who is refused more than ten times a minute waits for his answers
      clock.advance(61_000)
      await Promise.all(
        Array.from({ length: 20 }, async (_, k) => {
          const fields =
            k % 2
              ? { clientId: 'valve', username: `valve${round + k}`, password: token }
              : { ...sasLogin('pump', primaryKey!), username: `hub.test/pump/?api-version=2021-04-12&n=${round + k}` }
          const peer = await live.raw()
          peer.send(connectPacket({ ...fields, password: mutated(fields.password, random) }))
          const { body } = await peer.next(packetTypes.connack, limitMs)
          assert(body[1] === 0 || body[1] === 5, `CONNACK ${body[1]}`)
          if (body[1]) refused++
          peer.end()
        }),
      )
    }
    assert(refused > rounds / 2, `${refused} refused`)
    assert.equal(told, refused)
    assert.deepEqual(faults, [])
    await live.serves()
  })
})
