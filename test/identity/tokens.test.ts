import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import * as jose from 'jose'
import { createTokenVerifier } from '../../src/hub/jwt-verifier.ts'
import { type NewIssuer, openIssuers } from '../../src/identity/issuers.ts'
import { claimedIssuer, looksLikeToken, type TokenIssuer } from '../../src/identity/token-verifier.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import { seeded } from '../seeded.ts'

const start = 1_800_000_000_000
const minute = 60_000
const base: NewIssuer = {
  id: 'corp',
  issuer: 'https://id.example.com/',
  audience: 'thingloom',
  algorithm: 'ES256',
  keys: { jwksUrl: 'https://id.example.com/jwks' },
}
const issuerOf = (o: Partial<TokenIssuer> = {}): TokenIssuer =>
  ({ ...base, subjectClaim: 'sub', enabled: true, ...o }) as TokenIssuer

async function keyPair(kid: string, alg = 'ES256') {
  const { publicKey, privateKey } = await jose.generateKeyPair(alg, { extractable: true })
  const jwk = { ...(await jose.exportJWK(publicKey)), kid, alg, use: 'sig' }
  const sign = (claims: jose.JWTPayload = {}, o: { now?: number; kid?: string | null; life?: number } = {}) => {
    const { now = start, life = 3600 } = o
    const header = { alg, ...(o.kid !== null && { kid: o.kid ?? kid }) }
    return new jose.SignJWT({ sub: 'pump-1', iss: base.issuer, aud: base.audience, exp: now / 1000 + life, ...claims })
      .setProtectedHeader(header)
      .sign(privateKey)
  }
  return { jwk, sign, pem: await jose.exportSPKI(publicKey) }
}

