import assert from 'node:assert/strict'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { CertificateSource } from '../../src/provisioning/provisioning-port.ts'
import { readCertificate } from '../../src/pki/certificate.ts'
import { createCsr } from '../../src/pki/csr.ts'
import { createRoot, issuer, unnamedDevice } from '../../src/pki/issuer.ts'
import { generateKey, type KeyType, keyTypes, spkiOf } from '../../src/pki/keys.ts'
import { authorityOf, codeOf, days, random, start } from './make.ts'
import { needOpenssl, OpensslFolder } from './openssl.ts'

describe('certificates of all kinds', () => {
  const folder = new OpensslFolder()
  before(() => folder.open())
  after(() => folder.close())

  const textOf = async (pem: string) => {
    await folder.write({ 'x.pem': pem })
    return (await folder.run('x509 -in x.pem -noout -text')).text
  }

  for (const keyType of keyTypes.filter(type => type !== 'rsa-4096'))
    it(`openssl accepts chain and key of a hub that uses ${keyType} for everything`, async function () {
      needOpenssl(this)
      const kinds = { ca: keyType, server: keyType, device: keyType }
      const { authority } = await authorityOf({ keyTypes: kinds, ed25519: true })
      const device = await authority.issueDevice({ id: 'pump' })
      const server = await authority.serverCertificate({ names: ['localhost'] })
      await folder.write({ 'root.pem': authority.rootPem, 'device.pem': device.chainPem, 'server.pem': server.certPem })
      await folder.write({ 'crls.pem': (await authority.crlPem('root')) + (await authority.crlPem('issuing-1')) })
      for (const [file, purpose] of [
        ['device.pem', 'sslclient'],
        ['server.pem', 'sslserver'],
      ]) {
        const { text } = await folder.run(
          `verify -x509_strict -crl_check_all -purpose ${purpose} -attime ${start / 1000} -CAfile root.pem -CRLfile crls.pem -untrusted ${file} ${file}`,
        )
        assert.match(text, /OK/)
      }
      assert.ok(new X509Certificate(device.certificatePem).checkPrivateKey(createPrivateKey(device.privateKeyPem!)))
    }).timeout(30_000)

  it('a server with RSA may also be sent keys', async function () {
    needOpenssl(this)
    const root = await createRoot({ hubId: 'house', now: start, random })
    const { publicKey } = await generateKey('rsa-2048')
    const { pem } = issuer(root).issue({ profile: 'server', names: ['a.example'], spki: spkiOf(publicKey), now: start, random })
    assert.match(await textOf(pem), /Key Usage: critical\s+Digital Signature, Key Encipherment\n/)
  })

  it('Ed25519 is refused unless it is switched on', async () => {
    const pair = await generateKey('ed25519')
    const csrPem = createCsr({ id: 'pump', ...pair })
    const { authority: off } = await authorityOf()
    await assert.rejects(off.issueDevice({ id: 'pump', csrPem }), codeOf('PKI_KEY_REFUSED'))
    await assert.rejects(off.issueDevice({ id: 'pump', keyType: 'ed25519' }), codeOf('PKI_KEY_REFUSED'))
    const { authority: on } = await authorityOf({ ed25519: true })
    const { certificatePem } = await on.issueDevice({ id: 'pump', csrPem })
    assert.ok(new X509Certificate(certificatePem).publicKey.equals(pair.publicKey))
    await assert.rejects(on.issueDevice({ id: 'pump', keyType: 'dsa' as KeyType }), codeOf('PKI_KEY_REFUSED'))
  })

  it('alternative names come besides the URI of the device', async function () {
    needOpenssl(this)
    const { authority } = await authorityOf()
    const san = { uris: ['urn:dev:mac:0024befffe804ff1'], hosts: ['pump.example', '10.0.0.7', 'fe80::1'] }
    const { certificatePem } = await authority.issueDevice({ id: 'pump', profile: 'gateway', san })
    const text = await textOf(certificatePem)
    assert.match(
      text,
      /URI:urn:thingloom:house:pump, URI:urn:dev:mac:0024befffe804ff1, DNS:pump\.example, IP Address:10\.0\.0\.7, IP Address:FE80:0:0:0:0:0:0:1/,
    )
    assert.match(text, /TLS Web Server Authentication, TLS Web Client Authentication/)
    for (const [wrong, code] of [
      [{ uris: ['no uri'] }, 'REQUEST_INVALID'],
      [{ uris: ['urn:ä'] }, 'REQUEST_INVALID'],
      [{ hosts: ['a b'] }, 'HUB_CONFIG_INVALID'],
    ] as const)
      await assert.rejects(authority.issueDevice({ id: 'pump', san: wrong }), codeOf(code))
  })

  it('says where the lists are, if there is a public place', async function () {
    needOpenssl(this)
    const { authority } = await authorityOf({ crlUrl: id => `http://hub.example/crl/${id}.crl` })
    const { certificatePem } = await authority.issueDevice({ id: 'pump' })
    const { certPem } = await authority.serverCertificate({ names: ['localhost'] })
    for (const pem of [certificatePem, certPem])
      assert.match(await textOf(pem), /CRL Distribution Points: \s+Full Name:\s+URI:http:\/\/hub\.example\/crl\/issuing-1\.crl/)
    assert.match(await textOf(authority.issuingPem), /URI:http:\/\/hub\.example\/crl\/root\.crl/)
    assert.doesNotMatch(await textOf(authority.rootPem), /CRL Distribution/)
    for (const url of ['hub.example', 'ftp://x/y', 'http://a b', 'http://ä.example/'])
      await assert.rejects(authorityOf({ crlUrl: () => url }), codeOf('HUB_CONFIG_INVALID'), url)
  })

  it('a certificate without end has none, not even that of its authority', async () => {
    const { authority } = await authorityOf()
    const { certificatePem, notAfter } = await authority.issueDevice({ id: 'pump', days: 'never' })
    assert.equal(new Date(notAfter).toISOString(), '9999-12-31T23:59:59.000Z')
    assert.equal(readCertificate(certificatePem).notAfter, notAfter)
    assert.match(new X509Certificate(certificatePem).validTo, /^Dec 31 23:59:59 9999 GMT$/)
  })
})

