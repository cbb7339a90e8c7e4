import assert from 'node:assert/strict'
import { encodeRecord, plainItem } from '../../src/dialects/aws/cbor.ts'

const bytesOf = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex')

describe('a CBOR item that JSON could say', () => {
  for (const [what, hex] of [
    ['numbers', '84 00 1817 190100 3b00000000ffffffff'],
    ['floats and simple values', '86 f4 f5 f6 f90000 fa00000000 fb0000000000000000'],
    ['texts and bytes', '82 63e6b0b4 43ff00ff'],
    ['maps', 'a2 6161 01 6162 a0'],
    ['a long map head', 'b90001 6161 a0'],
    ['maps and lists without a length', 'bf 6161 9f 01 02 ff ff'],
    ['sixteen lists in one another', `${'81'.repeat(16)}00`],
  ] as const)
    it(`takes ${what}`, () => assert.deepEqual(plainItem(bytesOf(hex)), bytesOf(hex)))

  it('takes what the hub says itself', () => {
    const record = encodeRecord({ statusCode: 403, errorCode: 'AccessDenied', errorMessage: 'x'.repeat(400) })
    assert.equal(plainItem(record), record)
  })

  for (const [what, hex] of [
    ['nothing', ''],
    ['a second item', '0000'],
    ['a head that is cut', '1901'],
    ['a text that is cut', '6561'],
    ['a list that is cut', '8201'],
    ['a map that is cut', 'a16161'],
    ['a list without its end', '9f01'],
    ['an end without a list', 'ff'],
    ['a list of 4,294,967,295', '9affffffff'],
    ['a text of 18,446,744,073,709,551,615', '7bffffffffffffffff'],
    ['a name that is a number', 'a10101'],
    ['a text that is not UTF-8', '62c328'],
    ['a text in pieces', '7f6161ff'],
    ['a reserved head', '1c'],
    ['a number without an end', '1f'],
    ['a simple value that means nothing', 'e0'],
    ['a simple value of a byte', 'f820'],
    ['a date', 'c11a514b67b0'],
    ['a pattern', 'd81b82665265674578706161'],
    ['a record', 'd9dfff83190000816161f5'],
    ['a reference to itself', 'd81c81d81d00'],
    ['seventeen lists in one another', `${'81'.repeat(17)}00`],
    ['lists in one another to the end', '81'.repeat(60_000)],
    ['lists without a length in one another', '9f'.repeat(60_000)],
  ] as const)
    it(`refuses ${what}`, () => assert.throws(() => plainItem(bytesOf(hex))))
})
