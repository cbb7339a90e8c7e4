import assert from 'node:assert/strict'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { LoomError } from '../../src/errors.ts'
import { openAuthority } from '../../src/pki/authority.ts'
import { fingerprintOf, readCertificate, readForeignCertificate } from '../../src/pki/certificate.ts'
import { createCsr } from '../../src/pki/csr.ts'
import { generateKey, pkcs8Pem, spkiHashOf, spkiOf } from '../../src/pki/keys.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import { seeded } from '../seeded.ts'
import { authorityOf, codeOf, days, random, sealerOf, start } from './make.ts'
import { needOpenssl, OpensslFolder } from './openssl.ts'

describe('authority', () => {
  const folder = new OpensslFolder()
  before(() => folder.open())
  after(() => folder.close())

  it('openssl accepts what it issues, from leaf to root', async function () {
    needOpenssl(this)
    const { authority } = await authorityOf()
    const device = await authority.issueDevice({ id: 'pump' })
    const server = await authority.serverCertificate({ names: ['localhost', '127.0.0.1'] })
    await folder.write({ 'root.pem': authority.rootPem, 'device.pem': device.chainPem, 'server.pem': server.certPem })
    for (const [file, purpose] of [
      ['device.pem', 'sslclient'],
      ['server.pem', 'sslserver'],
    ]) {
      const { ok, text } = await folder.run(
        `verify -x509_strict -purpose ${purpose} -attime ${start / 1000} -CAfile root.pem -untrusted ${file} ${file}`,
      )
      assert.ok(ok, text)
    }
    assert.ok(new X509Certificate(server.certPem).checkPrivateKey(createPrivateKey(server.keyPem)))
  })

  it('a key made for a device fits its certificate and is not kept', async () => {
    const { authority, store } = await authorityOf()
    const { privateKeyPem, certificatePem, fingerprint, spkiHash, subject } = await authority.issueDevice({ id: 'pump' })
    const certificate = new X509Certificate(certificatePem)
    assert.ok(certificate.checkPrivateKey(createPrivateKey(privateKeyPem!)))
    assert.equal(fingerprint, fingerprintOf(certificate.raw))
    assert.equal(fingerprint, certificate.fingerprint256.replaceAll(':', '').toLowerCase())
    assert.equal(spkiHash, spkiHashOf(spkiOf(certificate.publicKey)))
    assert.equal(subject, readCertificate(certificatePem).subject)
    assert.ok(!(await everything(store)).includes(privateKeyPem!.split('\n')[1]!))
  })

  it('a request gets a certificate for its own key, and no private key', async () => {
    const { authority } = await authorityOf()
    const pair = await generateKey()
    const made = await authority.issueDevice({ id: 'pump', csrPem: createCsr({ id: 'pump', ...pair }), days: 30 })
    assert.equal(made.privateKeyPem, undefined)
    assert.ok(new X509Certificate(made.certificatePem).publicKey.equals(pair.publicKey))
    assert.equal(made.notAfter - made.notBefore, days(30))
  })

  it('the same root and issuing authority are there after a restart', async () => {
    const first = await authorityOf()
    const second = await authorityOf({ store: first.store })
    assert.equal(second.authority.rootPem, first.authority.rootPem)
    assert.equal(second.authority.issuingPem, first.authority.issuingPem)
    const { certificatePem } = await second.authority.issueDevice({ id: 'pump' })
    assert.ok(new X509Certificate(certificatePem).checkIssued(new X509Certificate(first.authority.issuingPem)))
  })

  it('its keys are stored sealed, and open with the hub key only', async () => {
    const { store } = await authorityOf()
    const stored = await everything(store)
    assert.match(stored, /"sealedKey":"v1\.[0-9a-f]{8}\./)
    assert.doesNotMatch(stored, /PRIVATE KEY|MIGHAgEAMBMGByqGSM49/)
    const other = sealerOf(Buffer.alloc(32, 8))
    await assert.rejects(
      openAuthority({ hubId: 'house', store, sealer: other, now: () => start, random }),
      codeOf('HUB_KEY_MISMATCH'),
    )
  })

  it('the server certificate is kept for two thirds of its life and while its names stay the same', async () => {
    const { authority, clock } = await authorityOf()
    const first = await authority.serverCertificate({ names: ['a.example', '127.0.0.1'] })
    clock.now = first.renewAt - 1000
    const kept = await authority.serverCertificate({ names: ['a.example', '127.0.0.1', '127.0.0.1'] })
    assert.equal(kept.certPem, first.certPem)
    assert.equal(createPrivateKey(kept.keyPem).equals(createPrivateKey(first.keyPem)), true)
    const renamed = await authority.serverCertificate({ names: ['a.example', 'b.example'] })
    assert.notEqual(renamed.certPem, first.certPem)
    clock.now = renamed.renewAt
    const renewed = await authority.serverCertificate({ names: ['a.example', 'b.example'] })
    assert.notEqual(renewed.certPem, renamed.certPem)
    assert.ok(renewed.notAfter > renamed.notAfter)
    await assert.rejects(authority.serverCertificate({ names: [] }), codeOf('HUB_CONFIG_INVALID'))
  })

  it('a new issuing authority takes over at half life, once, and survives a restart', async () => {
    const { authority, clock, store } = await authorityOf()
    const before = authority.issuingPem
    clock.now = start + days(1830)
    const made = await Promise.all([authority.issueDevice({ id: 'a' }), authority.issueDevice({ id: 'b' })])
    assert.notEqual(authority.issuingPem, before)
    for (const { certificatePem, chainPem } of made) {
      assert.ok(new X509Certificate(certificatePem).checkIssued(new X509Certificate(authority.issuingPem)))
      assert.ok(chainPem.endsWith(authority.issuingPem))
    }
    assert.equal(await store.count('pki_cas'), 3)
    assert.equal((await authorityOf({ store, clock })).authority.issuingPem, authority.issuingPem)
  })

  it('in the last years of the root the last issuing authority goes on', async () => {
    const { authority, clock, store } = await authorityOf()
    for (let year = 1; year < 20; year++) {
      clock.now = start + days(365 * year)
      const { certificatePem } = await authority.issueDevice({ id: `y${year}` })
      const { notAfter } = readCertificate(certificatePem)
      assert.ok(notAfter > clock.now && notAfter <= readCertificate(authority.rootPem).notAfter)
    }
    assert.ok((await store.count('pki_cas')) <= 6)
  })

  it('refuses a key of its own authorities', async () => {
    const { store } = await authorityOf()
    const { items } = await store.query<{ sealedKey: string }>('pki_cas', { where: [['id', '=', 'issuing-1']] })
    const der = sealerOf().open(items[0]!.doc.sealedKey, { owner: 'pki', cid: 'issuing-1', field: 'privateKey' })
    const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    const { publicKey } = new X509Certificate((await authorityOf({ store })).authority.issuingPem)
    const { authority } = await authorityOf({ store })
    const csrPem = createCsr({ id: 'pump', publicKey, privateKey })
    await assert.rejects(authority.issueDevice({ id: 'pump', csrPem }), codeOf('PKI_KEY_REUSED'))
  })

  it('reads certificates from elsewhere, and refuses what is none', async function () {
    needOpenssl(this)
    const made = await folder.run('req -x509 -newkey rsa:2048 -nodes -keyout k.pem -subj /O=factory/CN=pump -days 2')
    const pem = /-----BEGIN CERT[\s\S]+-----END CERTIFICATE-----/.exec(made.text)![0]
    const facts = readForeignCertificate(pem)
    assert.equal(facts.subjectCn, 'pump')
    assert.equal(facts.subject, 'O=factory, CN=pump')
    assert.deepEqual(readForeignCertificate(facts.der), { ...facts, publicKey: facts.publicKey })
    const key = pkcs8Pem((await generateKey()).privateKey)
    for (const wrong of [
      '',
      'x',
      key,
      pem + pem,
      pem.slice(0, 400),
      Buffer.alloc(50),
      Buffer.concat([facts.der, Buffer.alloc(4)]),
    ])
      assert.throws(() => readCertificate(wrong), codeOf('CRED_INVALID'))
    const weak = await folder.run('req -x509 -newkey rsa:1024 -nodes -keyout k.pem -subj /CN=pump -days 2')
    const weakPem = /-----BEGIN CERT[\s\S]+-----END CERTIFICATE-----/.exec(weak.text)![0]
    assert.throws(() => readForeignCertificate(weakPem), codeOf('PKI_KEY_REFUSED'))
  })

  it('mutated certificates are refused or read, never a crash', async () => {
    const { authority } = await authorityOf()
    const { der } = readCertificate((await authority.issueDevice({ id: 'pump' })).certificatePem)
    const { below } = seeded(4711)
    let refused = 0
    for (let round = 0; round < 2000; round++) {
      const bytes = [...der]
      for (let edits = 1 + below(3); edits > 0; edits--) {
        const at = below(bytes.length)
        if (below(3) === 0) bytes.splice(at, below(4), ...Array.from({ length: below(4) }, () => below(256)))
        else bytes[at] = below(256)
      }
      try {
        readForeignCertificate(Buffer.from(bytes))
      } catch (error) {
        refused++
        assert.ok(error instanceof LoomError && /^(CRED_INVALID|PKI_KEY_REFUSED)$/.test(error.code), `round ${round}: ${error}`)
      }
    }
    assert.ok(refused > 500)
  }).timeout(30_000)

  it('a store that fails while the first authorities are written leaves nothing half made', async () => {
    const store = await openMemoryStateStore({ now: () => start })
    const failing = { ...store, tx: () => Promise.reject(new Error('disk')) }
    await assert.rejects(authorityOf({ store: failing }), /disk/)
    assert.equal(await store.count('pki_cas'), 0)
    await authorityOf({ store })
  })

  async function everything(store: Awaited<ReturnType<typeof openMemoryStateStore>>): Promise<string> {
    const pages = await Promise.all(['pki_cas', 'pki_servers'].map(coll => store.query(coll, { limit: 1000 })))
    return JSON.stringify(pages)
  }
})
