import assert from 'node:assert/strict'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { pkcs8Pem } from '../../src/pki/keys.ts'
import { readCrl } from '../../src/pki/crl-reader.ts'
import { readCertificate } from '../../src/pki/certificate.ts'
import { craft } from './craft.ts'
import { authorityOf, codeOf, days, liveClock, start } from './make.ts'
import { needOpenssl, OpensslFolder } from './openssl.ts'

const hour = 3_600_000

/** root <- fleet, as another system left them */
async function fleetOf(more: object = {}) {
  const top = await craft({ name: 'fleet root', ca: true, keyUsage: 0x06 })
  const fleet = await craft({ name: 'fleet', by: top, ca: true, keyUsage: 0x06, ...more })
  return { top, fleet, pem: fleet.pem + pkcs8Pem(fleet.privateKey) + top.pem }
}

describe('an imported issuing authority', () => {
  const folder = new OpensslFolder()
  before(() => folder.open())
  after(() => folder.close())

  it('signs for devices from then on, also after a restart, and openssl accepts chain and list', async function () {
    const first = await authorityOf()
    const { top, pem } = await fleetOf()
    const view = await first.authority.importIssuing({ pem, name: 'old fleet' })
    assert.deepEqual([view.role, view.trust, view.imported, view.hasKey, view.serves], ['issuing', 'key', true, true, false])
    for (const { authority } of [first, await authorityOf(first)]) {
      const { certificatePem, issuerId, serial, notAfter, chainPem } = await authority.issueDevice({ id: 'pump' })
      assert.equal(issuerId, view.id)
      assert.equal(new X509Certificate(certificatePem).issuer, 'CN=fleet')
      assert.deepEqual(readCertificate(certificatePem).notAfter, start + days(100))
      needOpenssl(this)
      await folder.write({ 'top.pem': top.pem, 'device.pem': chainPem, 'list.pem': await authority.crlPem(issuerId) })
      const verify = () =>
        folder.run(
          `verify -x509_strict -crl_check -attime ${start / 1000} -CAfile top.pem -CRLfile list.pem -untrusted device.pem device.pem`,
        )
      assert.match((await verify()).text, /OK/)
      await authority.revoke([{ serial, issuerId, notAfter, at: start }])
      await folder.write({ 'list.pem': await authority.crlPem(issuerId) })
      assert.match((await verify()).text, /revoked/)
      assert.ok(!authority.rootPem.includes(top.pem))
      const server = await authority.serverCertificate({ names: ['localhost'] })
      assert.match(new X509Certificate(server.certPem).issuer, /house issuing 1/)
    }
  })

  it("signs the server's certificate too if it serves, and devices are told to trust its root", async () => {
    const { authority, store, clock } = await authorityOf()
    const before = await authority.serverCertificate({ names: ['localhost'] })
    const { top, fleet, pem } = await fleetOf()
    const { id } = await authority.importIssuing({ pem, serves: true })
    const { certPem, keyPem } = await authority.serverCertificate({ names: ['localhost'] })
    assert.notEqual(certPem, before.certPem)
    assert.ok(new X509Certificate(certPem).checkIssued(new X509Certificate(fleet.pem)))
    assert.ok(new X509Certificate(certPem).checkPrivateKey(createPrivateKey(keyPem)))
    assert.ok(certPem.endsWith(fleet.pem))
    assert.equal(authority.rootPem, authority.certificatePem('root') + top.pem)
    assert.equal((await authorityOf({ store, clock })).authority.rootPem, authority.rootPem)
    await authority.setCaActive({ id, active: false })
    assert.equal(authority.rootPem, authority.certificatePem('root'))
    assert.match(
      new X509Certificate((await authority.serverCertificate({ names: ['localhost'] })).certPem).issuer,
      /house issuing 1/,
    )
    assert.equal((await authority.issueDevice({ id: 'pump' })).issuerId, 'issuing-1')
  })

  it("gives way to the hub's own at its end, and has no successor before", async () => {
    const { authority, clock } = await authorityOf()
    const { pem } = await fleetOf({ notAfter: start + days(10) })
    const { id } = await authority.importIssuing({ pem })
    clock.now = start + days(9)
    assert.equal((await authority.issueDevice({ id: 'a' })).issuerId, id)
    clock.now = start + days(10)
    assert.equal((await authority.issueDevice({ id: 'b' })).issuerId, 'issuing-1')
    clock.now = start + days(1830)
    assert.equal((await authority.issueDevice({ id: 'c' })).issuerId, 'issuing-3')
  })

  it('may be a root itself, RSA, with an encrypted key, and keep its own key id', async function () {
    needOpenssl(this)
    const { authority } = await authorityOf({ clock: liveClock })
    const made = await folder.run(
      'req -x509 -newkey rsa:2048 -keyout enc.key -passout pass:secret-of-old -subj /CN=old -days 90 -addext keyUsage=keyCertSign,cRLSign -addext subjectKeyIdentifier=01020304 -addext authorityKeyIdentifier=none -out old.pem',
    )
    assert.ok(made.ok, made.text)
    const [certificate, key] = await Promise.all([
      folder.run('x509 -in old.pem'),
      folder.run('pkey -in enc.key -passin pass:secret-of-old -out enc2.key -aes256 -passout pass:secret-of-old'),
    ])
    assert.ok(key.ok, key.text)
    const pem = certificate.text + (await readFile(folder.path('enc2.key'), 'utf8'))
    await assert.rejects(authority.importIssuing({ pem }), codeOf('PKI_CA_INVALID'))
    await assert.rejects(authority.importIssuing({ pem, passphrase: 'wrong' }), codeOf('PKI_CA_INVALID'))
    const { id } = await authority.importIssuing({ pem, passphrase: 'secret-of-old', serves: true })
    const device = await authority.issueDevice({ id: 'pump' })
    assert.equal(device.chainPem, device.certificatePem + authority.certificatePem(id))
    assert.equal(readCrl(await authority.crlDer(id)).authorityKeyId, '01020304')
    await folder.write({ 'device.pem': device.certificatePem, 'list.pem': await authority.crlPem(id) })
    const { text } = await folder.run('verify -crl_check -CAfile old.pem -CRLfile list.pem device.pem')
    assert.match(text, /OK/)
    assert.equal(authority.rootPem, authority.certificatePem('root') + authority.certificatePem(id))
  })

  it('vouches for the devices that it certified before, once it is registered; its key is proof enough', async () => {
    const { authority } = await authorityOf()
    const { fleet, pem } = await fleetOf()
    await authority.importIssuing({ pem })
    const { id, code } = await authority.registerCa({ pem: fleet.pem })
    assert.equal(code, undefined)
    const view = authority.cas().find(ca => ca.id === id)!
    assert.deepEqual([view.status, view.trust], ['active', 'key'])
    const old = await craft({ name: 'old pump', by: fleet })
    assert.equal(authority.anchorsFor([old.der])!.caId, id)
  })

  it('what does not fit together is refused', async () => {
    const { authority } = await authorityOf()
    const { top, fleet, pem } = await fleetOf()
    const key = pkcs8Pem(fleet.privateKey)
    const noCrls = await craft({ name: 'x', ca: true, keyUsage: 0x04 })
    const ended = await craft({ name: 'x', ca: true, notAfter: start - hour })
    const liar = await craft({ name: 'fleet root', ca: true })
    const wrong = {
      'no key': fleet.pem,
      'no certificate': key,
      'a key of another': top.pem + key,
      'no CA': await craft({ name: 'x' }).then(x => x.pem + pkcs8Pem(x.privateKey)),
      'may not sign lists': noCrls.pem + pkcs8Pem(noCrls.privateKey),
      ended: ended.pem + pkcs8Pem(ended.privateKey),
    }
    for (const [name, text] of Object.entries(wrong))
      await assert.rejects(authority.importIssuing({ pem: text }), codeOf('PKI_CA_INVALID'), name)
    await assert.rejects(authority.importIssuing({ pem: fleet.pem + key + liar.pem }), codeOf('PKI_CHAIN_INVALID'))
    await authority.importIssuing({ pem })
    await assert.rejects(authority.importIssuing({ pem }), codeOf('PKI_CA_EXISTS'))
    assert.equal(authority.cas().length, 3)
  })

  it('its key is stored sealed, and is in no view', async () => {
    const { authority, store } = await authorityOf()
    const { pem, fleet } = await fleetOf()
    await authority.importIssuing({ pem })
    const stored = JSON.stringify([await store.query('pki_cas', { limit: 1000 }), authority.cas()])
    assert.ok(!stored.includes(pkcs8Pem(fleet.privateKey).split('\n')[1]!))
  })

  it('is not removed while its certificates are about', async () => {
    const { authority } = await authorityOf()
    const { id } = await authority.importIssuing({ pem: (await fleetOf()).pem })
    await assert.rejects(authority.removeCa({ id }), codeOf('REQUEST_INVALID'))
  })
})