describe('bearer tokens', () => {
  let served: unknown
  let asked: number
  const verifierOf = () =>
    createTokenVerifier({
      fetchJson: async () => {
        asked++
        if (served instanceof Error) throw served
        return served
      },
    })
  beforeEach(() => {
    asked = 0
  })

  for (const alg of ['RS256', 'ES256', 'EdDSA'] as const)
    it(`of ${alg} are accepted by a key set, a fetched one and a public key`, async () => {
      const { jwk, sign, pem } = await keyPair('a', alg)
      served = { keys: [jwk] }
      for (const keys of [{ jwks: { keys: [jwk] } }, { jwksUrl: 'https://x/' }, { publicKeyPem: pem }])
        assert.deepEqual(await verifierOf().verify(await sign(), issuerOf({ algorithm: alg, keys }), start), {
          subject: 'pump-1',
          expiresAt: start + 3_600_000,
        })
    })

  it('of another algorithm are refused: none, HMAC with the public key, another signature', async () => {
    const { jwk, sign, pem } = await keyPair('a')
    const issuer = issuerOf({ keys: { publicKeyPem: pem } })
    const [, payload] = (await sign()).split('.')
    const head = (alg: string) => Buffer.from(JSON.stringify({ alg, kid: 'a' })).toString('base64url')
    const hmac = createHmac('sha256', pem)
      .update(`${head('HS256')}.${payload}`)
      .digest('base64url')
    const rsa = await (await keyPair('a', 'RS256')).sign()
    for (const token of [`${head('none')}.${payload}.`, `${head('HS256')}.${payload}.${hmac}`, rsa])
      for (const keys of [issuer.keys, { jwks: { keys: [jwk] } }])
        await assert.rejects(verifierOf().verify(token, issuerOf({ keys }), start), { code: 'CRED_INVALID' })
  })

  it('must be of this issuer, for this audience, in their time, with an end and a subject', async () => {
    const { jwk, sign } = await keyPair('a')
    const issuer = issuerOf({ keys: { jwks: { keys: [jwk] } } })
    const code = async (claims: jose.JWTPayload, now = start) =>
      verifierOf()
        .verify(await sign(claims), issuer, now)
        .then(
          () => 'accepted',
          error => error.code,
        )
    const s = start / 1000
    assert.deepEqual(
      await Promise.all([
        code({ aud: ['other', base.audience] }),
        code({ iss: 'https://evil.example.com/' }),
        code({ aud: 'other' }),
        code({ exp: s - 61 }),
        code({ exp: s - 59 }),
        code({ nbf: s + 61 }),
        code({ exp: undefined as never }),
        code({ sub: undefined as never }),
        code({ sub: 7 as never }),
        code({}, start + 4 * 3_600_000),
      ]),
      [
        'accepted',
        'CRED_INVALID',
        'CRED_INVALID',
        'CRED_EXPIRED',
        'accepted',
        'CRED_NOT_YET_VALID',
        'CRED_INVALID',
        'CRED_INVALID',
        'CRED_INVALID',
        'CRED_EXPIRED',
      ],
    )
  })

  it('find new keys when the issuer rotates, asking at most once a minute', async () => {
    const [a, b] = [await keyPair('a'), await keyPair('b')]
    served = { keys: [a.jwk] }
    const verifier = verifierOf()
    await verifier.verify(await a.sign(), issuerOf(), start)
    await verifier.verify(await a.sign(), issuerOf(), start + minute)
    assert.equal(asked, 1)
    served = { keys: [b.jwk] }
    await verifier.verify(await b.sign(), issuerOf(), start + minute)
    assert.equal(asked, 2)
    for (let i = 0; i < 20; i++)
      await assert.rejects(verifier.verify(await b.sign({}, { kid: `no-${i}` }), issuerOf(), start + minute + i), {
        code: 'CRED_INVALID',
      })
    assert.equal(asked, 2)
    await assert.rejects(verifier.verify(await a.sign(), issuerOf(), start + 3 * minute), { code: 'CRED_INVALID' })
    assert.equal(asked, 3)
  })

  it('stay accepted while the key server is down; without a key it is for later', async () => {
    const { jwk, sign } = await keyPair('a')
    served = new Error('down')
    const verifier = verifierOf()
    for (const at of [start, start + 1])
      await assert.rejects(verifier.verify(await sign(), issuerOf(), at), { code: 'CRED_ISSUER_DOWN' })
    assert.equal(asked, 1)
    served = { keys: [jwk] }
    await verifier.verify(await sign(), issuerOf(), start + minute)
    served = new Error('down again')
    await verifier.verify(await sign({}, { now: start + 11 * minute }), issuerOf(), start + 11 * minute)
    await verifier.verify(await sign({}, { now: start + 30 * minute }), issuerOf(), start + 30 * minute)
    assert.equal(asked, 4)
    served = { keys: 'none' }
    await verifier.verify(await sign({}, { now: start + 60 * minute }), issuerOf(), start + 60 * minute)
    verifier.forget('corp')
    await assert.rejects(verifier.verify(await sign(), issuerOf(), start), { code: 'CRED_ISSUER_DOWN' })
  })

  it('ask once for many at the same time', async () => {
    const { jwk, sign } = await keyPair('a')
    served = { keys: [jwk, { kty: 'oct', k: 'AAAA', kid: 'x' }, null, { kty: 'EC', crv: 'nope', kid: 'y' }] }
    const verifier = verifierOf()
    await Promise.all(Array.from({ length: 50 }, async () => verifier.verify(await sign(), issuerOf(), start)))
    assert.equal(asked, 1)
  })

  it('of an issuer that was changed are refused, though its old keys were on their way', async () => {
    const [old, fresh] = [await keyPair('a'), await keyPair('a')]
    let arrive = (_keys: unknown): void => {}
    let calls = (): void => {}
    const called = new Promise<void>(resolve => {
      calls = resolve
    })
    const verifier = createTokenVerifier({
      fetchJson: url => {
        if (url === 'https://new/') return Promise.resolve({ keys: [fresh.jwk] })
        calls()
        return new Promise(resolve => {
          arrive = resolve
        })
      },
    })
    const [before, after] = ['https://old/', 'https://new/'].map(jwksUrl => issuerOf({ keys: { jwksUrl } }))
    const stalled = verifier.verify(await old.sign(), before!, start)
    await called
    verifier.forget('corp')
    await verifier.verify(await fresh.sign(), after!, start)
    arrive({ keys: [old.jwk] })
    await assert.rejects(stalled, { code: 'CRED_ISSUER_DOWN' })
    await verifier.verify(await fresh.sign(), after!, start)
    await assert.rejects(verifier.verify(await old.sign(), after!, start), { code: 'CRED_INVALID' })
  })

  it('of an issuer that is changed before its first key is looked for leave nothing behind', async () => {
    const [old, fresh] = [await keyPair('a'), await keyPair('a')]
    for (const keysOf of [
      ({ jwk }: typeof old) => ({ jwks: { keys: [jwk] } }),
      ({ jwk }: typeof old) => ({ jwksUrl: jwk === old.jwk ? 'https://old/' : 'https://new/' }),
    ]) {
      const verifier = createTokenVerifier({
        fetchJson: async url => ({ keys: [url === 'https://old/' ? old.jwk : fresh.jwk] }),
      })
      const early = verifier.verify(await old.sign(), issuerOf({ keys: keysOf(old) }), start)
      verifier.forget('corp')
      await assert.rejects(early, { code: 'CRED_ISSUER_DOWN' })
      const after = issuerOf({ keys: keysOf(fresh) })
      await assert.rejects(verifier.verify(await old.sign(), after, start), { code: 'CRED_INVALID' })
      await verifier.verify(await fresh.sign(), after, start)
    }
  })

  it('say how to get the library when it is missing', async () => {
    const verifier = createTokenVerifier({ fetchJson: async () => ({}), load: () => Promise.reject(new Error('not found')) })
    await assert.rejects(
      verifier.verify('eyJ.e.x', issuerOf(), start),
      (error: any) => error.code === 'DRIVER_MISSING' && /npm install jose/.test(error.hint),
    )
  })

  it('that are mutated are refused with a code, never accepted', async () => {
    const { jwk, sign } = await keyPair('a')
    const issuer = issuerOf({ keys: { jwks: { keys: [jwk] } } })
    const verifier = verifierOf()
    const token = await sign()
    const random = seeded(7)
    for (let i = 0; i < 3000; i++) {
      const bytes = Buffer.from(token)
      for (let n = 1 + random.below(3); n > 0; n--) bytes[random.below(bytes.length)] = 32 + random.below(95)
      const cut = random.below(4) ? bytes.toString() : bytes.subarray(0, random.below(bytes.length)).toString()
      claimedIssuer(cut)
      looksLikeToken(cut)
      const [head, body, signature] = cut.split('.')
      const same =
        [head, body].join('.') === token.split('.').slice(0, 2).join('.') &&
        Buffer.from(signature ?? '', 'base64url').equals(Buffer.from(token.split('.')[2]!, 'base64url'))
      if (same) continue
      await assert.rejects(
        verifier.verify(cut, issuer, start),
        (error: any) => typeof error.code === 'string' && error.name === 'LoomError',
        cut,
      )
    }
  })

  it('are told from passwords by their looks', async () => {
    const { sign } = await keyPair('a')
    assert.ok(looksLikeToken(await sign()))
    for (const password of ['', 'eyJ', 'eyJa.b', 'SharedAccessSignature sr=a&sig=b&se=1', `eyJ${'a'.repeat(9000)}.b.c`])
      assert.ok(!looksLikeToken(password))
    assert.equal(claimedIssuer(await sign()), base.issuer)
    for (const text of [
      '',
      'a.b.c',
      `a.${Buffer.from('7').toString('base64url')}.c`,
      `a.${Buffer.from('{"iss":7}').toString('base64url')}.c`,
    ])
      assert.equal(claimedIssuer(text), undefined)
  })
})

