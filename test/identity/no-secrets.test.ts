import assert from 'node:assert/strict'
import { LoomError } from '../../src/errors.ts'
import { signSas } from '../../src/identity/sas.ts'
import { start } from '../pki/make.ts'
import { attemptOf, azureAttempt, host, houseOf, peerOf } from './make.ts'

const planted = {
  sasKey: Buffer.from('PLANTED-sas-key-0123456789abcdef').toString('base64'),
  password: 'PLANTED-pass-phrase-of-a-device',
}

/** The texts that must appear nowhere, and pieces of them in the encodings they travel in. */
function needles(secrets: readonly string[]): string[] {
  return secrets.flatMap(secret => [
    secret,
    encodeURIComponent(secret),
    Buffer.from(secret).toString('base64').slice(0, 24),
    secret.slice(4, 24),
  ])
}

function assertClean(what: string, text: string, secrets: readonly string[]): void {
  for (const needle of needles(secrets)) assert.ok(!text.includes(needle), `${what} holds ${needle}: ${text.slice(0, 400)}`)
}

describe('secrets', () => {
  it('are in no view, list, error, refusal or stored document', async () => {
    const house = await houseOf()
    const { registry, authenticate, store } = house
    const texts: [string, string][] = []
    const note = (what: string, value: unknown) =>
      texts.push([what, value instanceof Error ? errorText(value) : JSON.stringify(value)])

    const sas = await registry.register({ id: 'a', credential: { kind: 'sas', primaryKey: planted.sasKey } })
    const made = await registry.addCredential('a', { kind: 'sas' })
    const word = await registry.addCredential('a', { kind: 'password', password: planted.password })
    const certificate = await registry.addCredential('a', { kind: 'x509' })
    const privateLine = certificate.privateKeyPem!.split('\n')[1]!
    const secrets = [
      planted.sasKey,
      planted.password,
      sas.secrets!.secondaryKey!,
      made.primaryKey!,
      made.secondaryKey!,
      privateLine,
    ]
    assert.equal(word.password, planted.password)

    note('view of register', sas.identity)
    note('view', await registry.get('a'))
    note('list', await registry.page({}))
    note('view after a switch', await registry.setEnabled('a', { enabled: true, reason: 'test' }))

    const token = signSas({ key: planted.sasKey, resource: `${host}/devices/a`, expiresAt: start + 1000 })
    const attempts = [
      azureAttempt('a', token),
      azureAttempt('a', `${token}x`),
      azureAttempt('a', token.replace('sr=', `sr=${encodeURIComponent(planted.sasKey)}`)),
      azureAttempt('a', `SharedAccessSignature sr=x&sig=y&se=${planted.sasKey}`),
      azureAttempt('b', token),
      azureAttempt('a', planted.password),
      attemptOf({ deviceId: 'a', username: 'a', password: Buffer.from(planted.password) }),
      attemptOf({ deviceId: 'a', username: 'a', password: Buffer.from(`${planted.password}!`) }),
      attemptOf({ deviceId: 'a', username: 'b', password: Buffer.from(planted.password) }),
      attemptOf({ deviceId: 'a', certificate: peerOf(certificate.certificatePem!) }),
    ]
    for (const attempt of attempts) note('answer to a CONNECT', await authenticate(attempt))

    const failures: Promise<unknown>[] = [
      registry.addCredential('a', { kind: 'sas', primaryKey: `${planted.sasKey}!` }),
      registry.addCredential('a', { kind: 'sas', secondaryKey: planted.password }),
      registry.addCredential('a', { kind: 'password', password: planted.password.repeat(20) }),
      registry.addCredential('a', { kind: 'x509', csrPem: certificate.privateKeyPem! }),
      registry.addCredential('a', { kind: 'x509', certificatePem: certificate.privateKeyPem! }),
      registry.register({ id: 'a', credential: { kind: 'sas', primaryKey: planted.sasKey } }),
    ]
    for (const outcome of await Promise.allSettled(failures)) {
      assert.equal(outcome.status, 'rejected')
      note('error', outcome.reason)
    }

    await registry.flush()
    for (const coll of ['identities', 'identity_claims', 'credential_uses', 'pki_cas', 'pki_servers'])
      note(`collection ${coll}`, await store.query(coll, { limit: 1000 }))
    const cids = (await registry.get('a'))!.credentials.map(({ cid }) => cid)
    for (const cid of cids) await registry.revokeCredential('a', cid)
    note('revoked', await registry.get('a'))
    const stored = JSON.stringify(await store.query('identities', { limit: 1000 }))
    assert.ok(!/v1\.[0-9a-f]{8}\.|scrypt\$/.test(stored), 'a revoked secret is still stored')

    assert.ok(texts.length > 20)
    for (const [what, text] of texts) {
      assertClean(what, text, secrets)
      if (!what.startsWith('collection')) assert.doesNotMatch(text, /v1\.[0-9a-f]{8}\.|scrypt\$|PRIVATE KEY|sealedKey/, what)
    }
  })
})

function errorText(error: Error): string {
  assert.ok(error instanceof LoomError, error.stack)
  const said = [error, error.cause].filter(each => each instanceof Error)
  return said.map(each => `${each.message} ${JSON.stringify(each)}`).join(' ')
}
