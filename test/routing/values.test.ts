import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import { runInNewContext } from 'node:vm'
import { base64Of, bytesOfBase64 } from '../../src/routing/base64.ts'
import { castTo } from '../../src/routing/cast.ts'
import {
  decimalText,
  deepEqual,
  elementOf,
  kindOf,
  memberOf,
  memberOfAnyCase,
  toBoolean,
  toDecimal,
  toInt,
  toText,
} from '../../src/routing/values.ts'
import { seeded } from '../seeded.ts'
import { nameOf, samples } from './samples.ts'

const _ = undefined

describe('conversions', () => {
  it('know every kind', () => {
    assert.deepEqual(samples.map(kindOf), [
      'undefined',
      'null',
      'boolean',
      'boolean',
      'number',
      'string',
      'string',
      'string',
      'array',
      'object',
      'bytes',
    ])
    assert.deepEqual([1n, Number.NaN, Number.POSITIVE_INFINITY, () => 1, Symbol.iterator].map(kindOf), Array(5).fill('undefined'))
  })
  it('know bytes, lists and objects of another realm', () =>
    assert.deepEqual(
      ['new Uint8Array(1)', '[1]', '({ a: 1 })', 'new Uint16Array(1)'].map(text => kindOf(runInNewContext(text))),
      ['bytes', 'array', 'object', 'object'],
    ))
  it('of every kind follow the table', () => {
    assert.deepEqual(samples.map(toDecimal), [_, _, _, _, 7, 7, _, _, _, _, _])
    assert.deepEqual(samples.map(toInt), [_, _, _, _, 7, 7, _, _, _, _, _])
    assert.deepEqual(samples.map(toBoolean), [_, _, true, false, _, _, _, false, _, _, _])
    assert.deepEqual(samples.map(toText), [_, _, 'true', 'false', '7', '7', 'x', 'FALSE', '[7]', '{"a":7}', 'AQI='])
  })
  it('by CAST also go between Booleans and numbers', () => {
    const cast = (type: Parameters<typeof castTo>[0]): unknown[] => samples.map(value => castTo(type, value))
    assert.deepEqual(cast('decimal'), [_, _, 1, 0, 7, 7, _, _, _, _, _])
    assert.deepEqual(cast('int'), [_, _, 1, 0, 7, 7, _, _, _, _, _])
    assert.deepEqual(cast('boolean'), [_, _, true, false, true, _, _, false, _, _, _])
    assert.deepEqual(cast('string'), samples.map(toText))
    assert.deepEqual([castTo('boolean', 0), castTo('boolean', Number.NaN), castTo('int', '-1.5')], [false, undefined, -2])
  })

  const texts: [string, number | undefined][] = [
    ['1', 1],
    ['-1', -1],
    ['1.50', 1.5],
    ['007', 7],
    ['1e3', 1000],
    ['1E-3', 0.001],
    ['-2.411E247', -2.411e247],
    ['1e999', _],
    ['+1', _],
    ['.5', _],
    ['1.', _],
    [' 1', _],
    ['1 ', _],
    ['1\n', _],
    ['1E+5', _],
    ['0x10', _],
    ['1_000', _],
    ['١', _],
    ['NaN', _],
    ['Infinity', _],
    ['', _],
    ['-', _],
  ]
  for (const [text, number] of texts)
    it(`${JSON.stringify(text)} as a number is ${number}`, () => assert.equal(toDecimal(text), number))
  it('minus zero as a text is zero', () => assert.ok(Object.is(toDecimal('-0'), 0)))
  it('whole numbers are rounded down', () => assert.deepEqual([2.9, -2.1, '2.9', '-2.1', '1e-3'].map(toInt), [2, -3, 2, -3, 0]))
  it('Booleans are read in any case and nothing more', () =>
    assert.deepEqual(['True', 'fAlSe', ' true', 'true ', '1', 'yes', ''].map(toBoolean), [true, false, _, _, _, _, _]))
  it('numbers become their shortest decimal form', () =>
    assert.deepEqual([10.0, 0.1 + 0.2, 1e21, -1.25e22, 1e-7, -1.5e-10, -0].map(decimalText), [
      '10',
      '0.30000000000000004',
      '1000000000000000000000',
      '-12500000000000000000000',
      '0.0000001',
      '-0.00000000015',
      '0',
    ]))
  it('text and back is the same number for a thousand numbers of all sizes', () => {
    const { next, below } = seeded(11)
    for (let i = 0; i < 1000; i++) {
      const number = (next() - 0.5) * 10 ** (below(600) - 300)
      assert.equal(toDecimal(decimalText(number)), number)
    }
  })
  it('what JSON cannot hold has no text', () => {
    const cycle: unknown[] = []
    cycle.push(cycle)
    assert.equal(toText(cycle), undefined)
    assert.equal(toText([1n]), undefined)
    assert.equal(toText(nested(100_000)), undefined)
  })
})

const nested = (depth: number): unknown => {
  let value: unknown = 1
  for (let i = 0; i < depth; i++) value = [value]
  return value
}

