import assert from 'node:assert/strict'
import { createCrl, type CrlEntry, type RevocationReason, revocationReasons } from '../../src/pki/crl.ts'
import { readCrl } from '../../src/pki/crl-reader.ts'
import { readCertificate } from '../../src/pki/certificate.ts'
import { createIntermediate, createRoot, issuer } from '../../src/pki/issuer.ts'
import { generateKey, type KeyType, spkiOf } from '../../src/pki/keys.ts'
import { seeded } from '../seeded.ts'
import { craft } from './craft.ts'
import { codeOf, days, random, start } from './make.ts'
import { needOpenssl, OpensslFolder } from './openssl.ts'

const reasons = Object.keys(revocationReasons) as RevocationReason[]
const times = { thisUpdate: start - 300_000, nextUpdate: start + days(7) }

describe('revocation lists', () => {
  const folder = new OpensslFolder()
  before(() => folder.open())
  after(() => folder.close())

  it('openssl verify -crl_check_all accepts what is not listed and refuses what is', async function () {
    needOpenssl(this)
    const root = await createRoot({ hubId: 'house', now: start, random })
    const ca = await createIntermediate({ hubId: 'house', n: 1, root, now: start, random })
    const { issue } = issuer(ca)
    const spki = spkiOf((await generateKey()).publicKey)
    const leaf = (id: string) => issue({ profile: 'device', hubId: 'house', id, spki, now: start, random })
    const [good, bad] = [leaf('good'), leaf('bad')]
    const rootCrl = createCrl({ issuer: root, entries: [], number: 1, ...times })
    const caCrl = createCrl({
      issuer: ca,
      entries: [{ serial: bad.serial, at: start, reason: 'keyCompromise' }],
      number: 7,
      ...times,
    })
    await folder.write({ 'root.pem': root.pem, 'ca.pem': ca.pem, 'good.pem': good.pem, 'bad.pem': bad.pem })
    await folder.write({ 'crls.pem': rootCrl.pem + caCrl.pem, 'ca.crl': caCrl.der, 'ca-only.pem': caCrl.pem })
    const verify = (file: string, crls = 'crls.pem', at = start) =>
      folder.run(
        `verify -x509_strict -crl_check_all -attime ${at / 1000} -CAfile root.pem -untrusted ca.pem -CRLfile ${crls} ${file}`,
      )
    assert.match((await verify('good.pem')).text, /OK/)
    assert.match((await verify('bad.pem')).text, /certificate revoked/)
    assert.match((await verify('good.pem', 'ca-only.pem')).text, /unable to get certificate CRL/)
    assert.match((await verify('good.pem', 'crls.pem', start + days(8))).text, /CRL has expired/)
    const { text } = await folder.run('crl -inform DER -in ca.crl -noout -text -CAfile ca.pem')
    assert.match(text, /verify OK/)
    assert.match(text, /Version 2/)
    assert.match(text, /CRL Number: \s+7\n/)
    assert.match(text, new RegExp(`Serial Number: ${bad.serial.toUpperCase()}`))
    assert.match(text, /CRL Reason Code: \s+Key Compromise/)
    assert.match(text, /Authority Key Identifier: \s+[0-9A-F:]{59}/)
  })

  it('serial numbers with the highest bit set stay positive', async function () {
    needOpenssl(this)
    const root = await createRoot({ hubId: 'house', now: start, random })
    const { pem } = createCrl({ issuer: root, entries: [{ serial: 'ff01', at: start }], number: 128, ...times })
    await folder.write({ 'list.pem': pem })
    const { text } = await folder.run('crl -in list.pem -noout -text')
    assert.match(text, /Serial Number: FF01\n/)
    assert.match(text, /CRL Number: \s+128\n/)
  })

  const kinds: readonly KeyType[] = ['ec-p256', 'ec-p384', 'rsa-2048', 'ed25519']
  for (const keyType of kinds)
    it(`openssl reads a list signed by ${keyType}`, async function () {
      needOpenssl(this)
      const root = await createRoot({ hubId: 'house', now: start, random, keyType })
      const { pem } = createCrl({ issuer: root, entries: [], number: 300, ...times })
      await folder.write({ 'root.pem': root.pem, 'list.pem': pem })
      const { text } = await folder.run('crl -in list.pem -noout -text -CAfile root.pem')
      assert.match(text, /verify OK/)
      assert.match(text, /No Revoked Certificates/)
      assert.ok(readCrl(pem).isSignedBy(readCertificate(root.pem).publicKey))
    })

  it('what is written is read again', async () => {
    const { below, pick } = seeded(91)
    const root = await createRoot({ hubId: 'house', now: start, random })
    for (const size of [0, 1, 3, 700]) {
      const entries = Array.from({ length: size }, (): CrlEntry => {
        const serial = random(1 + below(20)).toString('hex')
        const at = start - below(10 ** 9) * 1000
        const reason = pick(reasons)
        return { serial: serial.replace(/^(00)+(?=..)/, ''), at, ...(reason !== 'unspecified' && { reason }) }
      })
      const number = pick([0, 1, 127, 128, 255, 256, 65_536, 2 ** 40])
      const crl = createCrl({ issuer: root, entries, number, ...times })
      const facts = readCrl(crl.pem)
      assert.deepEqual(facts.entries, entries)
      assert.equal(facts.number, number)
      assert.deepEqual([facts.thisUpdate, facts.nextUpdate], [times.thisUpdate, times.nextUpdate])
      assert.deepEqual(readCrl(crl.der).der, crl.der)
      assert.ok(facts.isSignedBy(readCertificate(root.pem).publicKey))
      assert.equal(facts.isSignedBy((await generateKey()).publicKey), false)
    }
  })

  it("openssl's own lists are read", async function () {
    needOpenssl(this)
    await folder.run('req -x509 -newkey rsa:2048 -nodes -keyout ca.key -subj /CN=plant -days 30 -out plant.pem')
    await folder.write({
      'index.txt':
        'R\t360101000000Z\t260301000000Z,superseded\t0A\tunknown\t/CN=old\nR\t360101000000Z\t260301000000Z\t80FF\tunknown\t/CN=lost\n',
      number: '1A\n',
      'ca.conf':
        '[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ncrlnumber=number\ndefault_md=sha256\ndefault_crl_days=7\ncrl_extensions=x\n[x]\nauthorityKeyIdentifier=keyid\n',
    })
    const made = await folder.run('ca -gencrl -config ca.conf -cert plant.pem -keyfile ca.key -out plant.crl')
    assert.ok(made.ok, made.text)
    const { entries, number, isSignedBy } = readCrl((await folder.run('crl -in plant.crl')).text)
    const at = Date.UTC(2026, 2, 1)
    assert.deepEqual(entries, [
      { serial: '0a', at, reason: 'superseded' },
      { serial: '80ff', at },
    ])
    assert.equal(number, 26)
    assert.ok(isSignedBy(readCertificate((await folder.run('x509 -in plant.pem')).text).publicKey))
  })

  it('the key id is the one in the certificate, also of an authority made elsewhere', async function () {
    needOpenssl(this)
    const made = await folder.run(
      'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k.pem -subj /CN=odd -days 9 -addext subjectKeyIdentifier=0102030405',
    )
    const pem = /-----BEGIN CERT[\s\S]+-----END CERTIFICATE-----/.exec(made.text)![0]
    const { der } = readCertificate(pem)
    const { privateKey } = await generateKey()
    const crl = createCrl({ issuer: { der, privateKey }, entries: [], number: 1, ...times })
    assert.equal(readCrl(crl.der).authorityKeyId, '0102030405')
    const bare = await craft({ name: 'bare', ca: true })
    assert.match(readCrl(createCrl({ issuer: bare, entries: [], number: 1, ...times }).der).authorityKeyId!, /^[0-9a-f]{40}$/)
  })

  it('refuses entries, numbers and times that make no list', async () => {
    const root = await createRoot({ hubId: 'house', now: start, random })
    const refused = (more: object) =>
      assert.throws(() => createCrl({ issuer: root, entries: [], number: 1, ...times, ...more }), codeOf('PKI_CRL_INVALID'))
    for (const serial of ['', 'xy', '123', '00'.repeat(21)]) refused({ entries: [{ serial, at: start }] })
    refused({ entries: [{ serial: '01', at: Number.NaN }] })
    refused({ entries: [{ serial: '01', at: start, reason: 'whim' }] })
    for (const number of [-1, 1.5, Number.NaN]) refused({ number })
    refused({ nextUpdate: times.thisUpdate })
  })

  it('anything but one list is refused', async () => {
    const { pem, der } = createCrl({ issuer: await craft({ name: 'a', ca: true }), entries: [], number: 1, ...times })
    const certificate = (await craft({ name: 'x' })).der
    for (const wrong of [
      '',
      'x',
      pem + pem,
      pem.replaceAll('X509 CRL', 'CERTIFICATE'),
      Buffer.concat([der, Buffer.from([5, 0])]),
      certificate,
      Buffer.from('3080'.repeat(8000), 'hex'),
    ])
      assert.throws(() => readCrl(wrong), codeOf('PKI_CRL_INVALID'))
    const changed = Buffer.from(der)
    changed[der.length - 1] = changed[der.length - 1]! ^ 1
    assert.equal(readCrl(changed).isSignedBy((await generateKey()).publicKey), false)
  })
})
