import assert from 'node:assert/strict'
import type { BinaryOperator } from '../../src/routing/ast.ts'
import { conditionOperators } from '../../src/routing/condition-operators.ts'
import { type Operators, sqlOperators } from '../../src/routing/operators.ts'
import { nameOf, samples } from './samples.ts'

const _ = undefined

/** `t`, `f` and `-` for Undefined, a row for each left side, a column for each right side, both in the order of the samples. */
const booleans = (grid: string): unknown[][] =>
  grid
    .trim()
    .split('\n')
    .map(row => [...row.trim()].map(sign => (sign === '-' ? undefined : sign === 't')))

const nothing = '-'.repeat(samples.length)

const equality = `
  -----------
  -tfffffffff
  -ftffffffff
  -fftfffffff
  -ffftffffff
  -fffftfffff
  -ffffftffff
  -fffffftfff
  -ffffffftff
  -fffffffftf
  -ffffffffft`
const inequality = equality.replace(/[tf]/g, sign => (sign === 't' ? 'f' : 't'))

const rows = (row: (i: number) => string): string => samples.map((_, i) => row(i)).join('\n')

/** Only 7 and '7' are numbers. */
const ofNumbers = (cell: string): string => rows(i => (i === 4 || i === 5 ? `----${cell}${cell}-----` : nothing))
const numbers = (result: number): unknown[][] =>
  samples.map((_, i) => samples.map((_, j) => ((i === 4 || i === 5) && (j === 4 || j === 5) ? result : undefined)))

const sums: unknown[][] = [
  [_, _, _, _, _, _, _, _, _, _, _],
  [_, _, _, _, _, _, _, _, _, _, _],
  [_, _, _, _, _, 'true7', 'truex', 'trueFALSE', _, _, _],
  [_, _, _, _, _, 'false7', 'falsex', 'falseFALSE', _, _, _],
  [_, _, _, _, 14, '77', '7x', '7FALSE', _, _, _],
  [_, _, '7true', '7false', '77', '77', '7x', '7FALSE', '7[7]', '7{"a":7}', '7AQI='],
  [_, _, 'xtrue', 'xfalse', 'x7', 'x7', 'xx', 'xFALSE', 'x[7]', 'x{"a":7}', 'xAQI='],
  [_, _, 'FALSEtrue', 'FALSEfalse', 'FALSE7', 'FALSE7', 'FALSEx', 'FALSEFALSE', 'FALSE[7]', 'FALSE{"a":7}', 'FALSEAQI='],
  [_, _, _, _, _, '[7]7', '[7]x', '[7]FALSE', _, _, _],
  [_, _, _, _, _, '{"a":7}7', '{"a":7}x', '{"a":7}FALSE', _, _, _],
  [_, _, _, _, _, 'AQI=7', 'AQI=x', 'AQI=FALSE', _, _, _],
]

/** true is 2, false and 'FALSE' are 3 and 7, everything else is no Boolean. */
const logical = (known: { true: string; false: string; other: string }): string =>
  rows(i => (i === 2 ? known.true : i === 3 || i === 7 ? known.false : known.other))

const and = { true: '--tf---f---', false: 'fffffffffff', other: '---f---f---' }
const or = { true: 'ttttttttttt', false: '--tf---f---', other: '--t--------' }
const strictAnd = { true: '--tf---f---', false: '--ff---f---', other: nothing }
const strictOr = { true: '--tt---t---', false: '--tf---f---', other: nothing }

type Table = Record<BinaryOperator, unknown[][]>

const sql: Table = {
  '=': booleans(equality),
  '<>': booleans(inequality),
  '<': booleans(ofNumbers('f')),
  '<=': booleans(ofNumbers('t')),
  '>': booleans(ofNumbers('f')),
  '>=': booleans(ofNumbers('t')),
  '+': sums,
  '-': numbers(0),
  '*': numbers(49),
  '/': numbers(1),
  '%': numbers(0),
  and: booleans(logical(and)),
  or: booleans(logical(or)),
  // Only [7] is a list.
  in: booleans(rows(i => (i === 0 ? nothing : `--------${i === 4 ? 't' : 'f'}--`))),
}