describe('token issuers', () => {
  const open = async () => {
    const store = await openMemoryStateStore({ now: () => start })
    const changed: string[] = []
    return { store, changed, issuers: await openIssuers({ store, changed: id => changed.push(id) }) }
  }

  it('are kept, found by their names, and gone when deleted or disabled', async () => {
    const { store, changed, issuers } = await open()
    const made = await issuers.put({ ...base, authorizer: { name: 'corp-auth' } })
    assert.deepEqual([issuers.byIss(base.issuer)?.id, issuers.byAuthorizer('corp-auth')?.id], ['corp', 'corp'])
    const again = await openIssuers({ store })
    assert.deepEqual(again.list(), [made])
    await issuers.put({ ...base, enabled: false }, { etag: made.etag })
    assert.equal(issuers.byIss(base.issuer), undefined)
    await assert.rejects(issuers.put(base, { etag: made.etag }), { code: 'ISSUER_CONFLICT' })
    await issuers.delete('corp')
    assert.deepEqual([issuers.list(), changed], [[], ['corp', 'corp', 'corp']])
    await assert.rejects(issuers.delete('corp'), { code: 'NOT_FOUND' })
  })

  it('share no issuer name', async () => {
    const { issuers } = await open()
    await issuers.put(base)
    await assert.rejects(issuers.put({ ...base, id: 'two' }), { code: 'ISSUER_CONFLICT' })
    assert.equal(issuers.list().length, 1)
  })

  it('are refused with what is wrong', async () => {
    const { issuers } = await open()
    const { privateKey } = await jose.generateKeyPair('ES256', { extractable: true })
    const bad: Record<string, unknown>[] = [
      { id: '../x' },
      { issuer: '' },
      { audience: 7 },
      { algorithm: 'HS256' },
      { algorithm: 'none' },
      { keys: undefined },
      { keys: {} },
      { keys: { jwksUrl: 'http://id.example.com/' } },
      { keys: { jwksUrl: 'https://user:pw@id.example.com/' } },
      { keys: { jwksUrl: 'file:///etc/passwd' } },
      { keys: { jwks: { keys: [] } } },
      { keys: { jwks: { keys: [await jose.exportJWK(privateKey)] } } },
      { keys: { publicKeyPem: 'nonsense' } },
      { keys: { publicKeyPem: await jose.exportPKCS8(privateKey) } },
      { authorizer: { name: '' } },
      { authorizer: { name: 'a', tokenKeyName: 'x y' } },
      { enabled: 'yes' },
    ]
    for (const change of bad)
      await assert.rejects(issuers.put({ ...base, ...change } as NewIssuer), { code: 'ISSUER_INVALID' }, JSON.stringify(change))
    await issuers.put({ ...base, keys: { jwksUrl: 'http://127.0.0.1:8080/jwks' } })
  })
})
