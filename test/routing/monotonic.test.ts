import assert from 'node:assert/strict'
import { isMonotonic } from '../../src/routing/monotonic.ts'
import { parseExpression } from '../../src/routing/parse-expression.ts'
import { compileRule } from '../../src/routing/rule.ts'
import { createRuleSet } from '../../src/routing/rule-set.ts'

const monotonic = (text: string): boolean => isMonotonic(parseExpression(text, { variables: ['p'] }))

describe('conditions that differ in one constant', () => {
  it('turn at most once as it grows where they compare differences and products', () => {
    for (const text of ['a - @p > b', '@p - a <= b', 'b * @p < a', 'a - @p * b >= c.d[0]', 'a > b - (@p - c)'])
      assert.equal(monotonic(text), true, text)
  })

  it('may turn again where a sum joins texts or a quotient steps', () => {
    for (const text of [
      'a + @p > b',
      '@p + a > b',
      'a > b + @p',
      'a - (b + @p) > c',
      '(a + @p) * b > c',
      'a + b > @p + c',
      'a / @p > b',
      'a % @p > b',
      'a - @p = b',
      'a - @p <> b',
    ])
      assert.equal(monotonic(text), false, text)
  })

  const numbers = Array.from({ length: 20 }, (_, i) => i + 1)
  for (const [condition, constants, payload, fires] of [
    // 0.1, 0.2, .. 0.9, 0.10, 0.11, ..
    ['a + ? > b', numbers, { a: '0.', b: 0.4 }, [5, 6, 7, 8, 9]],
    ['b < a + ?', numbers, { a: '0.', b: 0.4 }, [5, 6, 7, 8, 9]],
    ['c - (a + ?) < b', numbers, { a: '0.', b: 0.6, c: 1 }, [5, 6, 7, 8, 9]],
    ['a + ? > b', numbers, { a: 0, b: 17 }, [18, 19, 20]],
    ['a + ? > b', numbers, { a: '', b: 17 }, [18, 19, 20]],
    // 1.57, 1.557, 1.5557, 1.67, ..
    ['? + a > b', [1.5, 1.55, 1.555, 1.6, 1.65, 1.7], { a: '7', b: 1.56 }, [1.5, 1.6, 1.65, 1.7]],
    ['? + a < b', [1.5, 1.55, 1.555, 1.6, 1.65, 1.7], { a: '7', b: 1.56 }, [1.55, 1.555]],
  ] as const)
    it(`are each tested by what they are: ${condition} for ${JSON.stringify(payload)}`, () => {
      const rules = constants.map(constant => ({
        constant,
        sql: `SELECT VALUE 1 WHERE ${condition.replace('?', `${constant}`)}`,
      }))
      const found = createRuleSet(rules)
        .match({ payload })
        .map(({ rule }) => rule.constant)
      assert.deepEqual(found, fires)
      assert.deepEqual(
        rules.filter(({ sql }) => compileRule(sql).evaluate({ payload }).matched).map(({ constant }) => constant),
        fires,
      )
    })
})
