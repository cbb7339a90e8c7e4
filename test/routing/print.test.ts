import assert from 'node:assert/strict'
import { parseCondition } from '../../src/routing/parse-condition.ts'
import { parseExpression } from '../../src/routing/parse-expression.ts'
import { parseStatement } from '../../src/routing/parse-statement.ts'
import { printExpression, printStatement } from '../../src/routing/print.ts'
import { seeded } from '../seeded.ts'
import { randomCondition, randomExpression, randomStatement, unplaced } from './random-rules.ts'

describe('the canonical text of a rule', () => {
  it('of an expression is read as the same expression, whatever it is', () => {
    const random = seeded(5)
    for (let i = 0; i < 4000; i++) {
      const tree = randomExpression(random, 1 + random.below(5))
      const text = printExpression(tree)
      const again = parseExpression(text, { variables: ['v'], limits: { textBytes: 1e6 } })
      assert.deepEqual(unplaced(again), unplaced(tree), text)
      assert.equal(printExpression(again), text)
    }
  })

  it('of a statement is read as the same statement', () => {
    const random = seeded(6)
    for (let i = 0; i < 2000; i++) {
      const statement = randomStatement(random)
      const text = printStatement({ ...statement, extensions: [] })
      const { extensions: _, ...again } = parseStatement(text, { limits: { textBytes: 1e6 } })
      assert.deepEqual(unplaced(again), unplaced(statement), text)
    }
  })

  it('of a condition is read as the same condition', () => {
    const random = seeded(7)
    for (let i = 0; i < 4000; i++) {
      const tree = randomCondition(random, 1 + random.below(5))
      const text = printExpression(tree, 'condition')
      assert.deepEqual(unplaced(parseCondition(text, { limits: { textBytes: 1e6 } })), unplaced(tree), text)
    }
  })

  it('has no brackets that could be left out', () => {
    const random = seeded(8)
    let left = 0
    for (let i = 0; i < 2000; i++) {
      const tree = randomExpression(random, 5)
      for (const text of withoutBrackets(printExpression(tree))) {
        left++
        assert.notDeepEqual(treeOf(text), unplaced(tree), text)
      }
    }
    assert.ok(left > 500, `${left} pairs of brackets`)
  })

  for (const text of [
    `${'-'.repeat(64)}a`,
    `${'NOT '.repeat(64)}a`,
    `${'-NOT '.repeat(32)}a = b`,
    `${'a * NOT '.repeat(64)}b`,
    `${'('.repeat(64)}1 .a${')'.repeat(64)}`,
    `${'f('.repeat(63)}-1 .a = NOT b${')'.repeat(63)}`,
  ])
    it(`is read again where the first text was as deep as may be: ${text.slice(0, 20)}`, () => {
      for (const [parse, language] of [
        [parseExpression, 'sql'],
        [parseCondition, 'condition'],
      ] as const) {
        const tree = parse(text)
        assert.deepEqual(unplaced(parse(printExpression(tree, language))), unplaced(tree))
      }
    })

  const texts: [string, string][] = [
    ["select  a ,b.c as d from 'x' where(a)>((1))and not(b=2)", "SELECT a, b.c AS d FROM 'x' WHERE a > 1 AND NOT b = 2"],
    ['SELECT (a + b) * c - (d - e)', 'SELECT (a + b) * c - (d - e)'],
    ['SELECT a - (b - c), -(-a), -(5), - 5', 'SELECT a - (b - c), - -a, -(5), -5'],
    ["SELECT \"it's\", '\\\\'", "SELECT 'it''s', '\\\\'"],
    ['SELECT value, `end`, `my-key`', 'SELECT `value`, `end`, `my-key`'],
    ['SELECT VALUE {a: 1} ', "SELECT VALUE {'a': 1}"],
    ['SELECT (a.b).c, (1).d, [1][0]', 'SELECT a.b.c, 1 .d, [1][0]'],
    [
      'SELECT a * (NOT b) + c, a * (NOT (b)), (NOT a) = b, (-(NOT a)) = b',
      'SELECT a * (NOT b) + c, a * NOT b, (NOT a) = b, -(NOT a) = b',
    ],
    ['SELECT (-a).b, -(1 .a), -(-1), (-1)[0]', 'SELECT (-a).b, -(1 .a), - -1, -1[0]'],
    ['FOREACH x DO item.y INCASE item.z', 'FOREACH x AS item DO item.y INCASE item.z'],
    ['SELECT cast(a as integer), CASE a WHEN 1 THEN 2 END', 'SELECT CAST(a AS INT), CASE a WHEN 1 THEN 2 END'],
  ]
  for (const [written, printed] of texts)
    it(`of ${written}`, () => assert.equal(printStatement(parseStatement(written)), printed))
})

/** The text without one of its pairs of brackets, for each that belongs to no call, CAST or nested SELECT. */
function* withoutBrackets(text: string): Iterable<string> {
  const open: number[] = []
  // Quoted texts and names hold brackets that are none.
  for (const { 0: sign, index } of text.matchAll(/'(?:''|[^'])*'|`(?:``|[^`])*`|[()]/g)) {
    if (sign === '(') open.push(index)
    if (sign !== ')') continue
    const from = open.pop()!
    if (/[\w$`]/.test(text.charAt(from - 1)) || text.startsWith('(SELECT', from)) continue
    yield `${text.slice(0, from)} ${text.slice(from + 1, index)} ${text.slice(index + 1)}`
  }
}

function treeOf(text: string): unknown {
  try {
    return unplaced(parseExpression(text, { variables: ['v'], limits: { textBytes: 1e6 } }))
  } catch {
    return undefined
  }
}
