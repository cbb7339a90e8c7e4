import assert from 'node:assert/strict'
import { createPublicKey, X509Certificate } from 'node:crypto'
import { readCertificate } from '../../src/pki/certificate.ts'
import { createIntermediate, createRoot, issuer } from '../../src/pki/issuer.ts'
import { generateKey, keyIdOf, spkiOf } from '../../src/pki/keys.ts'
import { codeOf, days, random, start } from './make.ts'
import { needOpenssl, OpensslFolder } from './openssl.ts'

const hour = 3_600_000

async function chainOf(hubId = 'house') {
  const root = await createRoot({ hubId, now: start, random })
  const intermediate = await createIntermediate({ hubId, n: 1, root, now: start, random })
  return { root, intermediate, issue: issuer(intermediate).issue }
}

describe('certificate profiles', () => {
  const folder = new OpensslFolder()
  let chain: Awaited<ReturnType<typeof chainOf>>
  let spki: Buffer

  before(async function () {
    needOpenssl(this)
    await folder.open()
    chain = await chainOf()
    spki = spkiOf((await generateKey()).publicKey)
    await folder.write({ 'root.pem': chain.root.pem, 'issuing.pem': chain.intermediate.pem })
  })
  after(() => folder.close())

  const verify = (file: string, more = '') =>
    folder.run(`verify -x509_strict -attime ${start / 1000} -CAfile root.pem -untrusted issuing.pem${more} ${file}`)
  const textOf = async (file: string) => (await folder.run(`x509 -in ${file} -noout -text`)).text

  it('openssl accepts a server certificate for servers only, with all its names and addresses', async () => {
    const names = ['gateway.example', 'localhost', '127.0.0.1', '::1', '2001:db8::17']
    const { pem } = chain.issue({ profile: 'server', names, spki, now: start, random })
    await folder.write({ 'server.pem': pem })
    for (const more of [
      ' -purpose sslserver',
      ' -verify_hostname localhost',
      ' -verify_ip 127.0.0.1',
      ' -verify_ip 2001:db8::17',
    ])
      assert.match((await verify('server.pem', more)).text, /OK/)
    assert.equal((await verify('server.pem', ' -purpose sslclient')).ok, false)
    assert.equal((await verify('server.pem', ' -verify_hostname other.example')).ok, false)
    const text = await textOf('server.pem')
    assert.match(text, /Subject: CN = gateway\.example\n/)
    assert.match(text, /Basic Constraints: critical\s+CA:FALSE/)
    assert.match(text, /Key Usage: critical\s+Digital Signature\n/)
    assert.match(text, /Extended Key Usage: \s+TLS Web Server Authentication\n/)
    assert.match(
      text,
      /DNS:gateway\.example, DNS:localhost, IP Address:127\.0\.0\.1, IP Address:0:0:0:0:0:0:0:1, IP Address:2001:DB8:0:0:0:0:0:17/,
    )
    const { notBefore, notAfter } = readCertificate(pem)
    assert.equal(notBefore, start - hour)
    assert.equal(notAfter - notBefore, days(397))
  })

  it('openssl accepts a device certificate for clients only, named by CN and URI', async () => {
    const { pem, serial } = chain.issue({ profile: 'device', hubId: 'house', id: 'pump:7_a', spki, now: start, random })
    await folder.write({ 'device.pem': pem })
    assert.match((await verify('device.pem', ' -purpose sslclient')).text, /OK/)
    assert.equal((await verify('device.pem', ' -purpose sslserver')).ok, false)
    const text = await textOf('device.pem')
    assert.match(text, /Subject: CN = pump:7_a, O = house\n/)
    assert.match(text, /Issuer: CN = house issuing 1, O = house\n/)
    assert.match(text, /Basic Constraints: critical\s+CA:FALSE/)
    assert.match(text, /Key Usage: critical\s+Digital Signature\n/)
    assert.match(text, /Extended Key Usage: \s+TLS Web Client Authentication\n/)
    assert.match(text, /URI:urn:thingloom:house:pump%3A7_a/)
    const keyId = /Subject Key Identifier: \s+([0-9A-F:]+)/.exec(text)?.[1]?.replaceAll(':', '').toLowerCase()
    assert.equal(keyId, keyIdOf(spki).toString('hex'))
    const facts = readCertificate(pem)
    assert.equal(facts.serial, serial)
    assert.equal(facts.subjectCn, 'pump:7_a')
    assert.equal(facts.notAfter - facts.notBefore, days(730))
  })

  it('a gateway may be client and server', async () => {
    const { pem } = chain.issue({ profile: 'gateway', hubId: 'house', id: 'gw', spki, now: start, random })
    await folder.write({ 'gateway.pem': pem })
    for (const purpose of ['sslclient', 'sslserver'])
      assert.match((await verify('gateway.pem', ` -purpose ${purpose}`)).text, /OK/)
  })

  it('root and issuing authority say what they may do, and how long', async () => {
    const root = await textOf('root.pem')
    const issuing = await textOf('issuing.pem')
    assert.match(root, /Basic Constraints: critical\s+CA:TRUE\n/)
    assert.match(issuing, /Basic Constraints: critical\s+CA:TRUE, pathlen:0\n/)
    for (const text of [root, issuing]) {
      assert.match(text, /Key Usage: critical\s+Certificate Sign, CRL Sign\n/)
      assert.match(text, /Signature Algorithm: ecdsa-with-SHA256/)
      assert.match(text, /Authority Key Identifier: /)
    }
    assert.match(root, /Subject: CN = house root, O = house\n/)
    const [r, i] = [readCertificate(chain.root.pem), readCertificate(chain.intermediate.pem)]
    assert.equal(r.notAfter - r.notBefore, days(7305))
    assert.equal(i.notAfter - i.notBefore, days(3652))
    assert.ok((await verify('issuing.pem')).ok)
  })

  it('a certificate of another root is not accepted', async () => {
    const other = await chainOf()
    const { pem } = other.issue({ profile: 'device', hubId: 'house', id: 'pump', spki, now: start, random })
    await folder.write({ 'foreign.pem': pem })
    assert.equal((await verify('foreign.pem')).ok, false)
  })

  it('no certificate outlives its authority', () => {
    const late = chain.intermediate.notAfter - days(30)
    const { notAfter } = chain.issue({ profile: 'device', hubId: 'house', id: 'late', spki, days: 3650, now: late, random })
    assert.equal(notAfter, chain.intermediate.notAfter)
  })

  it('times after 2049 are readable', async () => {
    const now = Date.UTC(2049, 11, 1)
    const root = await createRoot({ hubId: 'later', now, random })
    const certificate = new X509Certificate(root.pem)
    assert.equal(Date.parse(certificate.validFrom), now - hour)
    assert.equal(Date.parse(certificate.validTo), now - hour + days(7305))
  })

  it('serial numbers are 16 random bytes, positive and never short', () => {
    const serials = new Set<string>()
    for (let at = 0; at < 200; at++)
      serials.add(
        chain.issue({
          profile: 'device',
          hubId: 'house',
          id: 'x',
          spki,
          now: start,
          random: size => random(size).fill(at & 1 ? 0xff : 0, 0, 1),
        }).serial,
      )
    assert.equal(serials.size, 200)
    for (const serial of serials) assert.match(serial, /^(40|7f)[0-9a-f]{30}$/)
  })

  it('refuses ids, lives and names that do not fit', () => {
    const device = { profile: 'device', hubId: 'house', spki, now: start, random } as const
    assert.throws(() => chain.issue({ ...device, id: 'x'.repeat(65) }), codeOf('PKI_SUBJECT_TOO_LONG'))
    for (const life of [0, -1, 3651, 1.5, Number.NaN])
      assert.throws(() => chain.issue({ ...device, id: 'x', days: life }), codeOf('REQUEST_INVALID'))
    const server = { profile: 'server', spki, now: start, random } as const
    for (const name of ['', 'a b', '256.1.1.1', 'ä.example', 'x'.repeat(254), ':::'])
      assert.throws(() => chain.issue({ ...server, names: ['ok.example', name] }), codeOf('HUB_CONFIG_INVALID'), name)
    assert.throws(() => chain.issue({ ...server, names: [] }), codeOf('HUB_CONFIG_INVALID'))
  })

  it('the longest hub id still gives names within 64 characters', async () => {
    const { root, intermediate } = await chainOf('h'.repeat(63))
    for (const { pem } of [root, intermediate]) assert.ok(readCertificate(pem).subjectCn!.length <= 64)
  })

  it('the key in the certificate is the one that was given', () => {
    const { pem } = chain.issue({ profile: 'device', hubId: 'house', id: 'x', spki, now: start, random })
    assert.ok(new X509Certificate(pem).publicKey.equals(createPublicKey({ key: spki, format: 'der', type: 'spki' })))
  })
})