describe('equality', () => {
  const random = seeded(7)
  const value = (depth: number): unknown => {
    const kind = random.below(depth > 0 ? 6 : 4)
    if (kind === 0) return null
    if (kind === 1) return random.below(2) === 0
    if (kind === 2) return random.below(3)
    if (kind === 3) return String(random.below(3))
    if (kind === 4) return Array.from({ length: random.below(3) }, () => value(depth - 1))
    return Object.fromEntries(
      Array.from({ length: random.below(3) }, () => [random.pick(['a', 'b', '__proto__']), value(depth - 1)]),
    )
  }
  it('is what JSON of sorted keys says, for 20,000 random pairs', () => {
    let equal = 0
    for (let i = 0; i < 20_000; i++) {
      const [a, b] = [value(2), value(2)]
      assert.equal(deepEqual(a, b), sorted(a) === sorted(b), `${sorted(a)} ${sorted(b)}`)
      assert.ok(deepEqual(a, JSON.parse(JSON.stringify(a))))
      if (sorted(a) === sorted(b)) equal++
    }
    assert.ok(equal > 500)
  })
  it('does not end the stack on deep values nor run on cycles for ever', () => {
    assert.equal(deepEqual(nested(200_000), nested(200_000)), true)
    assert.equal(deepEqual(nested(200_000), nested(200_001)), false)
    const [a, b]: unknown[][] = [[], []]
    a!.push(a)
    b!.push(b)
    assert.equal(deepEqual(a, b), false)
  })
  it('takes members that are Undefined for absent, and compares bytes', () => {
    assert.equal(deepEqual({ a: undefined }, {}), true)
    assert.equal(deepEqual({ a: undefined, b: 1 }, { a: 1, b: undefined }), false)
    assert.equal(deepEqual(Uint8Array.of(1), Uint8Array.of(1)), true)
    assert.equal(deepEqual(Uint8Array.of(1), Uint8Array.of(2)), false)
    assert.equal(deepEqual(Uint8Array.of(1), [1]), false)
    assert.equal(deepEqual([1], Uint8Array.of(1)), false)
  })
})

const sorted = (value: unknown): string =>
  JSON.stringify(value, (_, each) =>
    typeof each === 'object' && each !== null && !Array.isArray(each)
      ? Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1))
      : each,
  ).concat(Array.isArray(value) ? 'a' : typeof value)

describe('members and elements', () => {
  it('are own members of objects only', () => {
    const parsed = JSON.parse('{"a":1,"__proto__":{"b":2},"A":3}')
    assert.equal(memberOf(parsed, 'a'), 1)
    assert.deepEqual(memberOf(parsed, '__proto__'), { b: 2 })
    assert.equal(memberOf(parsed, 'b'), undefined)
    assert.equal(memberOf({}, '__proto__'), undefined)
    for (const name of ['constructor', 'toString', 'hasOwnProperty']) assert.equal(memberOf(parsed, name), undefined)
    for (const value of samples.filter(each => kindOf(each) !== 'object'))
      for (const name of ['a', 'length', '0']) assert.equal(memberOf(value, name), undefined, nameOf(value))
  })
  it('are found in any case, the exact name first', () => {
    const object = { Ab: 1, aB: 2 }
    assert.deepEqual(
      ['Ab', 'aB', 'ab', 'AB', 'a', 'constructor', 'CONSTRUCTOR'].map(key => memberOfAnyCase(object, key)),
      [1, 2, 1, 1, _, _, _],
    )
    assert.equal(memberOfAnyCase([1], 'LENGTH'), undefined)
  })
  const elements: [container: unknown, key: unknown, element: unknown][] = [
    [['a', 'b'], 1, 'b'],
    [['a', 'b'], '1', 'b'],
    [['a', 'b'], 1.9, 'b'],
    [['a', 'b'], 2, _],
    [['a', 'b'], -1, _],
    [['a', 'b'], '-0.5', _],
    [['a', 'b'], 'length', _],
    [['a', 'b'], true, _],
    [[[1]], 0, [1]],
    ['abc', 0, 'a'],
    ['a𝄞c', 1, '𝄞'],
    ['a𝄞c', 2, 'c'],
    ['a𝄞c', 3, _],
    ['', 0, _],
    [{ a: 'b' }, 'a', 'b'],
    [{ 0: 'b' }, 0, _],
    [{ 0: 'b' }, '0', 'b'],
    [{}, 'toString', _],
    [{}, '__proto__', _],
    [7, 0, _],
    [null, 'a', _],
    [_, 'a', _],
    [Uint8Array.of(1), 0, _],
  ]
  for (const [container, key, element] of elements)
    it(`${nameOf(key)} of ${nameOf(container)} is ${nameOf(element)}`, () => assert.deepEqual(elementOf(container, key), element))
})

describe('base64', () => {
  it('is that of Node.js for every length up to 300 and for one beyond a chunk, with and without padding', () => {
    const { below } = seeded(3)
    for (const length of [...Array(300).keys(), 12_287, 12_288, 12_289, 40_000]) {
      const bytes = Uint8Array.from({ length }, () => below(256))
      const text = base64Of(bytes)
      assert.equal(text, Buffer.from(bytes).toString('base64'))
      assert.ok(isDeepStrictEqual(bytesOfBase64(text), bytes))
      assert.ok(isDeepStrictEqual(bytesOfBase64(text.replaceAll('=', '')), bytes))
    }
  })
  for (const text of ['A', 'AAAAA', 'QQ=', 'QQ===', '=', '==', 'Q Q=', 'QQ\n=', 'Q-_=', 'Qé==', 'Q=Q=', '\u0100AAA'])
    it(`is refused: ${JSON.stringify(text)}`, () => assert.equal(bytesOfBase64(text), undefined))
})
