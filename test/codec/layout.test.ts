import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { codecOfType, contentTypeOf, openCodec } from '../../src/codec/codecs.ts'
import type { Layout, LayoutField, LayoutType } from '../../src/codec/layout/layout.ts'
import { layoutCodec } from '../../src/codec/layout/layout-codec.ts'
import { plainInteger } from '../../src/codec/plain.ts'
import type { LoomError } from '../../src/errors.ts'
import { seeded } from '../seeded.ts'
import { assertUnpolluted, bytesOf, codedOnly, refusal } from './codec-errors.ts'
import { randomLayout, valueIn } from './layout-model.ts'

const read = (hex: string, layout: unknown): any => layoutCodec({ layout: layout as Layout }).decode(bytesOf(hex), {})
const write = (value: unknown, layout: unknown): string =>
  Buffer.from(layoutCodec({ layout: layout as Layout }).encode!(value, {})).toString('hex')

const types: readonly [LayoutType, bytes: number, of: (view: DataView, at: number, little: boolean) => number | bigint][] = [
  ['uint8', 1, (view, at) => view.getUint8(at)],
  ['int8', 1, (view, at) => view.getInt8(at)],
  ['uint16', 2, (view, at, little) => view.getUint16(at, little)],
  ['int16', 2, (view, at, little) => view.getInt16(at, little)],
  ['uint24', 3, (view, at, little) => Buffer.from(view.buffer)[little ? 'readUIntLE' : 'readUIntBE'](at, 3)],
  ['int24', 3, (view, at, little) => Buffer.from(view.buffer)[little ? 'readIntLE' : 'readIntBE'](at, 3)],
  ['uint32', 4, (view, at, little) => view.getUint32(at, little)],
  ['int32', 4, (view, at, little) => view.getInt32(at, little)],
  ['uint64', 8, (view, at, little) => view.getBigUint64(at, little)],
  ['int64', 8, (view, at, little) => view.getBigInt64(at, little)],
  ['float32', 4, (view, at, little) => view.getFloat32(at, little)],
  ['float64', 8, (view, at, little) => view.getFloat64(at, little)],
]

/** ABCD as CDAB. */
const wordsSwapped = (bytes: Uint8Array): Uint8Array =>
  Buffer.concat(Array.from({ length: bytes.length / 2 }, (_, i) => bytes.subarray(2 * i, 2 * i + 2)).reverse())

