import assert from 'node:assert/strict'
import { sequence } from '../../src/pki/der.ts'
import { generateKey } from '../../src/pki/keys.ts'
import { longestChain, verifyChain } from '../../src/pki/chain.ts'
import { type Crafted, craft, type Recipe, usages } from './craft.ts'
import { codeOf, days, start } from './make.ts'
import { needOpenssl, OpensslFolder } from './openssl.ts'

const sign = 0x06

/** root <- upper <- lower <- leaf, each with what the test wants else. */
async function tree(
  o: { root?: Partial<Recipe>; upper?: Partial<Recipe>; lower?: Partial<Recipe>; leaf?: Partial<Recipe> } = {},
) {
  const root = await craft({ name: 'root', ca: true, keyUsage: sign, ...o.root })
  const upper = await craft({ name: 'upper', by: root, ca: true, keyUsage: sign, ...o.upper })
  const lower = await craft({ name: 'lower', by: upper, ca: true, keyUsage: sign, pathLength: 0, ...o.lower })
  const leaf = await craft({ name: 'pump', by: lower, keyUsage: 0x80, extKeyUsage: [usages.client], ...o.leaf })
  return { root, upper, lower, leaf }
}

const ders = (...certificates: Crafted[]) => certificates.map(({ der }) => der)

