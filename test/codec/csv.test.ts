import assert from 'node:assert/strict'
import type { CsvOptions } from '../../src/codec/csv.ts'
import { csvCodec } from '../../src/codec/csv.ts'
import { seeded } from '../seeded.ts'
import { assertUnpolluted, codedOnly, refusal } from './codec-errors.ts'

const read = (text: string, options?: CsvOptions): unknown => csvCodec(options).decode(Buffer.from(text), {})
const write = (value: unknown, options?: CsvOptions): string => Buffer.from(csvCodec(options).encode!(value, {})).toString()

describe('CSV', function () {
  this.timeout(60_000)

  for (const [what, text, value, options] of [
    // RFC 4180, 2
    [
      'rows that end in CR LF',
      'a,b\r\nxxx,yyy\r\nzzz,w\r\n',
      [
        { a: 'xxx', b: 'yyy' },
        { a: 'zzz', b: 'w' },
      ],
    ],
    ['a last row without an end', 'a,b\r\nxxx,yyy', [{ a: 'xxx', b: 'yyy' }]],
    ['no row at all', 'a,b\n', []],
    ['nothing', '', []],
    ['spaces, which belong to a text', 'a,b\n x,y ', [{ a: ' x', b: 'y ' }]],
    ['quotes', 'a,b,c\n"aaa","b\r\nbb","c,c"', [{ a: 'aaa', b: 'b\r\nbb', c: 'c,c' }]],
    ['doubled quotes', 'a,b\n"b""bb",""""', [{ a: 'b"bb', b: '"' }]],
    ['a byte order mark', '\uFEFFa\n1', [{ a: 1 }]],
    ['an empty field as absent', 'a,b\n,0', [{ b: 0 }]],
    ['a short row', 'a,b\n1', [{ a: 1 }]],
    [
      'numbers where no digit is lost',
      'a,b,c,d,e\n1.50,-2e3,007,12345678901234567,+1',
      [{ a: 1.5, b: -2000, c: '007', d: '12345678901234567', e: '+1' }],
    ],
    [
      'a list of columns',
      '1,2\n3,4',
      [
        { x: 1, y: 2 },
        { x: 3, y: 4 },
      ],
      { columns: ['x', 'y'] },
    ],
    ['other names than the first row has', 'a,b\n1,2', [{ x: 1, y: 2 }], { columns: ['x', 'y'], header: true }],
    ['semicolons and decimal commas', 'a;b;c\n1,5;-2;1.5', [{ a: 1.5, b: -2, c: '1.5' }], { decimal: ',' }],
    ['tabs', 'a\tb\n1,5\tx', [{ a: '1,5', b: 'x' }], { separator: '\t' }],
    [
      'types of columns',
      'id,on,off,at,day,v\n007,true,0,2026-01-02T03:04:05.5+01:00,2026-01-02, 1',
      [{ id: '007', on: true, off: false, at: Date.parse('2026-01-02T02:04:05.500Z'), day: Date.parse('2026-01-02'), v: 1 }],
      { types: { id: 'text', on: 'boolean', off: 'boolean', at: 'time', day: 'time', v: 'number' } },
    ],
  ] as [string, string, unknown, CsvOptions?][])
    it(`reads ${what}`, () => assert.deepEqual(read(text, options), value))

  it('reads a column __proto__ as an own member', () => {
    const [row] = read('__proto__,a\n1,2') as object[]
    assert.deepEqual(Object.entries(row!), [
      ['__proto__', 1],
      ['a', 2],
    ])
    assertUnpolluted()
  })

  for (const [what, text, told, options] of [
    ['an open quote', 'a,b\n1,"2', 'CODEC_TRUNCATED at 8'],
    ['a stray quote', 'a\n1\nx"y', 'CODEC_FORMAT at 4'],
    ['text behind a quote', 'a\n"é"x', 'CODEC_FORMAT at 2'],
    ['a long row', 'a\n1,2', 'CODEC_FORMAT at 2'],
    ['a column without a name', 'a,\n1,2', 'CODEC_FORMAT at 0'],
    ['a name that is there twice', 'a,a\n1,2', 'CODEC_FORMAT at 0'],
    ['1,001 columns', ','.repeat(1000), 'CODEC_LIMIT at 0'],
    ['a row of 70,000 characters', `a\n${'x'.repeat(70_000)}`, 'CODEC_LIMIT at 2'],
    ['100,001 fields', `a,b\n${'1,\n'.repeat(50_000)}`, 'CODEC_LIMIT at 150001'],
    ['no number', 'a\n1\nx', 'CODEC_INVALID at [1].a', { types: { a: 'number' } }],
    ['an infinite number', 'a\n1e999', 'CODEC_INVALID at [0].a', { types: { a: 'number' } }],
    ['no truth value', 'a\nyes', 'CODEC_INVALID at [0].a', { types: { a: 'boolean' } }],
    ['no time', 'a\n1', 'CODEC_INVALID at [0].a', { types: { a: 'time' } }],
    ['a 30th of February', 'a\n2026-02-99', 'CODEC_INVALID at [0].a', { types: { a: 'time' } }],
    ['a separator that is the decimal sign', '', 'CODEC_INVALID at separator', { separator: ',', decimal: ',' }],
    ['a separator of two characters', '', 'CODEC_INVALID at separator', { separator: '::' }],
    ['columns that are there twice', '', 'CODEC_INVALID at columns', { columns: ['a', 'a'] }],
    ['neither columns nor a row of names', '', 'CODEC_INVALID at columns', { header: false }],
  ] as [string, string, string, CsvOptions?][])
    it(`refuses ${what}`, () =>
      assert.equal(
        refusal(() => read(text, options)),
        told,
      ))

  it('refuses what is not UTF-8 at its byte', () =>
    assert.equal(
      refusal(() => csvCodec().decode(Buffer.from('610ae4', 'hex'), {})),
      'CODEC_FORMAT at 3',
    ))

  for (const [what, value, text, options] of [
    [
      'rows with all columns that are there',
      [
        { a: 1, b: 'x' },
        { b: true, c: null },
      ],
      'a,b,c\r\n1,x,\r\n,true,\r\n',
    ],
    ['one row', { a: 1 }, 'a\r\n1\r\n'],
    ['quotes where they are needed', [{ a: 'x"y', b: 'l\nm', c: 'p,q', d: ' r' }], 'a,b,c,d\r\n"x""y","l\nm","p,q"," r"\r\n'],
    ['chosen columns without names', [{ a: 1, b: 2, c: 3 }], '3,1\r\n', { columns: ['c', 'a'] }],
    ['decimal commas', [{ a: 1.5, b: 'x;y' }], 'a;b\r\n1,5;"x;y"\r\n', { decimal: ',' }],
    ['times', [{ at: new Date(0), n: 0 }], 'at,n\r\n1970-01-01T00:00:00.000Z,0\r\n', { types: { at: 'time' } }],
    ['formulas with an apostrophe', [{ a: '=1+1', b: -5, c: '@x' }], "a,b,c\r\n'=1+1,-5,'@x\r\n"],
    ['formulas as they are if wanted', [{ a: '=1+1' }], 'a\r\n=1+1\r\n', { guarded: false }],
  ] as [string, unknown, string, CsvOptions?][])
    it(`writes ${what}`, () => assert.equal(write(value, options), text))

  it('writes no objects in fields, and nothing but rows', () => {
    assert.equal(
      refusal(() => write([{ a: 1 }, { a: [1] }])),
      'CODEC_INVALID at [1].a',
    )
    assert.equal(
      refusal(() => write([1])),
      'CODEC_INVALID at [0]',
    )
  })

  it('reads what it wrote', () => {
    const random = seeded(4180)
    const piece = () =>
      Array.from({ length: 1 + random.below(6) }, () => random.pick(['a', '"', ',', ';', '\r\n', '\n', ' ', 'é', '1'])).join('')
    for (let i = 0; i < 500; i++) {
      const rows = Array.from({ length: 1 + random.below(5) }, () => ({
        k: 'x',
        a: `${piece()}z`,
        b: random.below(1000) / 8,
        c: random.below(2) === 1,
      }))
      const options: CsvOptions = { ...random.pick([{}, { decimal: ',' as const }]), types: { c: 'boolean' }, guarded: false }
      assert.deepEqual(read(write(rows, options), options), rows)
    }
  })

  it('tells random bytes by its own errors only', () => {
    const random = seeded(41_802)
    for (let i = 0; i < 3000; i++) {
      const bytes = Buffer.from(
        Array.from({ length: random.below(30) }, () => random.pick([34, 44, 10, 13, 97, 98, 49, 0xc3, random.below(256)])),
      )
      codedOnly(() => csvCodec().decode(bytes, {}))
    }
  })
})
