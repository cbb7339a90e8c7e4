import assert from 'node:assert/strict'
import { openCbor } from '../../src/codec/cbor.ts'
import type { Codec } from '../../src/codec/codec.ts'
import { openSenmlCbor, readingsOfSenml, senmlJson } from '../../src/codec/senml.ts'
import { labelledRecord } from '../../src/codec/senml-labels.ts'
import type { SenmlRecord } from '../../src/codec/senml-records.ts'
import { seeded } from '../seeded.ts'
import { bytesOf, codedOnly, refusal } from './codec-errors.ts'

const arrived = 1_790_000_000_000
const read = (text: string, context = { arrived }): unknown => senmlJson.decode(Buffer.from(text), context)

/** Packs of RFC 8428, 5.1, and what their records are when resolved. */
const examples: readonly [what: string, text: string, records: SenmlRecord[]][] = [
  [
    'a single datapoint',
    '[{"n":"urn:dev:ow:10e2073a01080063","u":"Cel","v":23.1}]',
    [{ name: 'urn:dev:ow:10e2073a01080063', unit: 'Cel', value: 23.1, time: arrived }],
  ],
  [
    'multiple datapoints',
    '[{"bn":"urn:dev:ow:10e2073a01080063:","n":"voltage","u":"V","v":120.1},{"n":"current","u":"A","v":1.2}]',
    [
      { name: 'urn:dev:ow:10e2073a01080063:voltage', unit: 'V', value: 120.1, time: arrived },
      { name: 'urn:dev:ow:10e2073a01080063:current', unit: 'A', value: 1.2, time: arrived },
    ],
  ],
  [
    'times before a base time',
    '[{"bn":"urn:dev:ow:10e2073a0108006:","bt":1.276020076001e+09,"bu":"A","bver":5,"n":"voltage","u":"V","v":120.1},{"n":"current","t":-5,"v":1.2},{"n":"current","t":-4,"v":1.3}]',
    [
      { name: 'urn:dev:ow:10e2073a0108006:voltage', unit: 'V', value: 120.1, time: 1_276_020_076_001 },
      { name: 'urn:dev:ow:10e2073a0108006:current', unit: 'A', value: 1.2, time: 1_276_020_071_001 },
      { name: 'urn:dev:ow:10e2073a0108006:current', unit: 'A', value: 1.3, time: 1_276_020_072_001 },
    ],
  ],
  [
    'a base name as the whole name',
    '[{"bn":"urn:dev:ow:10e2073a01080063","bt":1.320067464e+09,"bu":"%RH","v":20},{"t":10,"v":20.5}]',
    [
      { name: 'urn:dev:ow:10e2073a01080063', unit: '%RH', value: 20, time: 1_320_067_464_000 },
      { name: 'urn:dev:ow:10e2073a01080063', unit: '%RH', value: 20.5, time: 1_320_067_474_000 },
    ],
  ],
  [
    'several kinds of values',
    '[{"bn":"urn:dev:ow:10e2073a01080063:","n":"temp","u":"Cel","v":23.1},{"n":"label","vs":"Machine Room"},{"n":"open","vb":false},{"n":"nfc-reader","vd":"aGkgCg"}]',
    [
      { name: 'urn:dev:ow:10e2073a01080063:temp', unit: 'Cel', value: 23.1, time: arrived },
      { name: 'urn:dev:ow:10e2073a01080063:label', value: 'Machine Room', time: arrived },
      { name: 'urn:dev:ow:10e2073a01080063:open', value: false, time: arrived },
      { name: 'urn:dev:ow:10e2073a01080063:nfc-reader', data: 'aGkgCg==', time: arrived },
    ],
  ],
]

