import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { createCsr } from '../../src/pki/pki.ts'
import { craft } from '../pki/craft.ts'
import { needOpenssl, OpensslFolder } from '../pki/openssl.ts'
import { type RealHub, realHub } from './real-hub.ts'

/** Valid today: the hub has the clock of this machine. */
const crafted = (recipe: Parameters<typeof craft>[0]) =>
  craft({ notBefore: Date.now() - 86_400_000, notAfter: Date.now() + 86_400_000 * 30, ...recipe })

describe('admin API: identities and certificates', function () {
  this.timeout(30_000)
  let at: RealHub
  const folder = new OpensslFolder()
  before(async () => {
    await folder.open()
    at = await realHub()
  })
  after(async () => {
    await at.close()
    await folder.close()
  })

  it('quarantines, releases and retires a device, each with its reason', async () => {
    await at.hub.devices.register({ id: 'q1', credentials: { kind: 'sas' } })
    const held = await at.call('POST', '/devices/q1/quarantine', { body: { reason: 'odd traffic' } })
    assert.deepEqual([held.status, held.body.state, held.body.reason], [200, 'quarantined', 'odd traffic'])
    assert.equal(held.headers.get('etag'), `"${held.body.etag}"`)
    const stale = await at.call('POST', '/devices/q1/release', { headers: { 'if-match': '"nonsense"' } })
    assert.deepEqual([stale.status, stale.body.error.code], [409, 'IDENTITY_CONFLICT'])
    const free = await at.call('POST', '/devices/q1/release', { headers: { 'if-match': `"${held.body.etag}"` } })
    assert.deepEqual([free.status, free.body.state], [200, 'active'])
    const gone = await at.call('POST', '/devices/q1/retire')
    assert.deepEqual([gone.body.state, gone.body.credentials[0].status], ['retired', 'revoked'])
    assert.equal((await at.call('POST', '/devices/q1/quarantine')).body.error.code, 'IDENTITY_RETIRED')
    assert.equal((await at.call('POST', '/devices/nobody/retire')).body.error.code, 'IDENTITY_NOT_FOUND')
  })

  it('shows what was done with a retired device, and erases its telemetry if asked', async () => {
    await at.hub.devices.register({ id: 'q2', credentials: { kind: 'sas' }, tags: { site: 'b' } })
    await at.hub.telemetry.store({ rows: [{ device: 'q2', time: 1, values: { a: 1 } }] })
    assert.equal((await at.call('GET', '/devices/q2/decommission')).body.error.code, 'NOT_FOUND')
    assert.equal(
      (await at.call('POST', '/devices/q2/retire', { body: { telemetry: 'burn' } })).body.error.code,
      'REQUEST_INVALID',
    )
    const retired = await at.call('POST', '/devices/q2/retire', { body: { telemetry: 'erase', reason: 'scrapped' } })
    const { decommission } = retired.body
    assert.deepEqual([retired.status, decommission.telemetry, decommission.done], [200, 'erase', true])
    assert.equal(retired.headers.get('etag'), `"${retired.body.etag}"`)
    assert.deepEqual((await at.call('GET', '/devices/q2/decommission')).body, decommission)
    assert.deepEqual([decommission.archive.tags, decommission.steps.at(-1).count], [{ site: 'b' }, 1])
    assert.deepEqual((await at.call('GET', '/devices/q2/latest')).body.items ?? [], [])
  })

  it('rotates a credential: the new one replaces those of its kind', async () => {
    const { secrets } = await at.hub.devices.register({ id: 'r1', credentials: { kind: 'sas' } })
    const added = await at.call('POST', '/devices/r1/credentials?replace=true&overlapMs=60000', { body: { kind: 'sas' } })
    assert.deepEqual([added.status, added.headers.get('cache-control')], [201, 'no-store'])
    const { credentials } = await at.hub.devices.get({ id: 'r1' })
    assert.deepEqual(credentials.find(({ cid }) => cid === added.body.cid)!.replaces, [secrets!.cid])
    const plain = await at.call('POST', '/devices/r1/credentials?replace=false', { body: { kind: 'password' } })
    assert.equal(plain.status, 201)
    assert.equal((await at.call('POST', '/devices/r1/credentials?replace=yes', { body: { kind: 'sas' } })).status, 400)
  })

  it('regenerates one key of two', async () => {
    const { secrets } = await at.hub.devices.register({ id: 'k1', credentials: { kind: 'sas' } })
    const path = `/devices/k1/credentials/${secrets!.cid}/regenerate`
    const made = await at.call('POST', path, { body: { slot: 'secondary' } })
    assert.deepEqual([made.status, made.headers.get('cache-control')], [200, 'no-store'])
    assert.notEqual(made.body.secondaryKey, secrets!.secondaryKey)
    assert.equal((await at.call('POST', path, { body: { slot: 'third' } })).body.error.code, 'REQUEST_INVALID')
    assert.equal(
      (await at.call('POST', '/devices/k1/credentials/none/regenerate', { body: { slot: 'primary' } })).body.error.code,
      'CRED_NOT_FOUND',
    )
  })

  it('takes credentials of every kind, and revokes with a reason', async () => {
    await at.hub.devices.register({ id: 'c1' })
    const jwt = await at.call('POST', '/devices/c1/credentials', { body: { kind: 'jwt', tokenIssuer: 'idp', tokenSubject: 's' } })
    assert.equal(jwt.status, 201)
    const group = await at.call('POST', '/devices/c1/credentials', { body: { kind: 'x509-group', caId: 'ca-1', match: 'cn' } })
    assert.equal(group.status, 201)
    const made = await at.call('POST', '/devices/c1/credentials', { body: { kind: 'x509', keyType: 'ec-p384' } })
    assert.match(made.body.privateKeyPem, /BEGIN PRIVATE KEY/)
    const gone = await at.call('DELETE', `/devices/c1/credentials/${made.body.cid}?reason=keyCompromise`)
    assert.equal(gone.status, 204)
    assert.match((await at.call('GET', '/cas/root/crl.pem')).body, /^-----BEGIN X509 CRL-----/)
    assert.equal((await at.call('DELETE', `/devices/c1/credentials/${made.body.cid}?reason=whim`)).status, 400)
  })

  it('keeps token services: made, replaced under its etag, deleted', async () => {
    const publicKeyPem = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' })
    const body = { issuer: 'https://idp.test', audience: 'hub', algorithm: 'EdDSA', keys: { publicKeyPem } }
    const made = await at.call('PUT', '/issuers/idp', { body })
    assert.deepEqual([made.status, made.body.id, made.body.subjectClaim], [200, 'idp', 'sub'])
    const stale = await at.call('PUT', '/issuers/idp', { body, headers: { 'if-match': '"99"' } })
    assert.deepEqual([stale.status, stale.body.error.code], [409, 'ISSUER_CONFLICT'])
    const off = { ...body, enabled: false }
    const again = await at.call('PUT', '/issuers/idp', { body: off, headers: { 'if-match': made.headers.get('etag')! } })
    assert.equal(again.body.enabled, false)
    assert.equal((await at.call('GET', '/issuers')).body.items.length, 1)
    assert.equal((await at.call('PUT', '/issuers/idp', { body: { ...body, keys: {} } })).body.error.code, 'ISSUER_INVALID')
    assert.equal((await at.call('DELETE', '/issuers/idp')).status, 204)
    assert.equal((await at.call('DELETE', '/issuers/idp')).body.error.code, 'NOT_FOUND')
  })

  it('lists CAs and gives their certificates and revocation lists', async () => {
    const { items } = (await at.call('GET', '/cas')).body
    assert.ok(items.some(({ id, role, hasKey }: any) => id === 'root' && role === 'root' && hasKey))
    for (const { id } of items) {
      const certificate = await at.call('GET', `/cas/${id}/certificate.pem`)
      assert.match(certificate.headers.get('content-type')!, /^application\/x-pem-file/)
      assert.match(certificate.body, /^-----BEGIN CERTIFICATE-----/)
      assert.match((await at.call('GET', `/cas/${id}/crl.pem`)).body, /^-----BEGIN X509 CRL-----/)
    }
    assert.equal((await at.call('GET', '/cas/none/certificate.pem')).body.error.code, 'NOT_FOUND')
  })

  it("someone else's CA is registered, proved, switched off, removed", async () => {
    const plant = await crafted({ name: 'plant', ca: true, keyUsage: 0x06 })
    const made = await at.call('POST', '/cas', { body: { pem: plant.pem, name: 'Plant' } })
    assert.deepEqual([made.status, made.headers.get('cache-control')], [201, 'no-store'])
    const { id, code } = made.body
    assert.equal((await at.call('GET', `/cas/${id}/crl.pem`)).body.error.code, 'NOT_FOUND')
    const wrong = await crafted({ name: 'another', by: plant })
    const refused = await at.call('POST', `/cas/${id}/verify`, { body: { proofPem: wrong.pem } })
    assert.equal(refused.body.error.code, 'PKI_PROOF_FAILED')
    const proofPem = (await crafted({ name: code, by: plant })).pem
    assert.equal((await at.call('POST', `/cas/${id}/verify`, { body: { proofPem } })).body.status, 'active')
    assert.equal((await at.call('PATCH', `/cas/${id}`, { body: { active: false } })).body.status, 'inactive')
    assert.equal((await at.call('DELETE', `/cas/${id}`)).status, 204)
    assert.equal((await at.call('POST', '/cas', { body: { pem: 'no pem' } })).body.error.code, 'PKI_CA_INVALID')
  })

  it('makes certificates from a request or with a key, in PEM', async () => {
    const csrPem = createCsr({ id: 'any', ...generateKeyPairSync('ec', { namedCurve: 'prime256v1' }) })
    const signed = await at.call('POST', '/certificates', { body: { csrPem, days: 30 } })
    assert.deepEqual([signed.status, signed.headers.get('cache-control')], [201, 'no-store'])
    assert.equal(signed.body.privateKeyPem, undefined)
    const made = await at.call('POST', '/certificates', { body: { keyType: 'ec-p256' } })
    assert.match(made.body.privateKeyPem, /BEGIN PRIVATE KEY/)
    assert.match(made.body.chainPem, /BEGIN CERTIFICATE/)
    assert.equal((await at.call('POST', '/certificates', { body: { csrPem: 'x' } })).body.error.code, 'PKI_CSR_INVALID')
  })

  it('makes a PKCS#12 file that openssl opens with its password alone', async function () {
    const { status, headers, bytes } = await at.download('/certificates', { format: 'p12', password: 'open sesame' })
    assert.deepEqual(
      [status, headers.get('content-type'), headers.get('cache-control')],
      [201, 'application/x-pkcs12', 'no-store'],
    )
    assert.match(headers.get('content-disposition')!, /^attachment; filename="[0-9a-f]+\.p12"$/)
    needOpenssl(this)
    await folder.write({ 'd.p12': bytes, right: 'open sesame', wrong: 'open' })
    const opened = await folder.run('pkcs12 -in d.p12 -passin file:right -nodes')
    assert.ok(opened.ok, opened.text)
    assert.equal(opened.text.split('-----BEGIN CERTIFICATE-----').length - 1, 3)
    assert.match(opened.text, /BEGIN PRIVATE KEY/)
    assert.ok(!(await folder.run('pkcs12 -in d.p12 -passin file:wrong -nodes')).ok)
  })

  it('refuses a PKCS#12 file without a password, of a request, or with a password that does not fit, before anything is issued', async () => {
    const before = (await at.hub.audit.query({ action: 'certificate.issue' })).items.length
    for (const body of [
      { format: 'p12' },
      { format: 'p12', password: '' },
      { format: 'p12', password: 'a\0b' },
      { format: 'p12', password: 'pass', csrPem: 'x' },
      { format: 'p12', password: 'x'.repeat(257) },
      { password: 'pass' },
    ]) {
      const { status, body: answer } = await at.call('POST', '/certificates', { body })
      assert.deepEqual([status, answer.error.code], [400, 'REQUEST_INVALID'], JSON.stringify(body))
    }
    assert.equal((await at.hub.audit.query({ action: 'certificate.issue' })).items.length, before)
  })

  it('puts the key of the root away and brings it back', async () => {
    const passphrase = 'correct horse battery'
    assert.equal((await at.call('POST', '/cas/root/export', { body: { passphrase: 'short' } })).status, 400)
    const out = await at.call('POST', '/cas/root/export', { body: { passphrase } })
    assert.deepEqual([out.status, out.headers.get('cache-control')], [200, 'no-store'])
    assert.match(out.body.privateKeyPem, /BEGIN ENCRYPTED PRIVATE KEY/)
    assert.equal((await at.call('POST', '/cas/root/erase')).status, 204)
    const root = async () => (await at.call('GET', '/cas')).body.items.find(({ id }: any) => id === 'root')
    assert.equal((await root()).hasKey, false)
    assert.equal((await at.call('POST', '/cas/root/restore', { body: { pem: out.body.privateKeyPem, passphrase } })).status, 204)
    assert.equal((await root()).hasKey, true)
  })

  it('imports an issuing CA', async () => {
    const root = await crafted({ name: 'fleet root', ca: true, keyUsage: 0x06 })
    const issuing = await crafted({ name: 'fleet issuing', ca: true, keyUsage: 0x06, by: root })
    const key = issuing.privateKey.export({ type: 'pkcs8', format: 'pem' })
    const made = await at.call('POST', '/cas/import', { body: { pem: `${issuing.pem}${key}${root.pem}`, name: 'Fleet' } })
    assert.deepEqual([made.status, made.body.imported, made.body.name], [201, true, 'Fleet'], JSON.stringify(made.body))
    assert.doesNotMatch(JSON.stringify(made.body), /PRIVATE/)
  })

  it('shows key material in the answer that made it and nowhere after', async () => {
    const password = 'planted-secret-word'
    const body = { id: 's1', credentials: { kind: 'password', password } }
    const made = await at.call('POST', '/devices', { body })
    assert.equal(made.headers.get('cache-control'), 'no-store')
    const sas = (await at.call('POST', '/devices/s1/credentials', { body: { kind: 'sas' } })).body
    const x509 = (await at.call('POST', '/devices/s1/credentials', { body: { kind: 'x509' } })).body
    const again = (await at.call('POST', `/devices/s1/credentials/${sas.cid}/regenerate`, { body: { slot: 'primary' } })).body
    const planted = [password, sas.primaryKey, sas.secondaryKey, again.primaryKey, x509.privateKeyPem.split('\n')[1]]
    assert.ok(planted.every(Boolean))
    for (const path of [
      '/devices',
      '/devices/s1',
      '/audit?limit=1000',
      '/cas',
      '/issuers',
      '/deadletters',
      '/health',
      '/metrics',
    ]) {
      const { status, body: answer } = await at.call('GET', path)
      assert.equal(status, 200, path)
      const text = JSON.stringify(answer)
      for (const secret of planted) assert.ok(!text.includes(secret), `${path} shows a secret`)
    }
  })

  it('records who did each of it', async () => {
    await at.hub.devices.register({ id: 'w1', credentials: { kind: 'sas' } })
    await at.call('POST', '/devices/w1/quarantine', { as: 'anna' })
    await at.call('PATCH', '/devices/w1', { as: 'ben\tadmin api', body: { enabled: false } })
    await at.call('POST', '/devices/w1/credentials', { body: { kind: 'password' } })
    const { items } = await at.hub.audit.query({ target: 'w1' })
    assert.deepEqual(
      items.slice(0, 3).map(({ actor, action }) => [actor, action]),
      [
        ['admin api', 'credential.add'],
        ['user ben admin api', 'device.disable'],
        ['user anna', 'device.quarantine'],
      ],
    )
  })
})
