import assert from 'node:assert/strict'
import { bodyOf } from '../../src/pki/certificate-body.ts'
import { natural, oid, sequence, time, tlv } from '../../src/pki/der.ts'
import { naturalOf, oidOf, only, slices, tags, timeOf } from '../../src/pki/der-reader.ts'
import { generateKey } from '../../src/pki/keys.ts'
import { checkSignature, signingOf } from '../../src/pki/signature.ts'
import { seeded } from '../seeded.ts'
import { craft } from './craft.ts'
import { start } from './make.ts'

describe('DER', () => {
  it('numbers, names and times come back as they went in', () => {
    const { below } = seeded(3)
    for (let round = 0; round < 500; round++) {
      const value = below(2) ? below(300) : below(2 ** 45)
      assert.equal(naturalOf(only(natural(value), tags.integer)), value)
      const arcs = [below(3), below(40), ...Array.from({ length: below(6) }, () => below(2 ** 31))].join('.')
      assert.equal(oidOf(only(oid(arcs), tags.oid)), arcs)
      const ms = Date.UTC(1950 + below(200), below(12), 1 + below(28), below(24), below(60), below(60))
      assert.equal(timeOf(slices(time(ms))[0]), ms)
    }
    assert.equal(oid('2.16.840.1.101.3.4.2.1').toString('hex'), '0609608648016503040201')
  })

  it('times change their form with 2050', () => {
    assert.equal(time(Date.UTC(2049, 11, 31, 23, 59, 59)).toString('latin1', 2), '491231235959Z')
    assert.equal(time(Date.UTC(2050, 0, 1)).toString('latin1', 2), '20500101000000Z')
    for (const text of ['4912312359Z', '491231235959+0100', '491331000000Z', '490230000000Z', '49123123595Z'])
      assert.throws(() => timeOf(slices(tlv(0x17, Buffer.from(text)))[0]), text)
  })

  it('elements of every length are cut again', () => {
    for (const size of [0, 1, 127, 128, 255, 256, 65_535, 65_536, 100_000]) {
      const element = tlv(0x04, Buffer.alloc(size, 7))
      assert.equal(only(element, tags.octets).content.length, size)
      assert.deepEqual(slices(Buffer.concat([element, element]))[1]!.raw, element)
    }
    assert.throws(() => tlv(0x04, Buffer.alloc(2 ** 24)), RangeError)
  })

  it('lengths that are too long, too short or in another form than the shortest are refused', () => {
    for (const hex of ['30', '3001', '308100', '30810100', '3082000100', '30830000ff', '3080', '30840000000000', '1f810100'])
      assert.throws(() => slices(Buffer.from(hex, 'hex')), RangeError, hex)
    assert.throws(() => only(Buffer.from('30003000', 'hex')), RangeError)
    assert.throws(() => naturalOf(only(tlv(0x02, Buffer.from([0x80])), tags.integer)), RangeError)
    assert.throws(() => naturalOf(only(tlv(0x02, Buffer.alloc(8, 1)), tags.integer)), RangeError)
  })

  it('a signature counts only under the algorithm of its key', async () => {
    const [ec, rsa] = await Promise.all([generateKey(), generateKey('rsa-2048')])
    const data = Buffer.from('text')
    const { algorithm, sign } = signingOf(ec.privateKey)
    const signature = sign(data)
    const check = (more: object) => checkSignature({ algorithm, data, signature, publicKey: ec.publicKey, ...more })
    assert.equal(check({}), 'genuine')
    assert.equal(check({ data: Buffer.from('other') }), 'wrong')
    assert.equal(check({ publicKey: (await generateKey()).publicKey }), 'wrong')
    assert.equal(check({ algorithm: signingOf(rsa.privateKey).algorithm }), 'algorithm')
    assert.equal(check({ publicKey: rsa.publicKey }), 'algorithm')
    for (const wrong of [sequence(oid('1.2.840.113549.1.1.5')), sequence(), Buffer.alloc(0)])
      assert.equal(check({ algorithm: wrong }), 'algorithm')
  })

  it('a certificate with an extension twice, or with two signature algorithms, is none', async () => {
    const twice = await craft({ name: 'x', keyUsage: 0x80, critical: { '2.5.29.15': tlv(0x03, Buffer.from([0, 6])) } }).catch(
      (error: Error) => error,
    )
    assert.match(String(twice instanceof Error ? twice : bodyError(twice.der)), /comes twice/)
    const { der } = await craft({ name: 'x' })
    const mixed = Buffer.from(der)
    const last = mixed.lastIndexOf(Buffer.from('2a8648ce3d040302', 'hex'))
    mixed[last + 7] = 3
    assert.match(String(bodyError(mixed)), /differ/)
    assert.equal(bodyOf(der).notBefore, start - 86_400_000 - (start % 1000))
    assert.throws(() => bodyOf(sequence(der)))
  })
})

function bodyError(der: Buffer): unknown {
  try {
    return bodyOf(der)
  } catch (error) {
    return error
  }
}
