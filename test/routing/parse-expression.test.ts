// biome-ignore-all lint/suspicious/noTemplateCurlyInString: templates of rules
import assert from 'node:assert/strict'
import { parseExpression } from '../../src/routing/parse-expression.ts'
import { parseTemplate } from '../../src/routing/parse-template.ts'
import { faultAt } from './fault-at.ts'
import { treeText } from './tree-text.ts'

describe('an expression is read', () => {
  const trees: [string, string][] = [
    // binding
    ['a OR b AND c', '(or a (and b c))'],
    ['a AND b OR c', '(or (and a b) c)'],
    ['a OR b OR c', '(or (or a b) c)'],
    ['NOT a = b', '(not (= a b))'],
    ['NOT a AND b', '(and (not a) b)'],
    ['NOT NOT a', '(not (not a))'],
    ['a = NOT b = c', '(= a (not (= b c)))'],
    ['a AND NOT b OR c', '(or (and a (not b)) c)'],
    ['a = b + c * d', '(= a (+ b (* c d)))'],
    ['a + b - c', '(- (+ a b) c)'],
    ['a * b / c % d', '(% (/ (* a b) c) d)'],
    ['a * (b + c)', '(* a (+ b c))'],
    ['a < b = c', '(= (< a b) c)'],
    ['a - b < c + d', '(< (- a b) (+ c d))'],
    ['-a * b', '(* (- a) b)'],
    ['-a.b', '(- a.b)'],
    ['- -a', '(- (- a))'],
    ['a - -b', '(- a (- b))'],
    ['a IN [1, 2] AND b', '(and (in a (array 1 2)) b)'],
    ...['=', '<>', '<', '<=', '>', '>=', '+', '-', '*', '/', '%'].map((sign): [string, string] => [`a${sign}b`, `(${sign} a b)`]),
    ['a != b', '(<> a b)'],
    // literals
    ['12', '12'],
    ['1.5', '1.5'],
    ['.5', '0.5'],
    ['1e-3', '0.001'],
    ['1E+3', '1000'],
    ['-2.4E3', '-2400'],
    ['- 5', '-5'],
    ['-0', '0'],
    ['3-2', '(- 3 2)'],
    ['3--2', '(- 3 -2)'],
    ['-(5)', '(- 5)'],
    ['True', 'true'],
    ['FALSE', 'false'],
    ['null', 'null'],
    ['Undefined', 'undefined'],
    [`'it''s'`, `"it's"`],
    [`'it\\'s'`, `"it's"`],
    [`"say ""x"""`, `"say \\"x\\""`],
    [`"say \\"x\\""`, `"say \\"x\\""`],
    [`'"'`, `"\\""`],
    [String.raw`'\d+'`, String.raw`"\\d+"`],
    [String.raw`'a\\b'`, String.raw`"a\\b"`],
    [String.raw`'a\\'`, String.raw`"a\\"`],
    [String.raw`'\"'`, String.raw`"\\\""`],
    [String.raw`'\n'`, String.raw`"\\n"`],
    ["''", '""'],
    ["'a\nb'", String.raw`"a\nb"`],
    // names and members
    ['a.b.c', 'a.b.c'],
    ['$a_1', '$a_1'],
    ['Temp', 'Temp'],
    ['a . b', 'a.b'],
    ['a.and.or', 'a.and.or'],
    ['`my-key`.`a``b`', 'my-key.a`b'],
    ['`AND`', 'AND'],
    ['a[0][b + 1].c', 'a[0][(+ b 1)].c'],
    ['(a)[0]', 'a[0]'],
    ["'abc'[0]", '"abc"[0]'],
    ['@v.a.b[0]', '@v.a.b[0]'],
    ['value', 'value'],
    // calls
    ['F()', '(f!)'],
    ['get (*, 0)', '(get! * 0)'],
    ['f(a, g(b))', '(f! a (g! b))'],
    ['f(a).b', '(f! a).b'],
    ['f(value, in, set)', '(f! value in set)'],
    ['set(1)', '(set! 1)'],
    ...['String', 'NVARCHAR', 'text', 'ntext', 'varchar'].map((type): [string, string] => [
      `cast(a AS ${type})`,
      '(cast:string a)',
    ]),
    ...['Int', 'INTEGER'].map((type): [string, string] => [`CAST(a as ${type})`, '(cast:int a)']),
    ...['Decimal', 'double'].map((type): [string, string] => [`CAST(a as ${type})`, '(cast:decimal a)']),
    ...['Bool', 'BOOLEAN'].map((type): [string, string] => [`CAST(a as ${type})`, '(cast:boolean a)']),
    ['CASE a WHEN 1 THEN b END', '(case a 1 b)'],
    ['CASE a WHEN 1 THEN b WHEN 2 THEN c ELSE d END.x', '(case a 1 b 2 c d).x'],
    ['CASE WHEN a > 1 THEN b ELSE c END', '(case (> a 1) b c)'],
    ['[]', '(array)'],
    ['[1, [a], {}]', '(array 1 (array a) (object))'],
    ['{a: 1, \'b c\': 2, "d": 3, `e`: 4, select: 5}', '(object a: 1 b c: 2 d: 3 e: 4 select: 5)'],
    ['{a: {b: 1}}.a.b', '(object a: (object b: 1)).a.b'],
  ]
  for (const [text, tree] of trees) it(text, () => assert.equal(treeText(parseExpression(text, { variables: ['v'] })), tree))
})

