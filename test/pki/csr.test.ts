import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import { LoomError } from '../../src/errors.ts'
import { createCsr, readCsr } from '../../src/pki/csr.ts'
import { generateKey, spkiHashOf, spkiOf } from '../../src/pki/keys.ts'
import { seeded } from '../seeded.ts'
import { codeOf } from './make.ts'
import { needOpenssl, OpensslFolder } from './openssl.ts'

const derOfPem = (pem: string) => Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64')

describe('certificate requests', () => {
  const folder = new OpensslFolder()
  let own: string

  before(async () => {
    await folder.open()
    own = createCsr({ id: 'pump', ...(await generateKey()) })
  })
  after(() => folder.close())

  const request = async (command: string) => {
    const made = await folder.run(`req -new -nodes -keyout key.pem ${command}`)
    assert.ok(made.ok, made.text)
    return made.text
  }

  it('our own are accepted by openssl', async function () {
    needOpenssl(this)
    const rsa = createCsr({ id: 'pump', ...(await generateKey('rsa-2048')) })
    await folder.write({ 'ec.csr': own, 'rsa.csr': rsa })
    for (const file of ['ec.csr', 'rsa.csr']) {
      const { ok, text } = await folder.run(`req -in ${file} -noout -verify -subject`)
      assert.ok(ok && /CN = pump/.test(text), text)
    }
  })

  const accepted = {
    'EC P-256': '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=pump',
    'EC P-384 signed with SHA-384': '-newkey ec -pkeyopt ec_paramgen_curve:P-384 -sha384 -subj /CN=pump',
    'RSA 2048': '-newkey rsa:2048 -subj /CN=pump',
    'RSA 3072 signed with SHA-512': '-newkey rsa:3072 -sha512 -subj /CN=pump',
    'no common name': '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /O=factory',
    'more in its subject and extensions it cannot have':
      '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /C=DE/O=factory/CN=pump -addext basicConstraints=CA:TRUE',
  }
  for (const [name, command] of Object.entries(accepted))
    it(`openssl's are accepted: ${name}`, async function () {
      needOpenssl(this)
      const { publicKey, spki, spkiHash } = await readCsr(await request(command), { id: 'pump' })
      const key = await folder.run('pkey -in key.pem -pubout')
      assert.ok(publicKey.equals(createPublicKey(key.text)))
      assert.equal(spkiHash, spkiHashOf(spki))
    })

  const refused = {
    'RSA 1024': ['-newkey rsa:1024 -subj /CN=pump', 'PKI_KEY_REFUSED'],
    'RSA with exponent 3': ['-newkey rsa:2048 -pkeyopt rsa_keygen_pubexp:3 -subj /CN=pump', 'PKI_KEY_REFUSED'],
    'EC P-521': ['-newkey ec -pkeyopt ec_paramgen_curve:P-521 -subj /CN=pump', 'PKI_KEY_REFUSED'],
    secp256k1: ['-newkey ec -pkeyopt ec_paramgen_curve:secp256k1 -subj /CN=pump', 'PKI_KEY_REFUSED'],
    Ed25519: ['-newkey ed25519 -subj /CN=pump', 'PKI_KEY_REFUSED'],
    'SHA-1': ['-newkey rsa:2048 -sha1 -subj /CN=pump', 'PKI_CSR_INVALID'],
    'another common name': ['-newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=valve', 'PKI_SUBJECT_MISMATCH'],
    'the right common name and another': [
      '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=pump/CN=valve',
      'PKI_SUBJECT_MISMATCH',
    ],
    'other case': ['-newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=Pump', 'PKI_SUBJECT_MISMATCH'],
    'a control character': ['-newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=pump\n', 'PKI_CSR_INVALID'],
  } as const
  for (const [name, [command, code]] of Object.entries(refused))
    it(`refused with ${code}: ${name}`, async function () {
      needOpenssl(this)
      await assert.rejects(readCsr(await request(command), { id: 'pump' }), codeOf(code))
    })

  it('a curve by its parameters instead of its name is refused', async function () {
    needOpenssl(this)
    await folder.run('ecparam -name prime256v1 -genkey -param_enc explicit -noout -out explicit.pem')
    const { text } = await folder.run('req -new -key explicit.pem -subj /CN=pump')
    await assert.rejects(readCsr(text, { id: 'pump' }), codeOf('PKI_KEY_REFUSED'))
  })

  it('a changed request is refused, whatever was changed', async () => {
    const der = derOfPem(own)
    for (const at of [der.length - 1, der.indexOf('pump')]) {
      const changed = Buffer.from(der)
      changed[at] = changed[at]! ^ 1
      await assert.rejects(readCsr(changed, { id: 'pump' }), codeOf('PKI_CSR_INVALID'))
    }
  })

  it('a request signed with another key is refused', async () => {
    const [mine, theirs] = await Promise.all([generateKey(), generateKey()])
    const stolen = createCsr({ id: 'pump', publicKey: theirs.publicKey, privateKey: mine.privateKey })
    await assert.rejects(readCsr(stolen, { id: 'pump' }), codeOf('PKI_CSR_INVALID'))
  })

  it('a key of another device is refused, its own is welcome', async () => {
    const pair = await generateKey()
    const csr = createCsr({ id: 'pump', ...pair })
    const asked: string[] = []
    const ownerOfKey = (owner: string | undefined) => async (hash: string) => {
      asked.push(hash)
      return owner
    }
    await assert.rejects(readCsr(csr, { id: 'pump', ownerOfKey: ownerOfKey('valve') }), codeOf('PKI_KEY_REUSED'))
    await readCsr(csr, { id: 'pump', ownerOfKey: ownerOfKey('pump') })
    await readCsr(csr, { id: 'pump', ownerOfKey: ownerOfKey(undefined) })
    assert.deepEqual(asked, Array(3).fill(spkiHashOf(spkiOf(pair.publicKey))))
  })

  it('a compressed point cannot hide a key from the comparison', async () => {
    const { publicKey, privateKey } = await generateKey()
    const spki = spkiOf(publicKey)
    const point = spki.subarray(-65)
    const compressed = Buffer.concat([Buffer.from([0x02 | (point[64]! & 1)]), point.subarray(1, 33)])
    // same algorithm, shorter bit string: SEQUENCE 57 bytes, BIT STRING 34 bytes
    const der = Buffer.concat([Buffer.from('3039', 'hex'), spki.subarray(2, 23), Buffer.from('032200', 'hex'), compressed])
    const disguised = createPublicKey({ key: der, format: 'der', type: 'spki' })
    assert.ok(disguised.equals(publicKey))
    await assert.rejects(
      readCsr(createCsr({ id: 'pump', publicKey: disguised, privateKey }), { id: 'pump' }),
      codeOf('PKI_KEY_REFUSED'),
    )
  })

  it('anything but one request is refused', async () => {
    const der = derOfPem(own)
    const wrong = {
      empty: '',
      'no PEM': 'hello',
      'two requests': own + own,
      'a certificate label': own.replaceAll('CERTIFICATE REQUEST', 'CERTIFICATE'),
      'no end': own.slice(0, 200),
      'not base64': own.replace('MI', '!!'),
      oversize: own + ' '.repeat(16_384),
      'bytes behind it': Buffer.concat([der, Buffer.from([5, 0])]),
      'oversize DER': Buffer.alloc(16_385),
      'version 1': Buffer.from(der.toString('hex').replace('020100', '020101'), 'hex'),
      'a deep nest': Buffer.from('3080'.repeat(8000), 'hex'),
      'a length of 256 MB': Buffer.from('308410000000', 'hex'),
    }
    for (const [name, input] of Object.entries(wrong))
      await assert.rejects(readCsr(input, { id: 'pump' }), codeOf('PKI_CSR_INVALID'), name)
  })

  it('mutated bytes are refused or harmless, never a crash', async () => {
    const { pick, below } = seeded(20_260)
    const rsa = createCsr({ id: 'pump', ...(await generateKey('rsa-2048')) })
    const originals = [derOfPem(own), derOfPem(rsa)]
    const hashes = await Promise.all(originals.map(async der => (await readCsr(der, { id: 'pump' })).spkiHash))
    for (let round = 0; round < 3000; round++) {
      const which = below(2)
      const bytes = [...originals[which]!]
      for (let edits = 1 + below(3); edits > 0; edits--) {
        const at = below(bytes.length)
        const kind = below(4)
        if (kind === 0) bytes[at] = below(256)
        else if (kind === 1) bytes.splice(at, 1 + below(8))
        else if (kind === 2)
          bytes.splice(at, 0, ...Array.from({ length: 1 + below(8) }, () => pick([0, 0x30, 0x80, 0xff, below(256)])))
        else bytes.length = at + 1
      }
      const mutant = Buffer.from(bytes)
      try {
        const { spkiHash } = await readCsr(mutant, { id: 'pump' })
        assert.equal(spkiHash, hashes[which], `round ${round}: ${mutant.toString('hex')}`)
      } catch (error) {
        assert.ok(error instanceof LoomError && /^PKI_/.test(error.code), `round ${round}: ${error} ${mutant.toString('hex')}`)
      }
    }
  }).timeout(60_000)
})