describe('SenML', function () {
  this.timeout(60_000)

  for (const [what, text, records] of examples) {
    it(`reads ${what}`, () => assert.deepEqual(read(text), records))
    it(`reads ${what} in CBOR`, async () => {
      const pack = (JSON.parse(text) as Record<string, unknown>[]).map(({ vd, ...rest }) =>
        labelledRecord({ ...rest, ...(typeof vd === 'string' && { vd: Buffer.from(vd, 'base64url') }) }),
      )
      const bytes = (await openCbor()).encode!(pack, {})
      assert.deepEqual((await openSenmlCbor()).decode(bytes, { arrived }), records)
    })
  }

  it('reads the CBOR of RFC 8428, 6', async () => {
    const hex = `87a721781b75726e3a6465763a6f773a3130653230373361303130383030363a22fb41d303a15b00106223614120050067766f6c7461676501615602fb405e066666666666
      a3006763757272656e74062402fb3ff3333333333333 a3006763757272656e74062302fb3ff4cccccccccccd a3006763757272656e74062202fb3ff6666666666666
      a3006763757272656e74062102f93e00 a3006763757272656e74062002fb3ff999999999999a a3006763757272656e74060002fb3ffb333333333333`
    const records = (await openSenmlCbor()).decode(bytesOf(hex.replaceAll(/\s/g, '')), { arrived }) as SenmlRecord[]
    const [first, second, ...rest] = records
    assert.deepEqual(first, { name: 'urn:dev:ow:10e2073a0108006:voltage', unit: 'V', value: 120.1, time: 1_276_020_076_001 })
    assert.deepEqual(second, { name: 'urn:dev:ow:10e2073a0108006:current', unit: 'A', value: 1.2, time: 1_276_020_071_001 })
    assert.deepEqual(
      rest.map(({ value }) => value),
      [1.3, 1.4, 1.5, 1.6, 1.7],
    )
  })

  for (const [what, text, records] of [
    [
      'a base value with and without a value',
      '[{"bn":"a","bv":10,"v":1},{"n":"b"}]',
      [
        { name: 'a', value: 11, time: arrived },
        { name: 'ab', value: 10, time: arrived },
      ],
    ],
    [
      'sums',
      '[{"bn":"a","bs":5,"s":1},{"v":2}]',
      [
        { name: 'a', sum: 6, time: arrived },
        { name: 'a', value: 2, sum: 5, time: arrived },
      ],
    ],
    ['a record of base fields only', '[{"bn":"a","bt":1320067464},{"v":1}]', [{ name: 'a', value: 1, time: 1_320_067_464_000 }]],
    [
      'a time before now, and the time to the next',
      '[{"n":"a","v":1,"t":-10.5,"ut":60}]',
      [{ name: 'a', value: 1, time: arrived - 10_500, updateMs: 60_000 }],
    ],
    [
      'a number in the place of a base value for a text',
      '[{"n":"a","bv":1,"vs":"x"}]',
      [{ name: 'a', value: 'x', time: arrived }],
    ],
    ['fields that nobody knows', '[{"n":"a","v":1,"extra":2}]', [{ name: 'a', value: 1, time: arrived }]],
    [
      'numbers beyond 2^53',
      '[{"n":"a","v":12345678901234567890}]',
      [{ name: 'a', value: 12_345_678_901_234_567_000, time: arrived }],
    ],
  ] as const)
    it(`reads ${what}`, () => assert.deepEqual(read(text), records))

  it('leaves out a time that is now when nobody knows when that was', () =>
    assert.deepEqual(senmlJson.decode(Buffer.from('[{"n":"a","v":1}]'), {}), [{ name: 'a', value: 1 }]))

  for (const [what, text, told] of [
    ['no pack', '{"n":"a","v":1}', 'CODEC_INVALID at '],
    ['an empty pack', '[]', 'CODEC_INVALID at '],
    ['no record', '[1]', 'CODEC_INVALID at [0]'],
    ['a field that must be understood', '[{"n":"a","v":1,"new_":1}]', 'CODEC_INVALID at [0].new_'],
    ['version 11', '[{"bver":11,"n":"a","v":1}]', 'CODEC_INVALID at [0].bver'],
    ['two versions', '[{"bver":5,"n":"a","v":1},{"bver":6,"v":1}]', 'CODEC_INVALID at [1].bver'],
    ['two values', '[{"n":"a","v":1,"vb":true}]', 'CODEC_INVALID at [0]'],
    ['no value', '[{"n":"a"}]', 'CODEC_INVALID at [0]'],
    ['no name', '[{"v":1}]', 'CODEC_INVALID at [0].n'],
    ['a name that begins with a sign', '[{"n":"_a","v":1}]', 'CODEC_INVALID at [0].n'],
    ['a value that is a text', '[{"n":"a","v":"1"}]', 'CODEC_INVALID at [0].v'],
    ['bytes that are none', '[{"n":"a","vd":"*"}]', 'CODEC_INVALID at [0].vd'],
    ['a time beyond all dates', '[{"n":"a","v":1,"t":1e300}]', 'CODEC_INVALID at [0].t'],
    ['what is no JSON', '[{"n":"a","v":1}', 'CODEC_TRUNCATED at 16'],
  ] as const)
    it(`refuses ${what}`, () =>
      assert.equal(
        refusal(() => read(text)),
        told,
      ))

  it('refuses a time from now when nobody knows when that was', () =>
    assert.equal(
      refusal(() => senmlJson.decode(Buffer.from('[{"n":"a","v":1,"t":-1}]'), {})),
      'CODEC_INVALID at [0].t',
    ))

  it('writes what all records have in common once', () =>
    assert.equal(
      Buffer.from(
        senmlJson.encode!(
          [
            { name: 'urn:dev:1:t', unit: 'Cel', value: 1, time: 1_320_067_464_500 },
            { name: 'urn:dev:1:u', unit: 'Cel', data: '/+8=', time: 1_320_067_464_500 },
          ],
          {},
        ),
      ).toString(),
      '[{"bn":"urn:dev:1:","bt":1320067464.5,"bu":"Cel","n":"t","v":1},{"n":"u","vd":"_-8"}]',
    ))

  for (const [what, value, told] of [
    ['no record', [1], 'CODEC_INVALID at [0]'],
    ['nothing', [], 'CODEC_INVALID at '],
    ['no name', [{ value: 1 }], 'CODEC_INVALID at [0].name'],
    ['a wrong name', [{ name: ' a', value: 1 }], 'CODEC_INVALID at [0].name'],
    ['no value', [{ name: 'a' }], 'CODEC_INVALID at [0]'],
    ['a value that is a list', [{ name: 'a', value: [] }], 'CODEC_INVALID at [0].value'],
    ['an infinite value', [{ name: 'a', value: Number.POSITIVE_INFINITY }], 'CODEC_INVALID at [0].value'],
    ['a time that would count from now', [{ name: 'a', value: 1, time: 1000 }], 'CODEC_INVALID at [0].time'],
  ] as const)
    it(`does not write ${what}`, () =>
      assert.equal(
        refusal(() => senmlJson.encode!(value, {})),
        told,
      ))

  it('reads random records as it wrote them, in JSON and CBOR', async () => {
    const random = seeded(8428)
    const codecs: Codec[] = [senmlJson, await openSenmlCbor()]
    for (let i = 0; i < 400; i++) {
      const records = Array.from({ length: 1 + random.below(6) }, () => ({
        name: random.pick(['a', 'urn:dev:1:', 'urn:dev:1:x', 'urn:dev:2:y-z', 'b.c_d']),
        ...(random.below(2) && { unit: random.pick(['Cel', 'V']) }),
        ...random.pick([
          { value: random.next() },
          { value: random.below(2) === 0 },
          { value: 'té"xt' },
          { data: 'AQI=' },
          { sum: random.below(99) },
        ]),
        time: 1_700_000_000_000 + random.below(3) * 500,
        ...(random.below(3) === 0 && { updateMs: 1500 }),
      }))
      for (const codec of codecs) assert.deepEqual(codec.decode(codec.encode!(records, {}), {}), records)
    }
  })

  it('tells packs with random changes by its own errors only', async () => {
    const random = seeded(42)
    const cbor = await openSenmlCbor()
    for (let i = 0; i < 4000; i++) {
      const [, text, records] = random.pick(examples)
      const [codec, bytes] = random.below(2) ? [senmlJson, Buffer.from(text)] : [cbor, Buffer.from(cbor.encode!(records, {}))]
      for (let changes = random.below(3); changes >= 0; changes--) bytes[random.below(bytes.length)] = random.below(256)
      codedOnly(() => codec.decode(bytes, { arrived }))
    }
  })

  it('gives consecutive records of one time as a reading', () =>
    assert.deepEqual(
      readingsOfSenml([
        { name: 'a', value: 1, time: 5 },
        { name: 'b', data: 'AQ==', time: 5 },
        { name: 'c', sum: 3, time: 6 },
        { name: 'c', value: 4, time: 6 },
        { name: 'd', value: false },
      ]),
      [
        { time: 5, values: { a: 1, b: 'AQ==' } },
        { time: 6, values: { c: 3 } },
        { time: 6, values: { c: 4 } },
        { values: { d: false } },
      ],
    ))
})
