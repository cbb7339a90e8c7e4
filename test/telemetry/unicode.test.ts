import assert from 'node:assert/strict'
import { charsetOf, WideFault, wideBytes, type WideEncoding, wideLength, wideOf, wideText } from '../../src/telemetry/unicode.ts'
import { seeded } from '../seeded.ts'

const forms: [string, WideEncoding][] = ([2, 4] as const).flatMap(width =>
  [true, false].flatMap(littleEndian =>
    [true, false].map((marked): [string, WideEncoding] => [`utf-${8 * width}`, { width, littleEndian, marked }]),
  ),
)

describe('text in UTF-16 and UTF-32', () => {
  it('comes back as it was written, of any characters, length and order', () => {
    const { below, pick } = seeded(16)
    const ranges = [0x80, 0x800, 0xd800, 0x10_ffff - 0xe000]
    for (let i = 0; i < 200; i++)
      for (const [name, form] of forms) {
        const points = Array.from({ length: below(i < 190 ? 40 : 20_000) }, () => below(pick(ranges)))
        const text = `{${String.fromCodePoint(...points.map(point => (point < 0xd800 ? point : point + 0x800)))}`
        const bytes = wideBytes(text, form)
        assert.deepEqual(wideOf(bytes, name), form)
        assert.equal(wideText(bytes, form), text)
        assert.equal(bytes.length, wideLength(text, form) + (form.marked ? form.width : 0))
        if (form.marked) assert.deepEqual(wideOf(bytes), form)
      }
  })

  it('is that of others', () => {
    const text = '{"ö":"𝄞"}'
    const form = { width: 2, littleEndian: true, marked: false } as const
    assert.deepEqual(Buffer.from(wideBytes(text, form)), Buffer.from(text, 'utf16le'))
    assert.equal(new TextDecoder('utf-16be').decode(wideBytes(text, { ...form, littleEndian: false })), text)
    const hex = (more: object) => Buffer.from(wideBytes('𝄞', { ...form, ...more })).toString('hex')
    assert.deepEqual([hex({ width: 4, marked: true }), hex({ width: 4, littleEndian: false })], ['fffe00001ed10100', '0001d11e'])
  })

  for (const [what, width, hex, at] of [
    ['half a code unit', 2, '310032', 2],
    ['a second half alone', 2, '310000dc', 2],
    ['a first half at the end', 2, '310000d8', 4],
    ['a first half before another character', 2, '00d83100', 2],
    ['a half', 4, '3100000000d80000', 4],
    ['no code point', 4, '3100000000001100', 4],
    ['two bytes', 4, '310000003100', 4],
  ] as const)
    it(`with ${what} is refused`, () =>
      assert.throws(
        () => wideText(Buffer.from(hex, 'hex'), { width, littleEndian: true, marked: false }),
        (fault: unknown) => fault instanceof WideFault && fault.at === at,
      ))

  it('is not what has neither its name nor its mark', () => {
    for (const bytes of [Buffer.of(), Buffer.from('{}'), Buffer.from('\ufeff{}'), Buffer.of(0xff), Buffer.of(0, 0, 0xfe)])
      for (const name of [undefined, '', 'utf-8', 'us-ascii']) assert.equal(wideOf(bytes, name), undefined)
  })

  it('is named by the content encoding before the content type', () => {
    assert.equal(charsetOf({ contentType: 'application/json; a=b; Charset="UTF-16"' }), 'UTF-16')
    assert.equal(charsetOf({ contentType: 'application/json;charset=utf-16', contentEncoding: ' utf-32 ' }), 'utf-32')
    assert.equal(charsetOf({ contentType: 'application/json;charset=utf-16', contentEncoding: 'gzip' }), 'utf-16')
    assert.equal(charsetOf({ contentType: 'application/json', contentEncoding: 'gzip' }), '')
    assert.equal(charsetOf({}), '')
  })
})