describe('certificates for devices without a name', () => {
  it('name no device, whatever the request says', async () => {
    const { authority } = await authorityOf()
    const source: CertificateSource = authority
    const pair = await generateKey()
    const csrPem = createCsr({ id: 'AWS IoT Certificate', ...pair })
    const made = await source.issueUnnamed({ csrPem })
    const certificate = new X509Certificate(made.certificatePem)
    assert.equal(certificate.subject, `CN=${unnamedDevice}\nO=house`)
    assert.equal(certificate.subjectAltName, undefined)
    assert.equal(made.privateKeyPem, undefined)
    assert.ok(certificate.publicKey.equals(pair.publicKey))
    const { fingerprint, spkiHash, serial, notAfter, subject } = readCertificate(made.certificatePem)
    const facts = await authority.issueUnnamed({ csrPem })
    assert.deepEqual([made.fingerprint, made.spkiHash, made.serial, made.notAfter], [fingerprint, spkiHash, serial, notAfter])
    assert.deepEqual([facts.subject, facts.issuerId, facts.spkiHash], [subject, 'issuing-1', spkiHash])
    assert.equal(made.notAfter, start - 3_600_000 + days(730))
  })

  it('come with a key of the kind asked for', async () => {
    const { authority } = await authorityOf()
    for (const [keyType, kind] of [
      ['ec-p256', 'ec'],
      ['rsa-2048', 'rsa'],
    ] as const) {
      const { certificatePem, privateKeyPem } = await authority.issueUnnamed({ keyType })
      const key = createPrivateKey(privateKeyPem!)
      assert.equal(key.asymmetricKeyType, kind)
      assert.ok(new X509Certificate(certificatePem).checkPrivateKey(key))
    }
  })

  it('are refused for keys that another device has, and for requests that prove nothing', async () => {
    const { authority } = await authorityOf()
    const [mine, theirs] = await Promise.all([generateKey(), generateKey()])
    const ownerOfKey = async () => 'valve'
    await assert.rejects(
      authority.issueUnnamed({ csrPem: createCsr({ id: 'x', ...mine }), ownerOfKey }),
      codeOf('PKI_KEY_REUSED'),
    )
    const stolen = createCsr({ id: 'x', publicKey: theirs.publicKey, privateKey: mine.privateKey })
    await assert.rejects(authority.issueUnnamed({ csrPem: stolen }), codeOf('PKI_CSR_INVALID'))
  })
})

describe('what is known of a certificate before and after', () => {
  it('its authority is found by name and signature', async () => {
    const { authority, clock } = await authorityOf()
    const other = await authorityOf()
    const old = await authority.issueDevice({ id: 'pump' })
    clock.now = start + days(1830)
    const young = await authority.issueDevice({ id: 'pump' })
    const unnamed = await authority.issueUnnamed({})
    const named = [old, young, unnamed].map(({ certificatePem }) => authority.issuerOf(certificatePem))
    assert.deepEqual(named, ['issuing-1', 'issuing-2', 'issuing-2'])
    assert.equal(authority.issuerOf(authority.issuingPem), 'root')
    // of the same name, by another key
    assert.equal(authority.issuerOf((await other.authority.issueDevice({ id: 'pump' })).certificatePem), undefined)
    assert.throws(() => authority.issuerOf('none'), codeOf('CRED_INVALID'))
  })

  it('a request can be checked without a certificate being made', async () => {
    const { authority } = await authorityOf()
    const pair = await generateKey()
    const csrPem = createCsr({ id: 'pump', ...pair })
    const { spkiHash } = await authority.checkDevice({ id: 'pump', csrPem })
    assert.equal(spkiHash, (await authority.issueDevice({ id: 'pump', csrPem })).spkiHash)
    assert.deepEqual(await authority.checkDevice({ id: 'pump' }), {})
    const refused = (request: Parameters<typeof authority.checkDevice>[0], code: string) =>
      assert.rejects(authority.checkDevice(request), codeOf(code))
    await refused({ id: 'valve', csrPem }, 'PKI_SUBJECT_MISMATCH')
    await refused({ id: 'pump', csrPem, ownerOfKey: async () => 'valve' }, 'PKI_KEY_REUSED')
    await refused({ id: 'x'.repeat(65) }, 'PKI_SUBJECT_TOO_LONG')
    await refused({ id: 'pump', keyType: 'ed25519' }, 'PKI_KEY_REFUSED')
  })
})