describe('chains', () => {
  const folder = new OpensslFolder()
  before(() => folder.open())
  after(() => folder.close())

  it('is followed to the root in whatever order the issuers come, and with others among them', async () => {
    const { root, upper, lower, leaf } = await tree({ leaf: { uris: ['urn:x:pump'] } })
    const stranger = await craft({ name: 'stranger', ca: true })
    for (const above of [
      [lower, upper],
      [upper, lower],
      [root, stranger, upper, lower],
    ]) {
      const verified = verifyChain(ders(leaf, ...above), [root.pem], start)
      assert.deepEqual(
        verified.path.map(({ subjectCn }) => subjectCn),
        ['pump', 'lower', 'upper', 'root'],
      )
      assert.equal(verified.anchor.subjectCn, 'root')
      assert.deepEqual(verified.uris, ['urn:x:pump'])
    }
  })

  it('ends at the nearest anchor, which may be an intermediate', async () => {
    const { root, upper, lower, leaf } = await tree()
    const path = (chain: Crafted[], anchors: Crafted[]) =>
      verifyChain(ders(...chain), ders(...anchors), start).path.map(({ subjectCn }) => subjectCn)
    assert.deepEqual(path([leaf], [lower]), ['pump', 'lower'])
    assert.deepEqual(path([leaf, lower, upper], [root, upper]), ['pump', 'lower', 'upper'])
  })

  it('says until when the path holds', async () => {
    const { root, upper, lower, leaf } = await tree({ upper: { notAfter: start + days(3) }, lower: { notBefore: start - 5000 } })
    const { notBefore, notAfter } = verifyChain(ders(leaf, lower, upper), [root.der], start)
    assert.deepEqual([notBefore, notAfter], [start - 5000, start + days(3)])
  })

  it('leads nowhere without the right anchor or a link', async () => {
    const { root, upper, lower, leaf } = await tree()
    const other = await tree()
    const unknown = codeOf('CRED_UNKNOWN')
    assert.throws(() => verifyChain(ders(leaf, lower, upper), [], start), unknown)
    assert.throws(() => verifyChain(ders(leaf, upper), [root.der], start), unknown)
    assert.throws(() => verifyChain(ders(leaf, lower, upper), [other.root.der], start), unknown)
    const lonely = await craft({ name: 'lonely', keyUsage: 0x80 })
    assert.throws(() => verifyChain([lonely.der], [root.der], start), unknown)
  })

  it('another authority of the same name does not vouch', async () => {
    const { root, upper, lower, leaf } = await tree()
    const impostor = await craft({ name: 'lower', by: upper, ca: true, keyUsage: sign })
    assert.throws(() => verifyChain(ders(leaf, impostor, upper), [root.der], start), codeOf('CRED_UNKNOWN'))
    const forged = await craft({ name: 'pump', by: { ...lower, privateKey: impostor.privateKey } })
    assert.throws(() => verifyChain(ders(forged, lower, upper), [root.der], start), codeOf('PKI_CHAIN_INVALID'))
  })

  it('the leaf is the first certificate, whatever else is presented', async () => {
    const { root, upper, lower, leaf } = await tree()
    const mine = await craft({ name: 'mine', keyUsage: 0x80 })
    assert.throws(() => verifyChain(ders(mine, leaf, lower, upper), [root.der], start), codeOf('CRED_UNKNOWN'))
    assert.throws(() => verifyChain(ders(lower, upper), [root.der], start), codeOf('PKI_CHAIN_INVALID'))
  })

  it('every changed byte of a signed part is noticed', async () => {
    const { root, lower, upper, leaf } = await tree()
    for (const at of [leaf.der.indexOf('pump'), leaf.der.length - 1]) {
      const changed = Buffer.from(leaf.der)
      changed[at] = changed[at]! ^ 1
      assert.throws(() => verifyChain([changed, ...ders(lower, upper)], [root.der], start), codeOf('PKI_CHAIN_INVALID'))
    }
  })

  const broken: Record<string, [Parameters<typeof tree>[0], string]> = {
    'a leaf that ended': [{ leaf: { notAfter: start - 1000 } }, 'CRED_EXPIRED'],
    'a leaf that has not begun': [{ leaf: { notBefore: start + 1000 } }, 'CRED_NOT_YET_VALID'],
    'an intermediate that ended': [{ upper: { notAfter: start - 1000 } }, 'CRED_EXPIRED'],
    'a root that ended': [{ root: { notAfter: start - 1000 } }, 'CRED_EXPIRED'],
    'an issuer that is no CA': [{ lower: { ca: false } }, 'PKI_CHAIN_INVALID'],
    'an issuer that may not sign certificates': [{ lower: { keyUsage: 0x80 } }, 'PKI_CHAIN_INVALID'],
    'more authorities below one than it allows': [{ upper: { pathLength: 0 } }, 'PKI_CHAIN_INVALID'],
    'a root that allows fewer': [{ root: { pathLength: 1 } }, 'PKI_CHAIN_INVALID'],
    'a leaf for servers only': [{ leaf: { extKeyUsage: [usages.server] } }, 'PKI_CHAIN_INVALID'],
    'an intermediate for servers only': [{ upper: { extKeyUsage: [usages.server] } }, 'PKI_CHAIN_INVALID'],
    'a leaf whose key may only encrypt': [{ leaf: { keyUsage: 0x20 } }, 'PKI_CHAIN_INVALID'],
    'a critical extension that nobody knows': [{ upper: { critical: { '1.2.3.4': sequence() } } }, 'PKI_CHAIN_INVALID'],
    'name constraints': [{ upper: { critical: { '2.5.29.30': sequence() } } }, 'PKI_CHAIN_INVALID'],
    'name constraints that call themselves uncritical': [{ upper: { other: { '2.5.29.30': sequence() } } }, 'PKI_CHAIN_INVALID'],
    'a CA as the leaf': [{ leaf: { ca: true, keyUsage: 0x86 } }, 'PKI_CHAIN_INVALID'],
    'a leaf with Ed25519': [{ leaf: { keyType: 'ed25519' } }, 'PKI_KEY_REFUSED'],
  }
  for (const [name, [parts, code]] of Object.entries(broken))
    it(`refuses ${name} with ${code}`, async () => {
      const { root, upper, lower, leaf } = await tree(parts)
      assert.throws(() => verifyChain(ders(leaf, lower, upper), [root.der], start), codeOf(code))
    })

  it('takes what restricts nothing: no keyUsage, any purpose, just enough path length, all kinds of key', async () => {
    const { root, upper, lower, leaf } = await tree({
      root: { keyType: 'rsa-2048', pathLength: 2, keyUsage: 0x06 },
      upper: { keyType: 'ec-p384', pathLength: 1 },
      lower: { keyType: 'ed25519' },
      leaf: { keyType: 'ec-p384', extKeyUsage: [usages.any] },
    })
    assert.equal(verifyChain(ders(leaf, lower, upper), [root.der], start, { ed25519: true }).path.length, 4)
    const bare = await craft({ name: 'bare', ca: true })
    const simple = await craft({ name: 'simple', by: bare })
    assert.equal(verifyChain([simple.der], [bare.der], start).path.length, 2)
  })

  it('a server certificate passes as one', async () => {
    const { root, upper, lower, leaf } = await tree({ leaf: { extKeyUsage: [usages.server] } })
    for (const purpose of ['server', 'any'] as const)
      assert.equal(verifyChain(ders(leaf, lower, upper), [root.der], start, { purpose }).leaf.subjectCn, 'pump')
  })

  it('weak keys on the way are refused', async function () {
    needOpenssl(this)
    const made = await folder.run('req -x509 -newkey rsa:1024 -nodes -keyout weak.pem -subj /CN=weak -days 3650')
    const weakPem = /-----BEGIN CERT[\s\S]+-----END CERTIFICATE-----/.exec(made.text)![0]
    await folder.write({ 'weak-ca.pem': weakPem })
    const request = await folder.run(
      'req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k.pem -subj /CN=pump -out pump.csr',
    )
    assert.ok(request.ok, request.text)
    const issued = await folder.run(
      'x509 -req -in pump.csr -CA weak-ca.pem -CAkey weak.pem -CAcreateserial -days 30 -sha256 -out pump.pem',
    )
    assert.ok(issued.ok, issued.text)
    const { text } = await folder.run('x509 -in pump.pem')
    assert.throws(() => verifyChain([text], [weakPem], Date.now()), codeOf('PKI_KEY_REFUSED'))
  })

  it('chains that openssl makes are followed, and only what openssl accepts', async function () {
    needOpenssl(this)
    const ok = async (command: string) => {
      const done = await folder.run(command)
      assert.ok(done.ok, done.text)
    }
    await ok('req -x509 -newkey rsa:2048 -nodes -keyout root.key -subj /C=DE/O=plant/CN=plant -days 30 -out root.pem')
    await ok(
      'req -new -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout sub.key -subj /CN=sub -addext basicConstraints=critical,CA:TRUE -out sub.csr',
    )
    await ok('x509 -req -in sub.csr -CA root.pem -CAkey root.key -CAcreateserial -days 30 -copy_extensions copyall -out sub.pem')
    await ok('req -new -newkey rsa:2048 -nodes -keyout leaf.key -subj /CN=leaf -out leaf.csr')
    await ok('x509 -req -in leaf.csr -CA sub.pem -CAkey sub.key -CAcreateserial -days 30 -sha384 -out leaf.pem')
    await ok('verify -CAfile root.pem -untrusted sub.pem leaf.pem')
    const [root, sub, leaf] = await Promise.all(
      ['root', 'sub', 'leaf'].map(async name => (await folder.run(`x509 -in ${name}.pem`)).text),
    )
    assert.equal(verifyChain([leaf!, sub!], [root!], Date.now()).path.length, 3)
    await ok('x509 -req -in leaf.csr -CA leaf.pem -CAkey leaf.key -CAcreateserial -days 30 -out below.pem')
    const below = (await folder.run('x509 -in below.pem')).text
    assert.equal((await folder.run('verify -CAfile root.pem -untrusted sub.pem -untrusted leaf.pem below.pem')).ok, false)
    assert.throws(() => verifyChain([below, leaf!, sub!], [root!], Date.now()), codeOf('PKI_CHAIN_INVALID'))
  })

  it('neither long chains nor many certificates of one name make work without end', async () => {
    const { leaf } = await tree()
    assert.throws(() => verifyChain([], [], start), codeOf('PKI_CHAIN_INVALID'))
    assert.throws(() => verifyChain(Array(longestChain + 1).fill(leaf.der), [], start), codeOf('PKI_CHAIN_INVALID'))
    const keys = await generateKey()
    const self = { name: 'again', keys, ca: true }
    const first = await craft(self)
    const twins = await Promise.all(Array.from({ length: 6 }, () => craft({ ...self, by: first })))
    const end = await craft({ name: 'end', by: first })
    assert.throws(() => verifyChain(ders(end, first, ...twins), [], start), codeOf('PKI_CHAIN_INVALID'))
  })
})