const onlyNumber = (cell: unknown): unknown[][] =>
  samples.map((_, i) => samples.map((_, j) => (i === 4 && j === 4 ? cell : undefined)))

/** '7' < 'FALSE' < 'x' by code units, 7 beside 7. */
const ordinal = (same: string, up: string, down: string): unknown[][] =>
  booleans(
    rows(
      i =>
        ({
          4: `----${same}------`,
          5: `-----${same}${up}${up}---`,
          6: `-----${down}${same}${down}---`,
          7: `-----${down}${up}${same}---`,
        })[i] ?? nothing,
    ),
  )

const conditions: Table = {
  '=': booleans(equality),
  '<>': booleans(inequality),
  '<': ordinal('f', 't', 'f'),
  '<=': ordinal('t', 't', 'f'),
  '>': ordinal('f', 'f', 't'),
  '>=': ordinal('t', 'f', 't'),
  '+': onlyNumber(14),
  '-': onlyNumber(0),
  '*': onlyNumber(49),
  '/': onlyNumber(1),
  '%': onlyNumber(0),
  and: booleans(rows(i => (i === 2 ? '--tf-------' : i === 3 ? 'fffffffffff' : '---f-------'))),
  or: booleans(rows(i => (i === 2 ? 'ttttttttttt' : i === 3 ? '--tf-------' : '--t--------'))),
  in: booleans(rows(() => nothing)),
}

function checkTable(operators: Operators, table: Table): void {
  for (const [operator, expected] of Object.entries(table) as [BinaryOperator, unknown[][]][])
    describe(operator, () => {
      assert.deepEqual([expected.length, ...new Set(expected.map(row => row.length))], [samples.length, samples.length])
      for (const [i, left] of samples.entries())
        it(`${nameOf(left)} ${operator} every kind`, () =>
          assert.deepEqual(
            samples.map(right => operators.binary[operator](left, right)),
            expected[i],
          ))
    })
}

describe('operators of SQL', () => checkTable(sqlOperators(), sql))
describe('operators of SQL with strict logic', () =>
  checkTable(sqlOperators({ logic: 'strict' }), {
    ...sql,
    and: booleans(logical(strictAnd)),
    or: booleans(logical(strictOr)),
  }))
describe('operators of SQL with truncated division', () => checkTable(sqlOperators({ integerDivision: 'truncate' }), sql))
describe('operators of conditions', () => checkTable(conditionOperators, conditions))

describe('operators of one side', () => {
  const results = (operate: (value: unknown) => unknown): unknown[] => samples.map(operate)
  const { unary } = sqlOperators()

  it('NOT of SQL takes Booleans and their words', () =>
    assert.deepEqual(results(unary.not), [_, _, false, true, _, _, _, true, _, _, _]))
  it('NOT of strict logic is the same', () =>
    assert.deepEqual(results(sqlOperators({ logic: 'strict' }).unary.not), results(unary.not)))
  it('minus of SQL takes numbers and their texts', () =>
    assert.deepEqual(results(unary['-']), [_, _, _, _, -7, -7, _, _, _, _, _]))
  it('NOT of conditions takes Booleans only', () =>
    assert.deepEqual(results(conditionOperators.unary.not), [_, _, false, true, _, _, _, _, _, _, _]))
  it('minus of conditions takes numbers only', () =>
    assert.deepEqual(results(conditionOperators.unary['-']), [_, _, _, _, -7, _, _, _, _, _, _]))
  it('what counts as true is what NOT sees', () => {
    assert.deepEqual(samples.map(sqlOperators().truth), [_, _, true, false, _, _, _, false, _, _, _])
    assert.deepEqual(samples.map(conditionOperators.truth), [_, _, true, false, _, _, _, _, _, _, _])
  })
  it('minus zero is zero', () => assert.ok(Object.is(unary['-'](0), 0)))
  it('the left side may decide alone but in strict logic', () => {
    assert.equal(sqlOperators().shortCircuit, true)
    assert.equal(sqlOperators({ logic: 'strict' }).shortCircuit, false)
    assert.equal(conditionOperators.shortCircuit, true)
  })
})

