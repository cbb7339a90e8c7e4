import assert from 'node:assert/strict'
import { conditionFunction, conditionFunctionNames } from '../../src/routing/functions/condition-functions.ts'
import { ports } from './call-function.ts'
import { nameOf, samples } from './samples.ts'

const _ = undefined
const call = (name: string, args: readonly unknown[]): unknown => {
  const found = conditionFunction(name)
  assert.ok(found, `${name} is no function`)
  return found.call(args, { message: {}, ports })
}

const arities: Record<string, [number, number]> = {
  ...Object.fromEntries(
    'abs exp square ceiling floor sign sqrt as_number is_defined is_null is_bool is_number is_string is_array is_object is_primitive length lower upper'
      .split(' ')
      .map(name => [name, [1, 1]]),
  ),
  ...Object.fromEntries('power index_of starts_with ends_with contains'.split(' ').map(name => [name, [2, 2]])),
  concat: [2, Number.POSITIVE_INFINITY],
  substring: [2, 3],
}

describe('the functions of conditions', () => {
  it('are those of the language', () => assert.deepEqual(conditionFunctionNames, Object.keys(arities).sort()))
  for (const [name, arity] of Object.entries(arities)) {
    it(`${name} knows its number of arguments and never throws`, () => {
      const { arity: own, signature } = conditionFunction(name)!
      assert.deepEqual(own, arity)
      assert.ok(signature.startsWith(`${name.toUpperCase()}(`))
      for (const count of [arity[0] - 1, arity[1] + 1])
        if (Number.isFinite(count)) assert.equal(call(name, Array(count).fill('a')), undefined, String(count))
      for (const a of samples) for (const b of samples) for (const c of [1e300, 'x']) call(name, [a, b, c].slice(0, arity[1]))
    })
  }

  /** Over the samples: Undefined, null, true, false, 7, '7', 'x', 'FALSE', a list, an object, bytes. */
  const ofKinds: [name: string, results: unknown[]][] = [
    ['abs', [_, _, _, _, 7, _, _, _, _, _, _]],
    ['exp', [_, _, _, _, Math.exp(7), _, _, _, _, _, _]],
    ['square', [_, _, _, _, 49, _, _, _, _, _, _]],
    ['ceiling', [_, _, _, _, 7, _, _, _, _, _, _]],
    ['floor', [_, _, _, _, 7, _, _, _, _, _, _]],
    ['sign', [_, _, _, _, 1, _, _, _, _, _, _]],
    ['sqrt', [_, _, _, _, Math.sqrt(7), _, _, _, _, _, _]],
    ['as_number', [_, _, _, _, 7, 7, _, _, _, _, _]],
    ['is_defined', [false, true, true, true, true, true, true, true, true, true, true]],
    ['is_null', [false, true, false, false, false, false, false, false, false, false, false]],
    ['is_bool', [false, false, true, true, false, false, false, false, false, false, false]],
    ['is_number', [false, false, false, false, true, false, false, false, false, false, false]],
    ['is_string', [false, false, false, false, false, true, true, true, false, false, false]],
    ['is_array', [false, false, false, false, false, false, false, false, true, false, false]],
    ['is_object', [false, false, false, false, false, false, false, false, false, true, false]],
    ['is_primitive', [false, true, true, true, true, true, true, true, false, false, false]],
    ['length', [_, _, _, _, _, 1, 1, 5, _, _, _]],
    ['lower', [_, _, _, _, _, '7', 'x', 'false', _, _, _]],
    ['upper', [_, _, _, _, _, '7', 'X', 'FALSE', _, _, _]],
  ]
  for (const [name, results] of ofKinds)
    it(`${name} of every kind`, () =>
      assert.deepEqual(
        samples.map(sample => call(name, [sample])),
        results,
      ))

  it('of two arguments take their types only', () => {
    const grid = (name: string, other: unknown): boolean[] => samples.map(sample => call(name, [sample, other]) !== undefined)
    const texts = samples.map(sample => typeof sample === 'string')
    for (const name of ['concat', 'index_of', 'starts_with', 'ends_with', 'contains']) {
      assert.deepEqual(grid(name, 'x'), texts, name)
      assert.deepEqual(new Set(grid(name, 7)), new Set([false]), name)
      assert.deepEqual(
        samples.map(sample => call(name, ['x', sample]) !== undefined),
        texts,
        name,
      )
    }
    assert.deepEqual(
      grid('power', 2),
      samples.map(sample => sample === 7),
    )
    assert.deepEqual(grid('substring', 0), texts)
    assert.deepEqual(
      samples.map(sample => call('substring', ['abc', sample]) !== undefined),
      samples.map(sample => sample === 7),
    )
  })

  const examples: [name: string, args: unknown[], result: unknown][] = [
    ['abs', [-5], 5],
    ['sqrt', [-1], _],
    ['exp', [1000], _],
    ['square', [1e200], _],
    ['ceiling', [-0.5], 0],
    ['power', [2, 5], 32],
    ['power', [-1, 0.5], _],
    ['as_number', ['-1.5e3'], -1500],
    ['as_number', ['0x10'], _],
    ['as_number', [' 5'], _],
    ['concat', ['a', 'b', 'c'], 'abc'],
    ['concat', ['a', 'b', 1], _],
    ['length', ['a𝄞'], 2],
    ['substring', ['012345', 2], '2345'],
    ['substring', ['012345', 2, 3], '234'],
    ['substring', ['012345', 2, 99], '2345'],
    ['substring', ['012345', 9], ''],
    ['substring', ['012345', 1, 0], ''],
    ['substring', ['012345', 1, -1], ''],
    ['substring', ['012345', -1, 2], '01'],
    ['substring', ['a𝄞c', 1, 1], '𝄞'],
    ['substring', ['abc', '1'], _],
    ['index_of', ['abcd', 'cd'], 2],
    ['index_of', ['abcd', 'x'], -1],
    ['starts_with', ['abcd', 'ab'], true],
    ['starts_with', ['abcd', 'AB'], false],
    ['ends_with', ['abcd', 'cd'], true],
    ['contains', ['abcd', 'bc'], true],
    ['contains', ['abcd', 'x'], false],
  ]
  for (const [name, args, result] of examples)
    it(`${name}(${args.map(nameOf).join(', ')}) is ${nameOf(result)}`, () => assert.deepEqual(call(name, args), result))
})
