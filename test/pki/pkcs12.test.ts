import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { generateKey, type KeyType, pkcs8Pem, spkiOf } from '../../src/pki/keys.ts'
import { createPkcs12 } from '../../src/pki/pkcs12.ts'
import { readBundle } from '../../src/pki/bundle.ts'
import { createRoot, issuer } from '../../src/pki/issuer.ts'
import { codeOf, random, start } from './make.ts'
import { needOpenssl, OpensslFolder } from './openssl.ts'

async function identityOf(keyType: KeyType) {
  const root = await createRoot({ hubId: 'house', now: start, random })
  const { publicKey, privateKey } = await generateKey(keyType)
  const { pem } = issuer(root).issue({
    profile: 'device',
    hubId: 'house',
    id: 'pump',
    spki: spkiOf(publicKey),
    now: start,
    random,
  })
  return { root, privateKey, pem }
}

describe('PKCS#12', () => {
  const folder = new OpensslFolder()
  before(() => folder.open())
  after(() => folder.close())

  const kinds: readonly KeyType[] = ['ec-p256', 'ec-p384', 'rsa-2048', 'ed25519']
  for (const keyType of kinds)
    it(`openssl gets key and chain out of one with ${keyType}`, async function () {
      needOpenssl(this)
      const { root, privateKey, pem } = await identityOf(keyType)
      const file = createPkcs12({
        certificates: [pem, root.pem],
        privateKey,
        password: 'swordfish',
        friendlyName: 'pump',
        random,
      })
      await folder.write({ 'pump.p12': file })
      const { ok, text } = await folder.run('pkcs12 -in pump.p12 -passin pass:swordfish -nodes')
      assert.ok(ok, text)
      const { certificates, privateKey: key } = readBundle(text)
      assert.deepEqual(
        certificates.map(certificate => certificate.pem),
        [pem, root.pem],
      )
      assert.ok(key!.equals(privateKey))
      assert.match(text, /friendlyName: pump/)
      const ids = [...text.matchAll(/localKeyID: ([0-9A-F ]+)/g)].map(([, id]) => id)
      assert.equal(ids.length, 2)
      assert.equal(ids[0], ids[1])
    })

  it('openssl finds the MAC sound, and refuses another password', async function () {
    needOpenssl(this)
    const { privateKey, pem } = await identityOf('ec-p256')
    await folder.write({ 'a.p12': createPkcs12({ certificates: [pem], privateKey, password: 'right', random }) })
    const { ok, text } = await folder.run('pkcs12 -in a.p12 -passin pass:right -info -noout')
    assert.ok(ok, text)
    assert.match(text, /MAC: sha256, Iteration 2048/)
    assert.match(text, /Shrouded Keybag: PBES2, PBKDF2, AES-256-CBC/)
    assert.equal((await folder.run('pkcs12 -in a.p12 -passin pass:wrong -noout')).ok, false)
  })

  it('passwords beyond ASCII and long ones open it', async function () {
    needOpenssl(this)
    const { privateKey, pem } = await identityOf('ec-p256')
    for (const password of ['Grüße€', 'x', '💧🔑', 'y'.repeat(256)]) {
      await folder.write({ 'b.p12': createPkcs12({ certificates: [pem], privateKey, password, random }) })
      const { ok, text } = await folder.run(`pkcs12 -in b.p12 -passin pass:${password} -nodes`)
      assert.ok(ok, `${password}: ${text}`)
      assert.ok(readBundle(text).privateKey!.equals(privateKey))
    }
  })

  it('node:tls takes it', async () => {
    const { root, privateKey, pem } = await identityOf('rsa-2048')
    const pfx = createPkcs12({ certificates: [pem, root.pem], privateKey: pkcs8Pem(privateKey), password: 'swordfish', random })
    createSecureContext({ pfx, passphrase: 'swordfish' })
    assert.throws(() => createSecureContext({ pfx, passphrase: 'other' }), /mac verify failure/i)
  })

  it('refuses passwords, keys and certificates that do not fit', async () => {
    const { root, privateKey, pem } = await identityOf('ec-p256')
    const fit = { certificates: [pem], privateKey, password: 'swordfish', random }
    for (const password of ['', 'x'.repeat(257), 'a\0b', '\ud800'])
      assert.throws(() => createPkcs12({ ...fit, password }), codeOf('REQUEST_INVALID'))
    assert.throws(() => createPkcs12({ ...fit, friendlyName: 'x'.repeat(257) }), codeOf('REQUEST_INVALID'))
    for (const certificates of [[], [root.pem], [root.pem, pem]])
      assert.throws(() => createPkcs12({ ...fit, certificates }), codeOf('PKI_KEY_REFUSED'))
    assert.throws(() => createPkcs12({ ...fit, privateKey: 'no key' }), codeOf('PKI_KEY_REFUSED'))
    assert.throws(() => createPkcs12({ ...fit, certificates: ['no certificate'] }), codeOf('CRED_INVALID'))
  })
})

