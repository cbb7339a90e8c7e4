import assert from 'node:assert/strict'
import { conjunctsOf } from '../../src/routing/conjuncts.ts'
import { pathKey } from '../../src/routing/expression-path.ts'
import { parseCondition } from '../../src/routing/parse-condition.ts'
import { parseExpression } from '../../src/routing/parse-expression.ts'
import { printExpression } from '../../src/routing/print.ts'

const shown = (text: string, language: 'sql' | 'condition'): string[] => {
  const where = language === 'sql' ? parseExpression(text, { variables: ['v'] }) : parseCondition(text)
  return conjunctsOf(where, language).map(({ expression, converted, access }) => {
    const test = !access
      ? printExpression(expression, language)
      : access.kind === 'equal'
        ? `${pathKey(access.path)} in ${JSON.stringify(access.values)}`
        : `${pathKey(access.path)} ${access.operator}# ${access.bound}`
    return `${access ? '' : 'residual '}${test}${converted ? ' converted' : ''}`
  })
}

describe('the conjuncts of a rule in SQL', () => {
  const cases: [string, string[]][] = [
    ['a', ['residual a']],
    ['a = 1', ['a in [1]']],
    ["'x' = a.b[0].c", ['a.b[0].c in ["x"]']],
    ["a['my-key'] = true", ['a."my-key" in [true]']],
    ['a = 1 AND b', ['a in [1] converted', 'residual b converted']],
    [
      'a AND (b = 1 AND (c > 2 AND d)) AND e',
      ['residual a converted', 'b in [1] converted', 'c ># 2 converted', 'residual d converted', 'residual e converted'],
    ],
    ['a = 1 OR b = 2', ['residual a = 1 OR b = 2']],
    ['a = 1 OR a = 2 OR (a IN [2, 3] OR 4 = a)', ['a in [1,2,3,4]']],
    ["a = 1 OR a = '1'", ['a in [1,"1"]']],
    ['a = 1 OR a > 2', ['residual a = 1 OR a > 2']],
    ['a = 1 OR a', ['residual a = 1 OR a']],
    ["a.b = 1 OR a['b'] = 2", ['a.b in [1,2]']],
    ['a IN [1, "x", false]', ['a in [1,"x",false]']],
    ['a IN []', ['residual a IN []']],
    ['a IN [1, NULL]', ['residual a IN [1, NULL]']],
    ['a IN [1, b]', ['residual a IN [1, b]']],
    ['1 IN a', ['residual 1 IN a']],
    ['a = NULL', ['residual a = NULL']],
    ['a = UNDEFINED', ['residual a = UNDEFINED']],
    ['a = b', ['residual a = b']],
    ['1 = 1', ['residual 1 = 1']],
    ['a <> 1', ['residual a <> 1']],
    ['NOT a = 1', ['residual NOT a = 1']],
    [
      'a < 1 AND a <= 1 AND a > 1 AND a >= -1.5',
      ['a <# 1 converted', 'a <=# 1 converted', 'a ># 1 converted', 'a >=# -1.5 converted'],
    ],
    ['1 < a', ['a ># 1']],
    ['1 <= a AND 2 > a AND 3 >= a', ['a >=# 1 converted', 'a <# 2 converted', 'a <=# 3 converted']],
    ["a > '9'", ['a ># 9']],
    ["a > '+9'", ["residual a > '+9'"]],
    ['a > true', ['residual a > TRUE']],
    ['a > b', ['residual a > b']],
    ['@v = 1', ['residual @v = 1']],
    ['@v.x > 1', ['residual @v.x > 1']],
    ['f(a) = 1', ['residual f(a) = 1']],
    ['a[b] = 1', ['residual a[b] = 1']],
  ]
  for (const [text, found] of cases) it(text, () => assert.deepEqual(shown(text, 'sql'), found))

  it('of the longest chain are found without recursion', () => {
    const text = Array.from({ length: 500 }, (_, i) => `a${i} = ${i}`).join(' AND ')
    assert.equal(shown(text, 'sql').length, 500)
  })
})

describe('the conjuncts of a condition', () => {
  const cases: [string, string[]][] = [
    ["$body.a.b = 'x'", ['$body .a.b in ["x"]']],
    ["level = 'hot' AND $contentType = 'x'", ['level in ["hot"] converted', '$system contentType in ["x"] converted']],
    ['$twin.tags.a > 5', ['$twin .tags.a ># 5']],
    ["$body.at > '2024'", ["residual $body.at > '2024'"]],
    ["$body.at > '9'", ["residual $body.at > '9'"]],
    ["a = 'x' OR a = 'y'", ['a in ["x","y"]']],
  ]
  for (const [text, found] of cases) it(text, () => assert.deepEqual(shown(text, 'condition'), found))
})