describe('layouts of bits and bytes', function () {
  this.timeout(60_000)

  for (const [type, size, readAs] of types)
    for (const endian of ['big', 'little', 'big-swapped', 'little-swapped'] as const) {
      const swapped = endian.endsWith('swapped') && size > 1
      if (swapped && size % 2) continue
      it(`reads and writes ${type}, ${endian}`, () => {
        const random = seeded(size + endian.length)
        const codec = layoutCodec({ layout: [{ name: 'x', type, at: 3, endian }] })
        for (let i = 0; i < 200; i++) {
          const bytes = Uint8Array.from({ length: 3 + size }, (_, at) =>
            at < 3 ? 0 : i < 4 ? [0, 255, 127, 128][i]! : random.below(256),
          )
          const value = Uint8Array.from([
            ...bytes.subarray(0, 3),
            ...(swapped ? wordsSwapped(bytes.subarray(3)) : bytes.subarray(3)),
          ])
          const raw = readAs(new DataView(value.buffer), 3, endian.startsWith('little'))
          const expected = typeof raw === 'bigint' ? plainInteger(raw) : Number.isFinite(raw) ? raw : null
          assert.deepEqual(codec.decode(bytes, {}), { x: expected })
          if (expected !== null) assert.deepEqual(Uint8Array.from(codec.encode!({ x: expected }, {})), bytes)
        }
      })
    }

  it('reads bits of every size at every bit as a walk from bit to bit does, and writes them', () => {
    for (let seed = 0; seed < 1500; seed++) {
      const random = seeded(seed)
      const placed = randomLayout(random, 1 + random.below(8))
      const all = placed.flatMap(({ bits }) => bits)
      const length = Math.floor(Math.max(...all) / 8) + 1
      const bytes = Buffer.from(Array.from({ length }, () => random.below(256)))
      const codec = layoutCodec({ layout: placed.map(({ field }) => field) })
      const expected = Object.fromEntries(placed.map(one => [one.field.name, valueIn(bytes, one)]))
      assert.deepEqual(codec.decode(bytes, {}), expected, `seed ${seed}`)
      const own = Buffer.alloc(length)
      for (const bit of all) own[bit >> 3]! |= bytes[bit >> 3]! & (0x80 >> (bit % 8))
      assert.equal(Buffer.from(codec.encode!(expected, {})).toString('hex'), own.toString('hex'), `seed ${seed}`)
    }
  })

  for (const [what, hex, layout, value] of [
    [
      'registers of Modbus with swapped words',
      '00e6 0fdb 4049 0bb8 0001',
      {
        endian: 'big-swapped',
        fields: [
          { name: 'voltage', type: 'uint16', unit: 'V' },
          { name: 'pi', type: 'float32' },
          { name: 'energy', type: 'uint32', scale: 0.01, unit: 'kWh' },
        ],
      },
      { voltage: 230, pi: 3.1415927410125732, energy: 685.36 },
    ],
    [
      'a frame of LoRaWAN with bits, a name for no value and a map',
      'cbf6 0b0d 0176 01 7fff',
      [
        { name: 'battery', type: 'bits', length: 2, map: { 0: 'low', 1: 'fair', 2: 'good', 3: 'full' } },
        { name: 'volts', type: 'bits', length: 14, scale: 0.001 },
        { name: 't', type: 'int16', scale: 0.01 },
        { name: 'rh', type: 'uint16', scale: 0.1 },
        { name: 'probe', type: 'uint8' },
        { name: 'out', type: 'int16', scale: 0.01, map: { 32767: null }, if: { name: 'probe', equals: [1, 2] } },
      ],
      { battery: 'full', volts: 3.062, t: 28.29, rh: 37.4, probe: 1, out: null },
    ],
    [
      'signals of CAN across bytes, Intel and Motorola',
      '00 30 12 00 ab c0 00 80',
      [
        { name: 'speed', type: 'bits', bit: 12, length: 12, endian: 'little', scale: 0.0625 },
        { name: 'torque', type: 'bits', bit: 39, length: 12, signed: true, scale: 0.5, offset: -100 },
        { name: 'brake', type: 'bool', at: 7, bit: 7 },
      ],
      { speed: 18.1875, torque: -774, brake: true },
    ],
    [
      'texts, bytes and decimal digits',
      '6162 0000 000102 1234 78563412',
      [
        { name: 'text', type: 'text', length: 4 },
        { name: 'bytes', type: 'bytes', length: 3 },
        { name: 'bcd', type: 'bcd', length: 2, scale: 0.1 },
        { name: 'id', type: 'bcd', length: 4, endian: 'little' },
      ],
      { text: 'ab', bytes: 'AAEC', bcd: 123.4, id: 12345678 },
    ],
    [
      'the rest as text',
      '02 c3a4 62',
      [
        { name: 'n', type: 'uint8' },
        { name: 'rest', type: 'text' },
      ],
      { n: 2, rest: 'äb' },
    ],
    [
      'the rest that is nothing',
      '02',
      [
        { name: 'n', type: 'uint8' },
        { name: 'rest', type: 'bytes' },
      ],
      { n: 2, rest: '' },
    ],
    ['digits beyond 2^53', '9999999999999999', [{ name: 'x', type: 'bcd', length: 8 }], { x: '9999999999999999' }],
    [
      'flags one behind the other, from the top and from the bottom',
      'a0 05',
      [
        ...['a', 'b', 'c'].map(name => ({ name, type: 'bool' })),
        ...['d', 'e', 'f'].map(name => ({ name, type: 'bool', endian: 'little', map: { 1: 'on', 0: 'off' } })),
      ],
      { a: true, b: false, c: true, d: 'on', e: 'off', f: 'on' },
    ],
    [
      'the fields of one kind of message, and where the next stands without the others',
      '02 0010 ff',
      [
        { name: 'kind', type: 'uint8', map: { 1: 'short', 2: 'long' } },
        { name: 'v', type: 'int8', if: { name: 'kind', equals: 'short' } },
        { name: 'v', type: 'int16', if: { name: 'kind', equals: 'long' } },
        { name: 'end', type: 'uint8' },
      ],
      { kind: 'long', v: 16, end: 255 },
    ],
    [
      'rows behind a head, each with its values',
      '07 0001 0a 0002 0b',
      {
        fields: [{ name: 'gw', type: 'uint8' }],
        rows: [
          { name: 'n', type: 'uint16' },
          { name: 't', type: 'int8' },
        ],
      },
      [
        { gw: 7, n: 1, t: 10 },
        { gw: 7, n: 2, t: 11 },
      ],
    ],
    [
      'rows of a fixed size with room, of bits that count from the row',
      '0100 00 2000 00',
      { rows: [{ name: 'x', type: 'bits', bit: 7, length: 8 }], every: 3 },
      [{ x: 1 }, { x: 32 }],
    ],
    [
      'rows as long as their fields',
      '01 0a 02 0bbb 01 0c',
      {
        rows: [
          { name: 'k', type: 'uint8' },
          { name: 's', type: 'uint8', if: { name: 'k', equals: 1 } },
          { name: 'l', type: 'uint16', if: { name: 'k', equals: 2 } },
        ],
      },
      [
        { k: 1, s: 10 },
        { k: 2, l: 3003 },
        { k: 1, s: 12 },
      ],
    ],
    ['a name that objects have', '05', [{ name: '__proto__', type: 'uint8' }], JSON.parse('{"__proto__": 5}')],
  ] as [string, string, unknown, unknown][]) {
    it(`reads ${what}`, () => assert.deepEqual(read(hex, layout), value))
    it(`writes ${what}`, () => assert.equal(write(value, layout), bytesOf(hex).toString('hex')))
  }

  it('reads the examples of the documentation as it says', () => {
    const page = readFileSync('docs/codecs.md', 'utf8').split('## Bits and bytes')[1]!
    const examples = [...page.matchAll(/`([0-9a-f]{2,4} [0-9a-f ]+)`,? .*?(?:is|It is) `([{[].+?)` by\n\n```json\n(.+?)```/gs)]
    assert.equal(examples.length, 4)
    for (const [, hex, value, layout] of examples) {
      assert.deepEqual(read(hex!, JSON.parse(layout!)), JSON.parse(value!))
      assert.equal(write(JSON.parse(value!), JSON.parse(layout!)), hex!.replaceAll(' ', ''))
    }
  })

  it('gives scaled values without noise, and writes the nearest step', () => {
    const random = seeded(7)
    for (const scale of [0.1, 0.01, 0.3, 0.0625, 1e-7, 25, -0.5, 0.1 / 3])
      for (const offset of [0, -40, 0.05, 1000]) {
        const codec = layoutCodec({ layout: [{ name: 'x', type: 'int32', scale, offset }] })
        for (let i = 0; i < 50; i++) {
          const raw = i === 0 ? 0 : random.below(2 ** 32) - 2 ** 31
          const bytes = Buffer.alloc(4)
          bytes.writeInt32BE(raw)
          const { x } = codec.decode(bytes, {}) as { x: number }
          const places = 10_000_000
          if (scale !== 0.1 / 3) {
            const exact = BigInt(raw) * BigInt(Math.round(scale * places)) + BigInt(Math.round(offset * places))
            const digits = String(exact < 0n ? -exact : exact).padStart(8, '0')
            assert.equal(x, Number(`${exact < 0n ? '-' : ''}${digits.slice(0, -7)}.${digits.slice(-7)}`) + 0)
          }
          assert.equal(Buffer.from(codec.encode!({ x }, {})).readInt32BE(), raw)
        }
      }
    assert.equal(write({ x: 21.26 }, [{ name: 'x', type: 'int16', scale: 0.1 }]), '00d5')
  })

  it('writes numbers of 64 bits as text, bigint and number, and no value of a float as NaN', () => {
    const layout = [{ name: 'x', type: 'uint64' }]
    for (const x of ['18446744073709551615', 2n ** 64n - 1n]) assert.equal(write({ x }, layout), 'f'.repeat(16))
    assert.equal(write({ x: 1 }, layout), '0000000000000001')
    assert.deepEqual(read(write({ x: null }, [{ name: 'x', type: 'float32' }]), [{ name: 'x', type: 'float32' }]), { x: null })
    assert.equal(write({ x: Buffer.from([1, 2]) }, [{ name: 'x', type: 'bytes' }]), '0102')
  })

  it('passes over bytes behind the last field, and writes zero where no field is', () => {
    const layout = [{ name: 'x', type: 'uint8', at: 2 }]
    assert.deepEqual(read('ffff05ffff', layout), { x: 5 })
    assert.equal(write({ x: 5, other: 1 }, layout), '000005')
  })

  it('writes the later of two fields in the same bits', () => {
    const layout = [
      { name: 'all', type: 'uint8' },
      { name: 'high', type: 'bits', at: 0, bit: 7, length: 4 },
    ]
    assert.equal(write({ all: 255, high: 0 }, layout), '0f')
  })

  for (const [what, hex, layout, at, says] of [
    [
      'a field',
      '0001 02',
      [
        { name: 'a', type: 'uint16' },
        { name: 'b', type: 'int16' },
      ],
      3,
      'field "b" would end at byte 4, there are 3',
    ],
    ['bits', '01', [{ name: 'a', type: 'bits', bit: 4, length: 8, endian: 'little' }], 1, 'field "a" would end at byte 2'],
    ['the start of the rest', '01', [{ name: 'a', type: 'text', at: 3 }], 1, 'field "a"'],
    [
      'a row',
      '01 0203 04',
      { fields: [{ name: 'h', type: 'uint8' }], rows: [{ name: 'b', type: 'uint16' }] },
      4,
      'field "[1].b"',
    ],
    ['a row of a fixed size', '010203', { rows: [{ name: 'b', type: 'uint8' }], every: 2 }, 3, 'row 1'],
  ] as [string, string, unknown, number, string][])
    it(`tells ${what} that the payload ends before`, () =>
      assert.throws(
        () => read(hex, layout),
        (error: LoomError) => {
          assert.deepEqual([error.code, error.position], ['CODEC_TRUNCATED', at])
          assert.ok(error.message.includes(says), error.message)
          return true
        },
      ))

  for (const [what, hex, layout, says] of [
    ['digits that are none', '1a', [{ name: 'a', type: 'bcd', length: 1 }], 'CODEC_FORMAT at 0'],
    ['a text that is not UTF-8', '61ff', [{ name: 'a', type: 'text' }], 'CODEC_FORMAT at 1'],
    [
      'a row of nothing',
      '01 02',
      { fields: [{ name: 'h', type: 'uint8' }], rows: [{ name: 'a', type: 'uint8', if: { name: 'h', equals: 2 } }] },
      'CODEC_FORMAT at 1',
    ],
    ['a field beyond its row', '0102', { rows: [{ name: 'a', type: 'uint16' }], every: 1 }, 'CODEC_INVALID at [0].a'],
    ['too many rows', '00'.repeat(100_001), { rows: [{ name: 'a', type: 'uint8' }] }, 'CODEC_LIMIT at 100000'],
  ] as [string, string, unknown, string][])
    it(`refuses ${what}`, () =>
      assert.equal(
        refusal(() => read(hex, layout)),
        says,
      ))

  const rowed = { fields: [{ name: 'h', type: 'uint8' }], rows: [{ name: 'a', type: 'uint8' }] }
  for (const [what, value, layout, says] of [
    ['a number that is too large', { a: 256 }, [{ name: 'a', type: 'uint8' }], 'CODEC_INVALID at a'],
    ['a number that is too small', { a: -129 }, [{ name: 'a', type: 'int8' }], 'CODEC_INVALID at a'],
    ['a scaled number that is too large', { a: 3276.8 }, [{ name: 'a', type: 'int16', scale: 0.1 }], 'CODEC_INVALID at a'],
    ['2^64', { a: 2 ** 64 }, [{ name: 'a', type: 'uint64' }], 'CODEC_INVALID at a'],
    ['infinity', { a: Number.POSITIVE_INFINITY }, [{ name: 'a', type: 'int64' }], 'CODEC_INVALID at a'],
    ['too large for a float', { a: 1e39 }, [{ name: 'a', type: 'float32' }], 'CODEC_INVALID at a'],
    ['a text as a float', { a: '1' }, [{ name: 'a', type: 'float64' }], 'CODEC_INVALID at a'],
    ['a text as a number', { a: 'x' }, [{ name: 'a', type: 'uint8' }], 'CODEC_INVALID at a'],
    ['null as a number', { a: null }, [{ name: 'a', type: 'uint8' }], 'CODEC_INVALID at a'],
    ['a name that the map has not', { a: 'odd' }, [{ name: 'a', type: 'uint8', map: { 1: 'on' } }], 'CODEC_INVALID at a'],
    ['a number as a flag', { a: 1 }, [{ name: 'a', type: 'bool' }], 'CODEC_INVALID at a'],
    ['a missing value', { b: 1 }, [{ name: 'a', type: 'uint8' }], 'CODEC_INVALID at a'],
    ['an inherited value', {}, [{ name: 'toString', type: 'text' }], 'CODEC_INVALID at toString'],
    ['a text that is too long', { a: 'äb' }, [{ name: 'a', type: 'text', length: 2 }], 'CODEC_INVALID at a'],
    ['a text with NUL', { a: 'a\0' }, [{ name: 'a', type: 'text' }], 'CODEC_INVALID at a'],
    ['bytes of another length', { a: 'AAEC' }, [{ name: 'a', type: 'bytes', length: 2 }], 'CODEC_INVALID at a'],
    ['bytes that are not base64', { a: '?' }, [{ name: 'a', type: 'bytes' }], 'CODEC_INVALID at a'],
    ['too many digits', { a: 100 }, [{ name: 'a', type: 'bcd', length: 1 }], 'CODEC_INVALID at a'],
    ['digits below zero', { a: -1 }, [{ name: 'a', type: 'bcd', length: 1 }], 'CODEC_INVALID at a'],
    ['a list without rows', [{ a: 1 }], [{ name: 'a', type: 'uint8' }], 'CODEC_INVALID at '],
    ['a value of no row', { h: 1 }, rowed, 'CODEC_INVALID at [0].a'],
    [
      'a head that differs',
      [
        { h: 1, a: 1 },
        { h: 2, a: 1 },
      ],
      rowed,
      'CODEC_INVALID at [1].h',
    ],
    ['a head without rows', [], rowed, 'CODEC_INVALID at '],
    ['a row that is no object', [{ h: 1, a: 1 }, 3], rowed, 'CODEC_INVALID at [1]'],
    ['more than a payload may have', { a: 'x'.repeat(1_048_577) }, [{ name: 'a', type: 'text' }], 'CODEC_LIMIT at 1048576'],
  ] as [string, unknown, unknown, string][])
    it(`does not write ${what}`, () =>
      assert.equal(
        refusal(() => write(value, layout)),
        says,
      ))

  it('says which values a field can hold', () => {
    const layout = [{ name: 'a', type: 'int16', scale: -0.1, map: { 7: 'off' } }]
    assert.throws(() => write({ a: 4000 }, layout), /a: not a number from -3276\.7 to 3276\.8, nor one of "off"$/)
  })

  const one = (more: object): unknown => [{ name: 'a', type: 'uint8', ...more }]
  for (const [what, layout, path] of [
    ['nothing', undefined, ''],
    ['a text', 'x', ''],
    ['no fields', [], ''],
    ['an object without fields', {}, 'fields'],
    ['no rows', { rows: [] }, 'rows'],
    ['a member that is unknown', { fields: one({}), repeat: 1 }, ''],
    ['a distance without rows', { fields: one({}), every: 1 }, 'every'],
    ['a distance of nothing', { rows: one({}), every: 0 }, 'every'],
    ['a field that is no object', ['a'], '[0]'],
    ['a field without a name', [{ type: 'uint8' }], '[0].name'],
    ['a field with a long name', one({ name: 'n'.repeat(129) }), '[0].name'],
    ['a type that is unknown', one({ type: 'constructor' }), '[0].type'],
    ['a member that the type has not', one({ length: 1 }), '[0]'],
    ['a byte below zero', one({ at: -1 }), '[0].at'],
    ['a byte far away', one({ at: 65_536 }), '[0].at'],
    ['half a byte', one({ at: 0.5 }), '[0].at'],
    ['a number of 65 bits', one({ type: 'bits', length: 65 }), '[0].length'],
    ['bits without a length', one({ type: 'bits' }), '[0].length'],
    ['nine bytes of digits', one({ type: 'bcd', length: 9 }), '[0].length'],
    [
      'a rest that something follows',
      [
        { name: 'a', type: 'text' },
        { name: 'b', type: 'uint8' },
      ],
      '[0].length',
    ],
    ['a rest before rows', { fields: [{ name: 'a', type: 'text' }], rows: one({ name: 'b' }) }, 'fields[0].length'],
    ['a rest in rows', { rows: [{ name: 'a', type: 'bytes' }] }, 'rows[0].length'],
    ['an order that is unknown', one({ endian: 'middle' }), '[0].endian'],
    ['an order for all that is unknown', { endian: 1, fields: one({}) }, 'endian'],
    ['swapped words of 24 bits', one({ type: 'int24', endian: 'big-swapped' }), '[0].endian'],
    ['swapped words of bits', one({ type: 'bits', length: 16, endian: 'big-swapped' }), '[0].endian'],
    ['a flag without its bit', one({ type: 'bool', at: 1 }), '[0].bit'],
    ['a sign that is neither', one({ type: 'bits', length: 3, signed: 1 }), '[0].signed'],
    ['a scale of 0', one({ scale: 0 }), '[0].scale'],
    ['a scale that is text', one({ scale: '0.1' }), '[0].scale'],
    ['an offset that is none', one({ offset: null }), '[0].offset'],
    ['a unit that is no text', one({ unit: 1 }), '[0].unit'],
    ['a map that is a list', one({ map: [] }), '[0].map'],
    ['a map of names', one({ map: { on: 1 } }), '[0].map'],
    ['a map to objects', one({ map: { 1: {} } }), '[0].map.1'],
    ['a condition without a name', one({ if: {} }), '[0].if'],
    ['a condition without a value', one({ if: { name: 'a' } }), '[0].if.equals'],
    ['a condition of a later field', one({ if: { name: 'a', equals: 1 } }), '[0].if.name'],
    ['a name twice', [...(one({}) as LayoutField[]), ...(one({}) as LayoutField[])], '[1].name'],
    ['a name of the head in rows', { fields: one({}), rows: one({}) }, 'rows[0].name'],
    ['too many fields', Array.from({ length: 1001 }, (_, i) => ({ name: `f${i}`, type: 'uint8' })), ''],
  ] as [string, unknown, string][])
    it(`tells a layout of ${what}`, () =>
      assert.equal(
        refusal(() => layoutCodec({ layout: layout as Layout })),
        `CODEC_INVALID at ${path}`,
      ))

  it('is found by no content type', async () => {
    const codec = await openCodec('layout', { layout: [{ name: 'a', type: 'uint8' }] })
    assert.deepEqual(codec.decode(bytesOf('05'), {}), { a: 5 })
    assert.equal(contentTypeOf('layout'), 'application/octet-stream')
    assert.equal(codecOfType('application/octet-stream'), undefined)
  })

  it('tells random bytes by its own errors only', () => {
    const random = seeded(44)
    for (let i = 0; i < 3000; i++) {
      const layout = randomLayout(random, 1 + random.below(5)).map(({ field }) => field)
      const codec = layoutCodec({ layout: random.below(2) ? layout : { rows: layout } })
      codedOnly(() => codec.decode(Buffer.from(Array.from({ length: random.below(40) }, () => random.below(256))), {}))
    }
    assertUnpolluted()
  })
})
