import assert from 'node:assert/strict'
import { detectCodec } from '../../src/codec/codecs.ts'
import { jsonFault } from '../../src/codec/json-fault.ts'
import { jsonCodec } from '../../src/codec/json.ts'
import { wideBytes } from '../../src/telemetry/unicode.ts'
import { seeded } from '../seeded.ts'
import { refusal } from './codec-errors.ts'

const decode = (text: string | Uint8Array): unknown => jsonCodec.decode(Buffer.from(text as string), {})

describe('JSON', function () {
  this.timeout(60_000)

  for (const [what, text, value] of [
    ['an object', '{"a":[1,2.5,null,true,"x"]}', { a: [1, 2.5, null, true, 'x'] }],
    ['a byte order mark', '\uFEFF[1]', [1]],
    ['two members by one name: the last', '{"a":1,"a":2}', { a: 2 }],
    ['the largest safe number', '[9007199254740991,-9007199254740991]', [9007199254740991, -9007199254740991]],
    ['whole numbers beyond as text', '[9007199254740992,-18446744073709551616]', ['9007199254740992', '-18446744073709551616']],
    ['digits in texts', '["12345678901234567890"]', ['12345678901234567890']],
    ['long fractions', '[0.12345678901234567890]', [0.12345678901234568]],
    ['what no double holds as null', '[1e400,-1E+999,1e-400]', [null, null, 0]],
  ] as const)
    it(`reads ${what}`, () => assert.deepEqual(decode(text), value))

  it('reads a member __proto__ as an own member', () => {
    for (const text of ['{"__proto__":{"polluted":1}}', '{"__proto__":{"polluted":12345678901234567890}}']) {
      const value = decode(text) as object
      assert.equal(Object.getPrototypeOf(value), Object.prototype)
      assert.deepEqual(Object.keys(value), ['__proto__'])
    }
  })

  for (const [what, text, told] of [
    ['nothing', '', 'CODEC_TRUNCATED at 0'],
    ['an open list', '[1,2', 'CODEC_TRUNCATED at 4'],
    ['an open text', '{"a":"x', 'CODEC_TRUNCATED at 7'],
    ['an open escape', '["\\u00', 'CODEC_TRUNCATED at 6'],
    ['half a word', '[tru', 'CODEC_TRUNCATED at 4'],
    ['half a number', '-', 'CODEC_TRUNCATED at 1'],
    ['a comma at the end', '{"a":1,}', 'CODEC_FORMAT at 7'],
    ['NaN', '{"é":NaN}', 'CODEC_FORMAT at 6'],
    ['a fault behind a byte order mark', '\uFEFF[x]', 'CODEC_FORMAT at 4'],
    ['a missing comma', '[1 2]', 'CODEC_FORMAT at 3'],
    ['a second value', '{"a":1} 2', 'CODEC_FORMAT at 8'],
    ['a leading zero', '[01]', 'CODEC_FORMAT at 1'],
    ['a name without quotes', '{a:1}', 'CODEC_FORMAT at 1'],
    ['the wrong bracket', '[1}', 'CODEC_FORMAT at 2'],
    ['an unknown escape', '["\\x"]', 'CODEC_FORMAT at 1'],
    ['a line break in a text', '["\n"]', 'CODEC_FORMAT at 1'],
  ] as const)
    it(`refuses ${what}`, () =>
      assert.equal(
        refusal(() => decode(text)),
        told,
      ))

  for (const width of [2, 4] as const)
    for (const littleEndian of [true, false])
      for (const marked of [true, false]) {
        const context = marked ? {} : { contentEncoding: `utf-${8 * width}` }
        const wide = (text: string): Uint8Array => wideBytes(text, { width, littleEndian, marked })
        const told = (text: string) => refusal(() => jsonCodec.decode(wide(text), context))
        it(`of UTF-${8 * width}, ${littleEndian ? 'little' : 'big'} end first${marked ? ', marked' : ''}, is the same in all but its bytes`, () => {
          const from = marked ? width : 0
          const text = '{"ö":["𝄞",12345678901234567890]}'
          assert.deepEqual(jsonCodec.decode(wide(text), context), { ö: ['𝄞', '12345678901234567890'] })
          assert.equal(detectCodec(wide(` ${text}\n`), context), 'json')
          assert.equal(detectCodec(wide('"x"'), context), undefined)
          assert.equal(told('{"ö𝄞":NaN}'), `CODEC_FORMAT at ${from + width * (width === 2 ? 7 : 6)}`)
          assert.equal(told('[1,2'), `CODEC_TRUNCATED at ${from + width * 4}`)
          assert.equal(told('['.repeat(65)), `CODEC_LIMIT at ${from + width * 64}`)
          assert.equal(told(`["ö${'",1,"'.repeat(60_000)}`).split(' ')[0], 'CODEC_LIMIT')
        })
      }

  it('of UTF-16 that is none is refused at its first byte that is wrong', () =>
    assert.equal(
      refusal(() => jsonCodec.decode(Buffer.from('fffe220000dc2200', 'hex'), {})),
      'CODEC_FORMAT at 4',
    ))

  it('refuses what is not UTF-8 at its first byte', () => {
    assert.equal(
      refusal(() => decode(Buffer.from('5b22c3a9c328225d', 'hex'))),
      'CODEC_FORMAT at 5',
    )
    assert.equal(
      refusal(() => decode(Buffer.from('5b22eda080225d', 'hex'))),
      'CODEC_FORMAT at 3',
    )
  })

  it('takes 64 levels and refuses 65', () => {
    const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels)
    decode(nested(64))
    assert.equal(
      refusal(() => decode(nested(65))),
      'CODEC_LIMIT at 64',
    )
    assert.equal(
      refusal(() => decode('['.repeat(500_000))),
      'CODEC_LIMIT at 64',
    )
    decode(JSON.stringify(['['.repeat(1000), '"['.repeat(1000)]))
  })

  it('refuses more than 100,000 elements and more than 1 MiB, 16 MiB if they were compressed', () => {
    assert.equal((decode(`[${'1,'.repeat(99_000)}1]`) as unknown[]).length, 99_001)
    assert.equal(
      refusal(() => decode(`[${'1,'.repeat(100_000)}1]`)),
      'CODEC_LIMIT at 199998',
    )
    const long = Buffer.from(JSON.stringify('x'.repeat(1_048_576)))
    assert.equal(
      refusal(() => decode(long)),
      'CODEC_LIMIT at 1048576',
    )
    assert.equal(String(jsonCodec.decode(long, { inflated: true })).length, 1_048_576)
    assert.equal(
      refusal(() => jsonCodec.decode(Buffer.alloc(16_777_217), { inflated: true })),
      'CODEC_LIMIT at 16777216',
    )
  })

  it('finds a fault wherever JSON.parse does, in texts with random changes', () => {
    const random = seeded(8259)
    const sample = '{"a":[1,-2.5e3,"x\\u0041\\n",{}],"b":{"c":null,"d":[true,false]}, "e" : [] }'
    const letters = '{}[],:"\\ntrue-+.0e19 \u0001'
    for (let i = 0; i < 10_000; i++) {
      let text = sample
      for (let changes = 1 + random.below(2); changes > 0; changes--) {
        const at = random.below(text.length)
        text = random.pick([
          text.slice(0, at),
          text.slice(0, at) + text.slice(at + 1),
          text.slice(0, at) + random.pick([...letters]) + text.slice(at),
        ])
      }
      let valid = true
      try {
        JSON.parse(text)
      } catch {
        valid = false
      }
      const { at, ended } = jsonFault(text)
      if (valid) assert.ok(at === text.length && !ended, text)
      else assert.ok(ended || at < text.length, text)
      // Whatever stands before the fault can be the beginning of JSON.
      if (!valid && !ended) assert.ok(jsonFault(text.slice(0, at)).ended || jsonFault(text.slice(0, at)).at === at, text)
    }
  })

  it('tells the fault of long texts in one go', () => {
    const escapes = `["${'\\n'.repeat(500_000)}", x]`
    assert.equal(
      refusal(() => decode(escapes)),
      'CODEC_FORMAT at 1000005',
    )
  })

  it('writes values that JSON has no words for', () => {
    const value = {
      big: 2n ** 64n,
      bytes: new Uint8Array([1, 2]),
      at: new Date(5),
      none: undefined,
      list: [undefined, Number.NaN],
    }
    const written = '{"big":"18446744073709551616","bytes":"AQI=","at":5,"list":[null,null]}'
    assert.equal(Buffer.from(jsonCodec.encode!(value, {})).toString(), written)
  })
})
