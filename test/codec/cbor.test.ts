import assert from 'node:assert/strict'
import { openCbor } from '../../src/codec/cbor.ts'
import type { Codec } from '../../src/codec/codec.ts'
import { seeded } from '../seeded.ts'
import { assertUnpolluted, bytesOf, codedOnly, refusal } from './codec-errors.ts'
import { randomValue } from './random-value.ts'

const upTo25 = Array.from({ length: 25 }, (_, i) => i + 1)
const hexOf25 = `${upTo25
  .slice(0, 23)
  .map(i => i.toString(16).padStart(2, '0'))
  .join('')}18181819`

/** RFC 8949, appendix A, as plain JSON. */
const vectors: readonly (readonly [hex: string, value: unknown])[] = [
  ...([
    ['00', 0],
    ['01', 1],
    ['0a', 10],
    ['17', 23],
    ['1818', 24],
    ['1819', 25],
    ['1864', 100],
    ['1903e8', 1000],
    ['1a000f4240', 1_000_000],
    ['1b000000e8d4a51000', 1_000_000_000_000],
    ['1bffffffffffffffff', '18446744073709551615'],
    ['c249010000000000000000', '18446744073709551616'],
    ['3bffffffffffffffff', '-18446744073709551616'],
    ['c349010000000000000000', '-18446744073709551617'],
    ['20', -1],
    ['29', -10],
    ['3863', -100],
    ['3903e7', -1000],
  ] as const),
  ...([
    ['f90000', 0],
    ['f98000', -0],
    ['f93c00', 1],
    ['fb3ff199999999999a', 1.1],
    ['f93e00', 1.5],
    ['f97bff', 65504],
    ['fa47c35000', 100_000],
    ['fa7f7fffff', 3.4028234663852886e38],
    ['fb7e37e43c8800759c', 1e300],
    ['f90001', 2 ** -24],
    ['f90400', 0.00006103515625],
    ['f9c400', -4],
    ['fbc010666666666666', -4.1],
  ] as const),
  ...[
    'f97c00',
    'f97e00',
    'f9fc00',
    'fa7f800000',
    'fa7fc00000',
    'faff800000',
    'fb7ff0000000000000',
    'fb7ff8000000000000',
    'fbfff0000000000000',
  ].map(hex => [hex, null] as const),
  ...([
    ['f4', false],
    ['f5', true],
    ['f6', null],
    ['f7', null],
    ['c074323031332d30332d32315432303a30343a30305a', 1_363_896_240_000],
    ['c11a514b67b0', 1_363_896_240_000],
    ['c1fb41d452d9ec200000', 1_363_896_240_500],
    ['d74401020304', 'AQIDBA=='],
    ['d818456449455446', 'ZElFVEY='],
    ['d82076687474703a2f2f7777772e6578616d706c652e636f6d', 'http://www.example.com'],
    ['40', ''],
    ['4401020304', 'AQIDBA=='],
    ['60', ''],
    ['6161', 'a'],
    ['6449455446', 'IETF'],
    ['62225c', '"\\'],
    ['62c3bc', 'ü'],
    ['63e6b0b4', '水'],
    ['64f0908591', '𐅑'],
  ] as const),
  ['80', []],
  ['83010203', [1, 2, 3]],
  ...['8301820203820405', '9f018202039f0405ffff', '9f01820203820405ff', '83018202039f0405ff', '83019f0203ff820405'].map(
    hex => [hex, [1, [2, 3], [4, 5]]] as const,
  ),
  [`9819${hexOf25}`, upTo25],
  [`9f${hexOf25}ff`, upTo25],
  ['9fff', []],
  ['a0', {}],
  ['a201020304', { 1: 2, 3: 4 }],
  ['a26161016162820203', { a: 1, b: [2, 3] }],
  ['bf61610161629f0203ffff', { a: 1, b: [2, 3] }],
  ['826161a161626163', ['a', { b: 'c' }]],
  ['826161bf61626163ff', ['a', { b: 'c' }]],
  ['a56161614161626142616361436164614461656145', { a: 'A', b: 'B', c: 'C', d: 'D', e: 'E' }],
  ['5f42010243030405ff', 'AQIDBAU='],
  ['7f657374726561646d696e67ff', 'streaming'],
  ['bf6346756ef563416d7421ff', { Fun: true, Amt: -2 }],
]

