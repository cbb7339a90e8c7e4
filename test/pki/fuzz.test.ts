import assert from 'node:assert/strict'
import { LoomError } from '../../src/errors.ts'
import { readBundle } from '../../src/pki/bundle.ts'
import { readForeignCertificate } from '../../src/pki/certificate.ts'
import { linkOf, verifyChain } from '../../src/pki/chain.ts'
import { createCrl } from '../../src/pki/crl.ts'
import { readCrl } from '../../src/pki/crl-reader.ts'
import { checkCsr, createCsr } from '../../src/pki/csr.ts'
import { generateKey, pkcs8Pem } from '../../src/pki/keys.ts'
import { seeded } from '../seeded.ts'
import { craft, usages } from './craft.ts'
import { days, start } from './make.ts'

type Random = ReturnType<typeof seeded>
const rounds = 3000

/** A few octets changed, removed, doubled or put in, or the end cut off: often where a length or a tag is. */
function mutated(bytes: Buffer, { below, pick }: Random): Buffer {
  const list = [...bytes]
  for (let edits = 1 + below(3); edits > 0 && list.length > 0; edits--) {
    const at = below(list.length)
    const octet = () => pick([0, 1, 0x30, 0x31, 0x1f, 0x7f, 0x80, 0x81, 0x82, 0x84, 0xff, below(256)])
    const kind = below(6)
    if (kind === 0) list[at] = octet()
    else if (kind === 1) list.splice(at, 1 + below(8))
    else if (kind === 2) list.splice(at, 0, ...Array.from({ length: 1 + below(8) }, octet))
    else if (kind === 3) list[at] = list[at]! ^ (1 << below(8))
    else if (kind === 4) list.splice(at, 0, ...list.slice(at, at + 1 + below(64)))
    else list.length = at + 1
  }
  return Buffer.from(list)
}

/** Each input is read, or refused with one of the codes; both must happen. */
function survives(seed: number, originals: readonly Buffer[], codes: RegExp, read: (input: Buffer) => void): void {
  const random = seeded(seed)
  let refused = 0
  for (let round = 0; round < rounds; round++) {
    const input = mutated(random.pick(originals), random)
    try {
      read(input)
    } catch (error) {
      refused++
      assert.ok(error instanceof LoomError && codes.test(error.code), `round ${round}: ${error} ${input.toString('hex')}`)
    }
  }
  assert.ok(refused > rounds / 4, `${refused} refused`)
}

const derOf = (pem: string) => Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64')

describe('mutated input is refused with a code, or read, and never a crash or a hang', function () {
  this.timeout(120_000)

  it('requests', async () => {
    const requests = await Promise.all(
      (['ec-p256', 'ec-p384', 'rsa-2048', 'ed25519'] as const).map(async type =>
        derOf(createCsr({ id: 'pump', ...(await generateKey(type)) })),
      ),
    )
    survives(11, requests, /^PKI_(CSR_INVALID|KEY_REFUSED|SUBJECT_MISMATCH)$/, input => {
      checkCsr(input, { id: 'pump', ed25519: true })
    })
  })

  it('certificates and chains', async () => {
    const root = await craft({ name: 'root', ca: true, keyUsage: 0x06, pathLength: 3 })
    const line = await craft({ name: 'line', ca: true, keyUsage: 0x06, by: root, keyType: 'rsa-2048' })
    const leaf = await craft({ name: 'pump', by: line, keyUsage: 0x80, extKeyUsage: [usages.client], uris: ['urn:x:pump'] })
    const codes = /^(CRED_(INVALID|EXPIRED|NOT_YET_VALID|UNKNOWN)|PKI_(CHAIN_INVALID|KEY_REFUSED))$/
    survives(12, [leaf.der, line.der, root.der], codes, input => {
      readForeignCertificate(input)
      linkOf(input)
    })
    survives(13, [leaf.der], codes, input => {
      const { leaf: facts } = verifyChain([input, line.der], [root.der], start)
      assert.deepEqual(facts.der, leaf.der, 'only the certificate itself is vouched for')
    })
    survives(14, [line.der], codes, input => {
      const { path } = verifyChain([leaf.der, input], [root.der], start)
      assert.deepEqual(path[1]!.der, line.der)
    })
    survives(15, [root.der], codes, input => void verifyChain([leaf.der, line.der], [input], start))
  })

  it('revocation lists', async () => {
    const ca = await craft({ name: 'ca', ca: true, keyUsage: 0x06 })
    const entries = Array.from({ length: 20 }, (_, at) => ({
      serial: (0x7000 + at).toString(16),
      at: start,
      reason: 'superseded' as const,
    }))
    const times = { thisUpdate: start, nextUpdate: start + days(7) }
    const lists = [entries, []].map(list => createCrl({ issuer: ca, entries: list, number: 77, ...times }).der)
    survives(16, lists, /^PKI_CRL_INVALID$/, input => {
      const { isSignedBy, der } = readCrl(input)
      if (isSignedBy(ca.publicKey)) assert.ok(lists.some(list => list.equals(der)))
    })
  })

  it('PEM of all kinds', async () => {
    const ca = await craft({ name: 'ca', ca: true })
    const encrypted = ca.privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }).toString()
    const texts = [ca.pem + pkcs8Pem(ca.privateKey), ca.pem + encrypted].map(text => Buffer.from(text))
    survives(17, texts, /^CRED_INVALID$/, input => void readBundle(input.toString('latin1'), { passphrase: 'x' }))
    const csr = Buffer.from(createCsr({ id: 'pump', ...(await generateKey()) }))
    survives(18, [csr], /^PKI_/, input => void checkCsr(input.toString('latin1'), { id: 'pump' }))
  })

  it('hostile shapes: deep nests, giant lengths, long numbers, endless names', () => {
    const shapes = [
      Buffer.from('3080'.repeat(8000), 'hex'),
      Buffer.from('30820fff'.repeat(4000), 'hex'),
      Buffer.from('308410000000', 'hex'),
      Buffer.concat([Buffer.from('30823ffc', 'hex'), Buffer.alloc(16_380, 0x30)]),
      Buffer.concat([Buffer.from('30823ffc06823ff8', 'hex'), Buffer.alloc(16_376, 0xff)]),
      Buffer.alloc(16_384, 0x80),
    ]
    for (const shape of shapes)
      for (const read of [
        () => checkCsr(shape, { id: 'pump' }),
        () => readForeignCertificate(shape),
        () => linkOf(shape),
        () => readCrl(shape),
        () => readBundle(shape.toString('latin1').repeat(10)).certificates.length === 0 || assert.fail(),
      ])
        try {
          read()
        } catch (error) {
          assert.ok(error instanceof LoomError, String(error))
        }
  })
})
