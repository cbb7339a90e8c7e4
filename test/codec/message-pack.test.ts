import assert from 'node:assert/strict'
import type { Codec } from '../../src/codec/codec.ts'
import { openMessagePack } from '../../src/codec/message-pack.ts'
import { seeded } from '../seeded.ts'
import { assertUnpolluted, bytesOf, codedOnly, refusal } from './codec-errors.ts'
import { randomValue } from './random-value.ts'

const values: readonly [what: string, hex: string, value: unknown][] = [
  ['the small numbers', '93 00 7f e0', [0, 127, -32]],
  ['unsigned numbers', '94 ccff cdffff ceffffffff cfffffffffffffffff', [255, 65_535, 4_294_967_295, '18446744073709551615']],
  ['signed numbers', '94 d080 d18000 d280000000 d38000000000000000', [-128, -32_768, -2_147_483_648, '-9223372036854775808']],
  ['a small number in eight bytes', '92 cf0000000000000001 d3ffffffffffffffff', [1, -1]],
  ['nothing and truth', '93 c0 c2 c3', [null, false, true]],
  ['floats', '92 ca3fc00000 cb3ff199999999999a', [1.5, 1.1]],
  ['NaN and infinity as null', '93 ca7fc00000 cb7ff0000000000000 cbfff0000000000000', [null, null, null]],
  ['texts', '94 a0 a3e6b0b4 d90161 da000161', ['', '水', 'a', 'a']],
  ['bytes', '93 c40101 c500020102 c60000000101', ['AQ==', 'AQI=', 'AQ==']],
  ['lists', '93 90 dc000101 dd0000000101', [[], [1], [1]]],
  ['maps', '93 80 de0001a16101 df00000001a16101', [{}, { a: 1 }, { a: 1 }]],
  ['numbers as names', '84 01c3 ffc3 ccffc3 d18000c3', { 1: true, '-1': true, 255: true, '-32768': true }],
  ['the timestamp of 4 bytes', 'd6ff514b67b0', 1_363_896_240_000],
  ['the timestamp of 8 bytes', 'd7ff 77359400 00000001', 1500],
  ['the timestamp of 12 bytes', 'c70cff1dcd6500ffffffffffffffff', -500],
  [
    'other extensions as base64',
    '92 d40501 c703800102 03',
    [
      { extension: 5, data: 'AQ==' },
      { extension: -128, data: 'AQID' },
    ],
  ],
  [
    'extensions of the package as base64',
    '92 d47201 d44201',
    [
      { extension: 114, data: 'AQ==' },
      { extension: 66, data: 'AQ==' },
    ],
  ],
]

describe('MessagePack', function () {
  this.timeout(60_000)

  let codec: Codec
  const decode = (hex: string): unknown => codec.decode(bytesOf(hex), {})

  before(async () => {
    codec = await openMessagePack()
  })

  for (const [what, hex, value] of values) it(`reads ${what}`, () => assert.deepEqual(decode(hex), value))

  it('reads a member __proto__ as an own member', () => {
    const value = decode('81a95f5f70726f746f5f5f81a8706f6c6c7574656401') as object
    assert.equal(Object.getPrototypeOf(value), Object.prototype)
    assert.deepEqual(Object.entries(value), [['__proto__', { polluted: 1 }]])
    assertUnpolluted()
  })

  for (const [what, hex, told] of [
    ['a second object', '0000', 'CODEC_FORMAT at 1'],
    ['the byte that is never used', '91c1', 'CODEC_FORMAT at 1'],
    ['a text that is not UTF-8', 'a2c328', 'CODEC_FORMAT at 2'],
    ['a name that is a list', '819001', 'CODEC_FORMAT at 1'],
    ['a name that is nothing', '81c001', 'CODEC_FORMAT at 1'],
    ['a timestamp of five bytes', 'c705ff0000000001', 'CODEC_FORMAT at 0'],
    ['a timestamp of too many nanoseconds', 'd7ffffffffff00000000', 'CODEC_FORMAT at 0'],
    ['a timestamp beyond all dates', 'c70cff000000007fffffffffffffff', 'CODEC_FORMAT at 0'],
    ['a list of 4,294,967,295', 'ddffffffff', 'CODEC_LIMIT at 0'],
    ['a map of 4,294,967,295', 'dfffffffff', 'CODEC_LIMIT at 0'],
    ['a text of 4,294,967,295 bytes', 'dbffffffff', 'CODEC_TRUNCATED at 5'],
    ['an extension of 4,294,967,295 bytes', 'c9ffffffff', 'CODEC_TRUNCATED at 5'],
    ['65 lists in one another', `${'91'.repeat(65)}00`, 'CODEC_LIMIT at 64'],
    ['lists in one another to the end', '91'.repeat(500_000), 'CODEC_LIMIT at 64'],
    ['100,001 elements', `dd000186a0${'00'.repeat(100_000)}`, 'CODEC_LIMIT at 0'],
  ] as const)
    it(`refuses ${what}`, () =>
      assert.equal(
        refusal(() => decode(hex)),
        told,
      ))

  it('tells each value that is cut off at any byte', () => {
    for (const [what, hex] of values)
      for (let length = 0; length < bytesOf(hex).length; length++)
        assert.equal(
          refusal(() => codec.decode(bytesOf(hex).subarray(0, length), {})),
          `CODEC_TRUNCATED at ${length}`,
          what,
        )
  })

  it('writes and reads random values', () => {
    const random = seeded(2013)
    for (let i = 0; i < 300; i++) {
      const { value, plain } = randomValue(random, { bits: 62 })
      assert.deepEqual(codec.decode(codec.encode!(value, {}), {}), plain)
    }
  })

  it('does not write whole numbers of more than 64 bits', () => {
    assert.deepEqual(codec.decode(codec.encode!([2n ** 64n - 1n, -(2n ** 63n)], {}), {}), [
      '18446744073709551615',
      '-9223372036854775808',
    ])
    assert.equal(
      refusal(() => codec.encode!({ a: 2n ** 64n }, {})),
      'CODEC_INVALID at a',
    )
  })

  it('tells random bytes and changed ones by its own errors only', () => {
    const random = seeded(0xc1)
    for (let i = 0; i < 3000; i++) {
      const bytes = random.below(2)
        ? Buffer.from(Array.from({ length: random.below(24) }, () => random.below(256)))
        : Buffer.from(codec.encode!(randomValue(random, { bits: 62, depth: 2 }).value, {}))
      for (let changes = random.below(4); changes > 0 && bytes.length; changes--)
        bytes[random.below(bytes.length)] = random.below(256)
      codedOnly(() => codec.decode(bytes, {}))
    }
    assertUnpolluted()
  })
})