describe('CBOR', function () {
  this.timeout(60_000)

  let codec: Codec
  const decode = (hex: string): unknown => codec.decode(bytesOf(hex), {})

  before(async () => {
    codec = await openCbor()
  })

  for (const [hex, value] of vectors)
    it(`reads ${hex.slice(0, 40)} of RFC 8949 as ${JSON.stringify(value).slice(0, 40)}`, () =>
      assert.deepEqual(decode(hex), value))

  for (const [what, hex, value] of [
    ['the self-describing tag', 'd9d9f7820102', [1, 2]],
    ['small numbers in eight bytes', '821b00000000000000013b0000000000000000', [1, -1]],
    ['a UUID as its bytes', 'd8255000112233445566778899aabbccddeeff', 'ABEiM0RVZneImaq7zN3u/w=='],
    [
      'a date before 1970 and one with an offset',
      '82c120c07819313937302d30312d30315430303a30303a30302b30303a3330',
      [-1000, -1_800_000],
    ],
    ['a set and a map by their tags', '82d901028101d90103a10102', [[1], { 1: 2 }]],
    ['a bignum in pieces', 'c25f41014100ff', 256],
    ['texts in pieces inside of others', 'a17f61616162ff01', { ab: 1 }],
    ['members that are undefined: left out', 'a26161f7616201', { b: 1 }],
    ['two members by one name: the last', 'a2616101616102', { a: 2 }],
  ] as const)
    it(`reads ${what}`, () => assert.deepEqual(decode(hex), value))

  it('reads a member __proto__ as an own member', () => {
    const value = decode('a1695f5f70726f746f5f5fa168706f6c6c7574656401') as object
    assert.equal(Object.getPrototypeOf(value), Object.prototype)
    assert.deepEqual(Object.entries(value), [['__proto__', { polluted: 1 }]])
    assertUnpolluted()
  })

  for (const [what, hex, told] of [
    ['nothing', '', 'CODEC_TRUNCATED at 0'],
    ['a second item', '8101 00', 'CODEC_FORMAT at 2'],
    ['a break outside', '8201ff', 'CODEC_FORMAT at 2'],
    ['a reserved head', '811c', 'CODEC_FORMAT at 1'],
    ['a text that is not UTF-8', '82 01 62c328', 'CODEC_FORMAT at 4'],
    ['a text whose piece breaks a character', '7f61c361bcff', 'CODEC_FORMAT at 3'],
    ['a piece of another kind', '5f 6161 ff', 'CODEC_FORMAT at 1'],
    ['pieces in pieces', '5f5f4101ffff', 'CODEC_FORMAT at 1'],
    ['a name that is a list', 'a18001', 'CODEC_FORMAT at 1'],
    ['a name of eight bytes', 'a11b000000000000000101', 'CODEC_FORMAT at 1'],
    ['a simple value without meaning', 'f0', 'CODEC_FORMAT at 0'],
    ['a simple value of a byte', 'f8ff', 'CODEC_FORMAT at 0'],
    ['a date that is none', 'c06161', 'CODEC_FORMAT at 1'],
    ['a date in month 99', 'c074323031332d39392d32315432303a30343a30305a', 'CODEC_FORMAT at 1'],
    ['a time that is NaN', 'c1f97e00', 'CODEC_FORMAT at 1'],
    ['a time beyond all dates', 'c11bffffffffffffffff', 'CODEC_FORMAT at 1'],
    ['a bignum that is a text', 'c26161', 'CODEC_FORMAT at 1'],
    ['a decimal fraction', 'c48221196ab3', 'CODEC_FORMAT at 0'],
    ['a pattern', 'd81b82665265674578706161', 'CODEC_FORMAT at 0'],
    ['a record that would be compiled', 'd9dfff83190000816161f5', 'CODEC_FORMAT at 0'],
    ['a record of the older kind', 'd86983190000816161f5', 'CODEC_FORMAT at 0'],
    ['a reference to itself', 'd81c81d81d00', 'CODEC_FORMAT at 0'],
    ['a typed array', 'd8484101', 'CODEC_FORMAT at 0'],
    ['strings to be shared', 'd9dff98201', 'CODEC_FORMAT at 0'],
    ['a list of 4,294,967,295', '9affffffff', 'CODEC_LIMIT at 0'],
    ['a map of 2^64 - 1', 'bbffffffffffffffff', 'CODEC_LIMIT at 0'],
    ['a text of 2^64 - 1', '7bffffffffffffffff', 'CODEC_LIMIT at 0'],
    ['bytes of 1,000,000', '5a000f4240', 'CODEC_TRUNCATED at 5'],
    ['a list of 99,999', '9a0001869f', 'CODEC_TRUNCATED at 5'],
    ['a bignum of 129 bytes', `c25881${'ff'.repeat(129)}`, 'CODEC_LIMIT at 1'],
    ['65 lists in one another', `${'81'.repeat(65)}00`, 'CODEC_LIMIT at 64'],
    ['lists in one another to the end', '81'.repeat(500_000), 'CODEC_LIMIT at 64'],
    ['lists without a length in one another', '9f'.repeat(500_000), 'CODEC_LIMIT at 64'],
    ['tags in one another', 'd6'.repeat(500_000), 'CODEC_LIMIT at 64'],
    ['100,001 items without a length', `9f${'00'.repeat(100_000)}ff`, 'CODEC_LIMIT at 100000'],
    ['100,001 pieces', `7f${'60'.repeat(100_001)}ff`, 'CODEC_LIMIT at 100000'],
  ] as const)
    it(`refuses ${what}`, () =>
      assert.equal(
        refusal(() => decode(hex)),
        told,
      ))

  it('takes 64 levels, and lists next to one another without limit of depth', () => {
    decode(`${'81'.repeat(64)}00`)
    decode(`9819${'8100'.repeat(25)}`)
  })

  it('refuses more than 1 MiB, 16 MiB if they were compressed', () => {
    const long = codec.encode!('x'.repeat(1_048_576), {})
    assert.equal(
      refusal(() => codec.decode(long, {})),
      'CODEC_LIMIT at 1048576',
    )
    assert.equal(String(codec.decode(long, { inflated: true })).length, 1_048_576)
  })

  it('tells each vector that is cut off at any byte', () => {
    for (const [hex] of vectors)
      for (let length = 0; length < hex.length / 2; length++)
        assert.equal(
          refusal(() => codec.decode(bytesOf(hex).subarray(0, length), {})),
          `CODEC_TRUNCATED at ${length}`,
          hex,
        )
  })

  it('writes and reads random values', () => {
    const random = seeded(8949)
    for (let i = 0; i < 300; i++) {
      const { value, plain } = randomValue(random)
      assert.deepEqual(codec.decode(codec.encode!(value, {}), {}), plain)
    }
  })

  it('tells random bytes and changed ones by its own errors only', () => {
    const random = seeded(55_799)
    for (let i = 0; i < 3000; i++) {
      const bytes = random.below(2)
        ? Buffer.from(Array.from({ length: random.below(24) }, () => random.below(256)))
        : Buffer.from(codec.encode!(randomValue(random, { depth: 2 }).value, {}))
      for (let changes = random.below(4); changes > 0 && bytes.length; changes--)
        bytes[random.below(bytes.length)] = random.below(256)
      codedOnly(() => codec.decode(bytes, {}))
    }
    assertUnpolluted()
  })

  for (const [what, value, told] of [
    ['a function', { a: [1, () => 1] }, 'CODEC_INVALID at a[1]'],
    ['a symbol', Symbol('x'), 'CODEC_INVALID at '],
    ['a date that is none', { at: new Date(Number.NaN) }, 'CODEC_INVALID at at'],
    ['a whole number of 1,025 bits', [2n ** 1024n], 'CODEC_INVALID at [0]'],
    ['100,001 elements', Array.from({ length: 100_000 }, () => 0), 'CODEC_LIMIT at 0'],
  ] as const)
    it(`does not write ${what}`, () =>
      assert.equal(
        refusal(() => codec.encode!(value, {})),
        told,
      ))

  it('does not write what is in itself', () => {
    const round: Record<string, unknown> = {}
    round.round = round
    assert.equal(
      refusal(() => codec.encode!(round, {})),
      'CODEC_LIMIT at 0',
    )
  })
})