describe('PEM bundles', () => {
  it('gives certificates in order and the key, whatever is written around them', async () => {
    const { root, privateKey, pem } = await identityOf('ec-p256')
    const text = `subject=pump\n${pem}\nissuer\n-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${pkcs8Pem(privateKey)}${root.pem}`
    const { certificates, privateKey: key } = readBundle(text)
    assert.deepEqual(
      certificates.map(certificate => certificate.subjectCn),
      ['pump', 'house root'],
    )
    assert.ok(key!.equals(privateKey))
    assert.deepEqual(readBundle('nothing here'), { certificates: [] })
  })

  it('opens an encrypted key with its passphrase only', async () => {
    const { privateKey } = await identityOf('ec-p256')
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open sesame' }).toString()
    assert.ok(readBundle(pem, { passphrase: 'open sesame' }).privateKey!.equals(privateKey))
    for (const o of [{}, { passphrase: 'other' }]) assert.throws(() => readBundle(pem, o), codeOf('CRED_INVALID'))
    assert.throws(() => readBundle(pem, { code: 'PKI_CA_INVALID' }), codeOf('PKI_CA_INVALID'))
  })

  it('takes the older forms of keys too, encrypted or not', async () => {
    for (const [keyType, type] of [
      ['ec-p256', 'sec1'],
      ['rsa-2048', 'pkcs1'],
    ] as const) {
      const { privateKey } = await generateKey(keyType)
      const old = privateKey.export({ type, format: 'pem' }).toString()
      assert.ok(readBundle(old).privateKey!.equals(privateKey))
      const secret = privateKey.export({ type, format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open sesame' }).toString()
      assert.match(secret, /Proc-Type: 4,ENCRYPTED/)
      assert.ok(readBundle(secret, { passphrase: 'open sesame' }).privateKey!.equals(privateKey))
      for (const o of [{}, { passphrase: 'other' }]) assert.throws(() => readBundle(secret, o), codeOf('CRED_INVALID'))
    }
    const strange = pkcs8Pem((await generateKey()).privateKey).replaceAll('PRIVATE', 'DSA PRIVATE')
    assert.throws(() => readBundle(strange), codeOf('CRED_INVALID'))
  })

  it('a key under millions of rounds, or under scrypt, is refused before the work begins', async function () {
    const { privateKey } = await identityOf('ec-p256')
    const der = privateKey.export({ type: 'pkcs8', format: 'der', cipher: 'aes-256-cbc', passphrase: 'x' })
    const rounds = der.indexOf(Buffer.from('02020800', 'hex'))
    assert.ok(rounds > 0)
    // five octets in place of two, and three lengths around them grow
    const slow = Buffer.concat([der.subarray(0, rounds), Buffer.from('02047fffffff', 'hex'), der.subarray(rounds + 4)])
    for (let at = 0; at < rounds; at++)
      if (slow[at] === 0x30 && slow[at + 1]! < 0x80 && at + 2 + slow[at + 1]! > rounds) slow[at + 1] = slow[at + 1]! + 2
    slow[2] = slow[2]! + 2
    const pem = (bytes: Buffer) =>
      `-----BEGIN ENCRYPTED PRIVATE KEY-----\n${bytes.toString('base64')}\n-----END ENCRYPTED PRIVATE KEY-----\n`
    const tooMany = (error: Error) => /too many rounds/.test(String(error.cause))
    // whatever the label says: the bytes decide whether a key is derived
    for (const text of [pem(slow), pem(slow).replaceAll('ENCRYPTED ', '')])
      assert.throws(() => readBundle(text, { passphrase: 'x' }), tooMany)
    needOpenssl(this)
    const folder = new OpensslFolder()
    await folder.open()
    await folder.write({ 'k.pem': pkcs8Pem(privateKey) })
    const { text } = await folder.run('pkcs8 -in k.pem -topk8 -scrypt -passout pass:x')
    await folder.close()
    assert.ok(createPrivateKey({ key: text, passphrase: 'x' }).equals(privateKey))
    assert.throws(() => readBundle(text, { passphrase: 'x' }), codeOf('CRED_INVALID'))
  })

  it('is bounded', async () => {
    const { pem, privateKey } = await identityOf('ec-p256')
    for (const wrong of [
      pem.repeat(21),
      'x'.repeat(262_145),
      pkcs8Pem(privateKey).repeat(2),
      pem.slice(0, 100),
      pem.replace('MI', '!!'),
    ])
      assert.throws(() => readBundle(wrong), codeOf('CRED_INVALID'))
  })
})
