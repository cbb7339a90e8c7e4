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

  const texts: [string, string][] = [
    ["select  a ,b.c as d from 'x' where(a)>((1))and not(b=2)", "SELECT a, b.c AS d FROM 'x' WHERE a > 1 AND NOT b = 2"],
    ['SELECT (a + b) * c - (d - e)', 'SELECT (a + b) * c - (d - e)'],
    ['SELECT a - (b - c), -(-a), -(5), - 5', 'SELECT a - (b - c), -(-a), -(5), -5'],
    ["SELECT \"it's\", '\\\\'", "SELECT 'it''s', '\\\\'"],
    ['SELECT value, `end`, `my-key`', 'SELECT `value`, `end`, `my-key`'],
    ['SELECT VALUE {a: 1} ', "SELECT VALUE {'a': 1}"],
    ['SELECT (a.b).c, (1).d, [1][0]', 'SELECT a.b.c, (1).d, [1][0]'],
    ['FOREACH x DO item.y INCASE item.z', 'FOREACH x AS item DO item.y INCASE item.z'],
    ['SELECT cast(a as integer), CASE a WHEN 1 THEN 2 END', 'SELECT CAST(a AS INT), CASE a WHEN 1 THEN 2 END'],
  ]
  for (const [written, printed] of texts)
    it(`of ${written}`, () => assert.equal(printStatement(parseStatement(written)), printed))
})