describe('an expression is refused', () => {
  const cases: [marked: string, message: RegExp][] = [
    ['>><<', /expected an expression, found the end/],
    ['a >>b<<', /expected an operator or the end, found b/],
    ['a + >><<', /expected an expression/],
    ['a >>AS<< b', /expected an operator or the end, found AS/],
    ['a + >>)<<', /found \)/],
    ['>>,<<', /found ,/],
    ['(a>><<', /expected \), found the end/],
    ['a IN (1>>,<< 2)', /expected \), found , \(a list stands in square brackets: \[1, 2\]\)/],
    ['f(a>><<', /expected \)/],
    ['f(a,>>)<<', /expected an expression, found \)/],
    ['a[>>]<<', /expected an expression, found \]/],
    ['a[0>><<', /expected \]/],
    ['[1,>>]<<', /expected an expression/],
    ['{a>><<', /expected :/],
    ['{>>1<<: 2}', /expected a key, found 1/],
    ['a>>.0<<', /found \.0 \(an element of an array is a\[0\]\)/],
    ['a.>>"b"<<', /the name of a member/],
    ['cast >>=<< 1', /expected \(, found =/],
    ['CAST(a >>,<< b)', /expected AS, found ,/],
    ['CAST(a AS >>date<<)', /expected a type, found date \(String, Int, Decimal or Boolean\)/],
    ['CASE a >>END<<', /expected WHEN/],
    ['CASE a WHEN 1 >>2<<', /expected THEN, found 2/],
    ['CASE a WHEN 1 THEN 2>><<', /expected END, found the end \(CASE/],
    [">>'abc<<", /the ' is never closed/],
    ['>>"abc\ndef<<', /the " is never closed/],
    ["'a' = >>'b\\\\\\'<<", /never closed/],
    ['a +\n>>`b<<', /the ` is never closed/],
    ["'a\nb' >>c<<", /expected an operator/],
    ['>>1a<<', /1a is neither a number nor a name/],
    ['>>0x10<<', /0x10 is neither/],
    ['>>1.<<', /digits are missing behind the point/],
    ['>>1.<< .a', /digits are missing/],
    ['>>1e999<<', /too large/],
    ['>>1e<<', /1e is neither/],
    ['a >>?<< b', /unexpected \?/],
    ['a >>:<< b', /found :/],
    ['a >>}<<', /found }/],
  ]
  for (const [marked, message] of cases)
    it(JSON.stringify(marked), () => {
      const error = faultAt(marked, text => parseExpression(text))
      assert.equal(error.code, 'RULE_SYNTAX')
      assert.match(error.message, message)
    })
})

describe('a template is read', () => {
  const parts = (text: string): string[] =>
    parseTemplate(text, { variables: ['v'] }).map(part => (typeof part === 'string' ? `'${part}'` : treeText(part)))
  const cases: [string, string[]][] = [
    ['', []],
    ['a/b', ["'a/b'"]],
    ['$$aws/things', ["'$$aws/things'"]],
    ['devices/${clientid()}/x', ["'devices/'", '(clientid!)', "'/x'"]],
    ['${a}${b.c}', ['a', 'b.c']],
    ['$${a}', ["'${a}'"]],
    ['x$${a}${b}', ["'x${a}'", 'b']],
    ['$$${a}', ["'$${a}'"]],
    ["${ {a: '}'}.a }s'\"`", ['(object a: "}").a', "'s'\"`'"]],
    ["${'${x}'}", ['"${x}"']],
    ['${(SELECT VALUE value FROM e)}', ['(select:value value from e)']],
    ['${@v.x} $ { }', ['@v.x', "' $ { }'"]],
    ['a\n${ b\n}\n${c}', ["'a\n'", 'b', "'\n'", 'c']],
    ['${value}', ['value']],
  ]
  for (const [text, found] of cases) it(JSON.stringify(text), () => assert.deepEqual(parts(text), found))

  const refused: [code: string, marked: string][] = [
    ['RULE_SYNTAX', 'a/${>><<'],
    ['RULE_SYNTAX', 'a/${>>}<<'],
    ['RULE_SYNTAX', '${a}/${b >>c<<}'],
    ['RULE_SYNTAX', "x\n'y'\n${a}\n${b >>:<<}"],
    ['RULE_SYNTAX', "${a + >>'}<<"],
    ['RULE_VARIABLE', '${>>@w<<}'],
    ['RULE_LIMIT', `\${a}${'b'.repeat(16_380)}>>c<<`],
    ['RULE_UNSUPPORTED', "${>>get_secret<<('a')}"],
  ]
  for (const [code, marked] of refused)
    it(`or refused: ${JSON.stringify(marked).slice(0, 60)}`, () => {
      assert.equal(faultAt(marked, text => parseTemplate(text)).code, code)
    })
})
