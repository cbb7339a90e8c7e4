import assert from 'node:assert/strict'
import { explain } from '../../src/routing/explain.ts'
import { compileRule } from '../../src/routing/rule.ts'

describe('an explanation', () => {
  const sql = "SELECT a FROM 't/#' WHERE b > 5 AND missing = 1 AND a = 'x' AND length(a) = 1"

  it('shows the value of every condition, in the order of the text, and by what the rule is found', () => {
    const { matched, concerned, conjuncts, index } = explain({ name: 'r', sql }, { topic: 't', payload: { a: 'x', b: 3 } })
    assert.deepEqual([matched, concerned], [false, true])
    assert.deepEqual(
      conjuncts.map(({ text, value, undefined: none }) => [text, value, none]),
      [
        ['b > 5', false, false],
        ['missing = 1', undefined, true],
        ["a = 'x'", true, false],
        ['length(a) = 1', true, false],
      ],
    )
    assert.equal(sql.slice(conjuncts[0]!.position.offset).startsWith('b > 5'), true)
    assert.deepEqual(index, { kind: 'equality', text: 'missing = 1' })
  })

  it('names no index for what is only worked out once for several rules', () => {
    const { conjuncts, index } = explain({ sql: "SELECT a WHERE lower(a) = 'x'" }, { payload: { a: 'X' } })
    assert.deepEqual([conjuncts[0]?.value, index], [true, undefined])
  })

  it('shows the output, also of a rule that was compiled', () => {
    const rule = compileRule('SELECT a AS x')
    assert.deepEqual(explain(rule, { payload: { a: 1 } }), { matched: true, concerned: true, conjuncts: [], output: { x: 1 } })
  })

  it('says that the topic is another one and still shows the conditions', () => {
    const { matched, concerned, conjuncts } = explain({ sql: "SELECT * FROM 't' WHERE a = 1" }, { topic: 'u', payload: { a: 1 } })
    assert.deepEqual([matched, concerned, conjuncts[0]?.value], [false, false, true])
  })

  it('shows errors of the text and of the evaluation with their place', () => {
    const text = explain({ sql: 'SELECT' }, { payload: 1 }).error
    assert.equal(text?.code, 'RULE_SYNTAX')
    assert.equal(columnOf(text?.position), 7)
    const limit = explain({ sql: 'FOREACH l' }, { payload: { l: Array(1001).fill(1) } }).error
    assert.deepEqual([limit?.code, columnOf(limit?.position)], ['ROUTE_LIMIT', 9])
  })

  it('explains conditions, and takes answers that were typed in', () => {
    const { matched, conjuncts } = explain({ condition: "p = 'x' AND q = 'y'" }, { payload: 1, properties: { p: 'x' } })
    assert.equal(matched, false)
    assert.deepEqual(
      conjuncts.map(({ value, undefined: none }) => [value, none]),
      [
        [true, false],
        [undefined, true],
      ],
    )
    const asked = explain({ sql: "SELECT lookup('t', 1) AS x" }, { payload: 1 }, { host: { answer: () => 'typed' } })
    assert.deepEqual(asked.output, { x: 'typed' })
  })
})

const columnOf = (position: unknown): unknown => (position as { column?: number } | undefined)?.column
