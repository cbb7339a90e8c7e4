import assert from 'node:assert/strict'
import { parseCondition } from '../../src/routing/parse-condition.ts'
import type { FunctionShape } from '../../src/routing/token-reader.ts'
import { faultAt } from './fault-at.ts'
import { treeText } from './tree-text.ts'

const functions = new Map<string, FunctionShape>([
  ['is_defined', { arity: [1, 1] }],
  ['as_number', { arity: [1, 1] }],
  ['contains', { arity: [2, 2] }],
])

describe('a condition is read', () => {
  const trees: [string, string][] = [
    ['true', 'true'],
    ["processingPath = 'hot'", '(= processingPath "hot")'],
    ["level = 'a' AND NOT x OR y", '(or (and (= level "a") (not x)) y)'],
    ['$body.a.b[0].c > 5', '(> $body.a.b[0].c 5)'],
    ['$BODY.Weather.HistoricalData[0].Month', '$body.Weather.HistoricalData[0].Month'],
    ['$body', '$body'],
    ['$body[0]', '$body[0]'],
    ["$twin.tags.location = 'x'", '(= $twin.tags.location "x")'],
    ['$twin.properties.desired.telemetryConfig.sendFrequency', '$twin.properties.desired.telemetryConfig.sendFrequency'],
    ["$contentType = 'application/json'", '(= $sys:contentType "application/json")'],
    ['$sys.contentType', '$sys:contentType'],
    ['$SYS.content-type', '$sys:content-type'],
    ['$iothub-message-source', '$sys:iothub-message-source'],
    ['$sys.body', '$sys:body'],
    ["iothub-message-schema <> 'x'", '(<> iothub-message-schema "x")'],
    // the minus sign
    ['a-1', 'a-1'],
    ['a - 1', '(- a 1)'],
    ['a -1', '(- a 1)'],
    ['a- 1', '(- a 1)'],
    ['a - -1', '(- a -1)'],
    ['$body.x-1', '(- $body.x 1)'],
    ['$body.x-y', '(- $body.x y)'],
    ['$twin.tags.a-b', '(- $twin.tags.a b)'],
    ['-$body.x', '(- $body.x)'],
    // literals
    ["'it\\'s'", '"it\'s"'],
    ['"say \\"x\\""', '"say \\"x\\""'],
    [String.raw`'\u0041\n\t\\\/'`, String.raw`"A\n\t\\/"`],
    ['0x1F', '31'],
    ['0XfF', '255'],
    ['-0x10', '-16'],
    ['1.5e3', '1500'],
    ['NULL', 'null'],
    ['undefined', 'undefined'],
    // functions, and words that are keywords of SQL
    ['IS_DEFINED($body.a)', '(is_defined! $body.a)'],
    ['as_number(severity) <= 2', '(<= (as_number! severity) 2)'],
    ["select = 1 OR from = 'x' AND value", '(or (= select 1) (and (= from "x") value))'],
    ['where = 1', '(= where 1)'],
    ['a.b', 'a.b'],
    ['(a)', 'a'],
    ['a != b', '(<> a b)'],
  ]
  for (const [text, tree] of trees) it(text, () => assert.equal(treeText(parseCondition(text, { functions })), tree))
})

describe('a condition is refused', () => {
  const cases: [code: string, marked: string, message: RegExp][] = [
    ['RULE_SYNTAX', '>><<', /expected an expression, found the end/],
    ['RULE_SYNTAX', 'a = >><<', /expected an expression/],
    ['RULE_SYNTAX', 'a >>b<<', /expected an operator or the end, found b/],
    ['RULE_SYNTAX', 'a AND >>OR<< b', /found OR/],
    ['RULE_SYNTAX', "a = 'it'>>'s'<<", /write \\' for a quote/],
    ['RULE_SYNTAX', "a = >>'b<<", /never closed/],
    ['RULE_SYNTAX', "a = 'b>>\\d<<'", /a backslash stands before one of .* \(write \\\\\)/],
    ['RULE_SYNTAX', "a = 'b\nc>>\\x<<'", /backslash/],
    ['RULE_SYNTAX', "a = 'b>>\\u<<00'", /backslash/],
    ['RULE_SYNTAX', '$body.a[>>b<<]', /a whole number/],
    ['RULE_SYNTAX', '$body.a[>>1.5<<]', /a whole number/],
    ['RULE_SYNTAX', '$body.>>[<<0]', /name of a member/],
    ['RULE_SYNTAX', '$body.a >>`<<b`', /no names in backticks/],
    ['RULE_SYNTAX', '>>@<<a', /no variables/],
    ['RULE_SYNTAX', '>>$<< = 1', /name of a system property is missing/],
    ['RULE_SYNTAX', '>>$sys<< = 1', /name of a system property is missing/],
    ['RULE_SYNTAX', '>>$sys.<< = 1', /name of a system property is missing/],
    ['RULE_SYNTAX', '>>0x<<', /neither a number/],
    ['RULE_SYNTAX', 'contains(>>*<<, a)', /expected an expression/],
    ['RULE_UNSUPPORTED', 'a >>IN<< [1]', /IN is not offered \(a = 1 OR a = 2\)/],
    ['RULE_UNSUPPORTED', 'a >>NOT<< IN [1]', /NOT IN is not offered/],
    ['RULE_UNSUPPORTED', "a >>LIKE<< 'x'", /CONTAINS/],
    ['RULE_UNSUPPORTED', 'a >>BETWEEN<< 1 AND 2', /BETWEEN/],
    ['RULE_UNSUPPORTED', 'a >>IS<< NULL', /IS_NULL/],
    ['RULE_UNSUPPORTED', '>>SELECT<< * FROM x', /one expression/],
    ['RULE_UNSUPPORTED', '>>WHERE<< a = 1', /leave WHERE out/],
    ['RULE_UNSUPPORTED', 'true >>WHERE<< a', /leave WHERE out/],
    ['RULE_UNSUPPORTED', '>>CASE<< a WHEN 1 THEN 2 END', /one expression/],
    ['RULE_UNSUPPORTED', 'a = >>[<<1]', /no arrays or objects/],
    ['RULE_UNSUPPORTED', 'a = >>{<<}', /no arrays or objects/],
    ['RULE_FUNCTION', '>>is_define<<(a)', /did you mean is_defined/],
    ['RULE_FUNCTION', '>>CAST<<(a)', /no function CAST/],
    ['RULE_LIMIT', `${'('.repeat(64)}>>(<<a`, /nested deeper/],
    ['RULE_LIMIT', `${'1+'.repeat(511)}1>>+<<1`, /chain/],
    ['RULE_LIMIT', `${'a'.repeat(16_384)}>>a<<`, /longer than/],
  ]
  for (const [code, marked, message] of cases)
    it(`${code}: ${JSON.stringify(marked).slice(0, 60)}`, () => {
      const error = faultAt(marked, text => parseCondition(text, { functions }))
      assert.equal(error.code, code)
      assert.match(error.message, message)
    })

  it('has its place in the text, also where the other half of a character was cut off, however often that is read', () => {
    const whole = 'temperature > (NOT \u{1f642} + 1'
    // So often that the engine compiles for it.
    for (let i = 0; i < 30_000; i++) {
      const text = whole.slice(0, 20)
      assert.throws(
        () => parseCondition(text),
        ({ position }) => position.offset === 19 && position.length === 1,
      )
    }
  })
})