describe('operators by example', () => {
  const { binary } = sqlOperators()
  const truncating = sqlOperators({ integerDivision: 'truncate' }).binary['/']
  const of = (operators: Operators) => (operator: BinaryOperator, left: unknown, right: unknown) =>
    operators.binary[operator](left, right)
  const inSql = of(sqlOperators())
  const inCondition = of(conditionOperators)
  const examples: [BinaryOperator, unknown, unknown, unknown][] = [
    ['=', 1, '1', false],
    ['=', true, 'true', false],
    ['=', 0, -0, true],
    ['=', [1, [2]], [1, [2]], true],
    ['=', [1, 2], [2, 1], false],
    ['=', [1], [1, 2], false],
    ['=', { a: 1, b: { c: [] } }, { b: { c: [] }, a: 1 }, true],
    ['=', { a: 1 }, { a: 1, b: null }, false],
    ['=', {}, [], false],
    ['<>', 'red', undefined, undefined],
    ['>', '10', '9', true],
    ['<', '2024-01-01', '2025-01-01', undefined],
    ['<', '1e1', 11, true],
    ['<', '+1', 2, undefined],
    ['<', ' 1', 2, undefined],
    ['<=', Number.NaN, 1, undefined],
    ['+', '1', 2, '12'],
    ['+', 'n', 1e21, 'n1000000000000000000000'],
    ['+', 'n', -1.5e-7, 'n-0.00000015'],
    ['+', 'n', Number.NaN, undefined],
    ['+', 1e308, 1e308, undefined],
    ['-', '5', 2, 3],
    ['-', 0, 0, 0],
    ['*', '1e2', '0.5', 50],
    ['*', 1e308, 10, undefined],
    ['/', 7, 2, 3.5],
    ['/', 7, 0, undefined],
    ['/', 0, 0, undefined],
    ['%', 7, 0, undefined],
    ['%', -7, 3, -1],
    ['%', 7, -3, 1],
    ['%', 7.5, 2, 1.5],
    ['in', 1, ['1', 1], true],
    ['in', 1, ['1'], false],
    ['in', null, [null], true],
    ['in', undefined, [null], undefined],
    ['in', 'a', 'abc', undefined],
    ['in', [1], [[1]], true],
    ['in', 1, [], false],
  ]
  for (const [operator, left, right, expected] of examples)
    it(`${nameOf(left)} ${operator} ${nameOf(right)} is ${nameOf(expected)}`, () =>
      assert.deepEqual(inSql(operator, left, right), expected))

  it('division of whole numbers is cut on request, of others not', () => {
    assert.deepEqual(
      [truncating(7, 2), truncating(-7, 2), truncating('7', '2'), truncating(7.5, 2), truncating(1, 0)],
      [3, -3, 3, 3.75, undefined],
    )
    assert.ok(Object.is(truncating(-1, 2), 0))
  })
  it('zero has no sign', () => {
    assert.ok(Object.is(binary['*'](0, -1), 0))
    assert.ok(Object.is(inCondition('*', 0, -1), 0))
  })
  it('conditions compare texts by code units and convert nothing', () => {
    assert.equal(inCondition('<', '2024-01-01T00:00:00Z', '2024-01-02T00:00:00Z'), true)
    assert.equal(inCondition('<', '10', '9'), true)
    assert.equal(inCondition('<', 1, '2'), undefined)
    assert.equal(inCondition('/', 1, 0), undefined)
    assert.equal(inCondition('%', 1, 0), undefined)
    assert.equal(inCondition('+', 'a', 'b'), undefined)
    assert.equal(inCondition('=', null, null), true)
  })
  it('texts do not grow without end', () => {
    let text: unknown = 'x'.repeat(1000)
    for (let i = 0; i < 40; i++) text = binary['+'](text, text)
    assert.equal(text, undefined)
  })
})
