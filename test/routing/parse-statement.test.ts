import assert from 'node:assert/strict'
import { parseStatement } from '../../src/routing/parse-statement.ts'
import type { FunctionShape } from '../../src/routing/token-reader.ts'
import { faultAt } from './fault-at.ts'
import { statementText } from './tree-text.ts'

const functions = new Map<string, FunctionShape>([
  ['abs', { arity: [1, 1] }],
  ['floor', { arity: [1, 1] }],
  ['get', { arity: [2, 2], star: true }],
  ['aws_lambda', { arity: [2, 2], star: true, external: true }],
  ['get_secret', { arity: [2, 4] }],
  ['jsonata', { arity: [1, 2] }],
  ['lookup', { arity: [2, 2], external: true }],
  ['decode', { arity: [2, 4], star: true }],
])

describe('a statement is read', () => {
  const trees: [string, string][] = [
    ["SELECT * FROM 'a/b'", 'select * from a/b'],
    ['select * from "a/+/#" where x', 'select * from a/+/# where x'],
    ['SELECT *', 'select *'],
    ['SELECT * AS all.of, a, b.c AS d.e', 'select *>all.of, a, b.c>d.e'],
    ["SELECT a FROM 'x', 'y/#'", 'select a from x y/#'],
    ['SELECT a WHERE b = 1', 'select a where (= b 1)'],
    ["SET @a = 1, @b_2 = @a.x.y + 1 SELECT @b_2 FROM 'x' WHERE @a", '@a = 1; @b_2 = (+ @a.x.y 1); select @b_2 from x where @a'],
    ['SET @a = b = c SELECT @a', '@a = (= b c); select @a'],
    ['set @and = 1 select @and', '@and = 1; select @and'],
    ["SELECT a\r\nFROM\t\u00a0'x'\n", 'select a from x'],
    // VALUE as keyword and as key
    ["SELECT VALUE a FROM 'x'", 'select:value a from x'],
    ["SELECT value * FROM 'x'", 'select:value * from x'],
    ['SELECT VALUE *', 'select:value *'],
    ['SELECT VALUE * WHERE a', 'select:value * where a'],
    ['SELECT VALUE -a', 'select:value (- a)'],
    ['SELECT VALUE [1]', 'select:value (array 1)'],
    ['SELECT VALUE (a)', 'select:value a'],
    ['SELECT VALUE {a: 1}', 'select:value (object a: 1)'],
    ["SELECT VALUE 'x'", 'select:value "x"'],
    ['SELECT VALUE value', 'select:value value'],
    ['SELECT VALUE NOT a', 'select:value (not a)'],
    ['SELECT VALUE CASE a WHEN 1 THEN 2 END', 'select:value (case a 1 2)'],
    ["SELECT value FROM 'x'", 'select value from x'],
    ['SELECT value', 'select value'],
    ['SELECT value WHERE value > 1', 'select value where (> value 1)'],
    ['SELECT value, b', 'select value, b'],
    ['SELECT value.x', 'select value.x'],
    ['SELECT value AS v', 'select value>v'],
    ['SELECT value * 2', 'select (* value 2)'],
    ['SELECT value + 2', 'select (+ value 2)'],
    ['SELECT value / 2, value % 2', 'select (/ value 2), (% value 2)'],
    ['SELECT value = 2', 'select (= value 2)'],
    ['SELECT value != 2', 'select (<> value 2)'],
    ['SELECT value AND b', 'select (and value b)'],
    ['SELECT value IN [1]', 'select (in value (array 1))'],
    ['SELECT a, value - 2', 'select a, (- value 2)'],
    ['SELECT `value` - 2', 'select (- value 2)'],
    // other words that are keywords at their place only
    [
      'SELECT set, foreach, do, incase, in, limit, count, distinct, like, group',
      'select set, foreach, do, incase, in, limit, count, distinct, like, group',
    ],
    ["SELECT distinct FROM 'x'", 'select distinct from x'],
    ['SELECT distinct.a, distinct + 1', 'select distinct.a, (+ distinct 1)'],
    ['SELECT distinct AS d', 'select distinct>d'],
    ['SELECT a.select.FROM.where AS case.End', 'select a.select.FROM.where>case.End'],
    ['SELECT a.`my-key` AS `b c`', 'select a.my-key>b c'],
    ['SELECT a IN in', 'select (in a in)'],
    // FOREACH
    ['FOREACH a', 'foreach a as item'],
    [
      "FOREACH a.b AS r DO r.x AS y, z INCASE r.x > 5 FROM 't' WHERE q",
      'foreach a.b as r do r.x>y, z incase (> r.x 5) from t where q',
    ],
    ['FOREACH do DO do INCASE incase', 'foreach do as item do do incase incase'],
    ['FOREACH a AS in DO *', 'foreach a as in do *'],
    // nested SELECT
    ['SELECT (SELECT a, b.c AS d FROM e.f WHERE g > 1)', 'select (select a, b.c>d from e.f where (> g 1))'],
    ['SELECT (SELECT VALUE a FROM e)[0].x', 'select (select:value a from e)[0].x'],
    ['SELECT (SELECT VALUE * FROM e)', 'select (select:value * from e)'],
    ['SELECT (SELECT value FROM e), (SELECT * FROM e)', 'select (select value from e), (select * from e)'],
    ['SELECT get((SELECT v FROM s WHERE n = "x"), 0).v', 'select (get! (select v from s where (= n "x")) 0).v'],
    ['SELECT (SELECT (SELECT VALUE a FROM b) AS c FROM d)', 'select (select (select:value a from b)>c from d)'],
  ]
  for (const [text, tree] of trees) it(text, () => assert.equal(statementText(parseStatement(text)), tree))

  it('with the place of each part', () => {
    const text = "SET @a = 1\nSELECT b + (c) AS d,\n *\nFROM 't/#'\nWHERE  a.b[0] = 'x' AND NOT f(1)"
    const { set, output, from, where } = parseStatement(text)
    const piece = (one: { position: { offset: number; line: number; column: number; length: number } }): string => {
      const { offset, line, column, length } = one.position
      const lines = text.slice(0, offset).split('\n')
      assert.deepEqual({ line, column }, { line: lines.length, column: lines.at(-1)!.length + 1 })
      return text.slice(offset, offset + length)
    }
    assert.equal(piece(set[0]!), '@a = 1')
    assert.ok(output.kind === 'select' && where?.kind === 'binary' && where.left.kind === 'binary')
    assert.deepEqual(output.items.map(piece), ['b + (c) AS d', '*'])
    assert.deepEqual(
      output.items.flatMap(({ expression }) => (expression ? [piece(expression)] : [])),
      ['b + (c)'],
    )
    assert.deepEqual(from.map(piece), ["'t/#'"])
    assert.deepEqual([where, where.left, where.left.left, where.right].map(piece), [
      "a.b[0] = 'x' AND NOT f(1)",
      "a.b[0] = 'x'",
      'a.b[0]',
      'NOT f(1)',
    ])
  })

  it('with what AWS does not know noted, each once, at its first place', () => {
    const text =
      "SELECT a[0], b[1], `c` FROM 'x', 'y' WHERE a != 1 AND b IN [1] AND CASE WHEN a THEN b END = lookup('t', c) AND jsonata"
    const found = parseStatement(text).extensions.map(({ what, position: { offset, length } }) => [
      what,
      text.slice(offset, offset + length),
    ])
    assert.deepEqual(found, [
      ['brackets for get()', '['],
      ['backticks', '`c`'],
      ['several topic filters', "'y'"],
      ['!=', '!='],
      ['CASE without a value', 'CASE'],
      ['lookup', 'lookup'],
    ])
    assert.deepEqual(
      parseStatement("FOREACH a DO jsonata('x')").extensions.map(({ what }) => what),
      ['FOREACH', 'jsonata'],
    )
    assert.deepEqual(
      parseStatement("SELECT decode(a, 'proto', 's', 't')").extensions.map(({ what }) => what),
      ['decode with a schema of the registry'],
    )
    assert.deepEqual(
      parseStatement("SELECT *, get(a, 0) AS b FROM 'x' WHERE a <> 1 AND a IN [2] AND CASE a WHEN 1 THEN b END").extensions,
      [],
    )
  })
})

describe('a statement is refused', () => {
  const cases: [code: string, marked: string, message?: RegExp][] = [
    // what is expected
    ['RULE_SYNTAX', '>><<', /expected SELECT, found the end/],
    ['RULE_SYNTAX', '  >>UPDATE<< x', /expected SELECT, found UPDATE/],
    ['RULE_SYNTAX', 'SELECT>><<', /expected an expression, found the end/],
    ['RULE_SYNTAX', "SELECT >>FROM<< 'x'", /expected an expression, found FROM/],
    ['RULE_SYNTAX', "SELECT a, >>FROM<< 'x'", /expected an expression, found FROM.*one comma too many/],
    ['RULE_SYNTAX', 'SELECT a,>><<', /expected an expression/],
    ['RULE_SYNTAX', 'SELECT a >>b<<', /expected a comma, AS, FROM or WHERE, found b/],
    ['RULE_SYNTAX', "SELECT a >>'b'<<", /found the text 'b'/],
    ['RULE_SYNTAX', 'SELECT a >>@b<<', /found @b/],
    ['RULE_SYNTAX', 'SELECT a AS >>1<<', /expected a name, found 1/],
    ['RULE_SYNTAX', 'SELECT a AS b.>><<', /expected a name, found the end/],
    ['RULE_SYNTAX', "SELECT a AS >>'b'<<", /expected a name/],
    ['RULE_SYNTAX', 'SELECT a>>.1<<', /expected a comma, AS, FROM or WHERE, found \.1/],
    ['RULE_SYNTAX', 'SELECT a FROM >>sensors<</x', /topic filter in quotes, found sensors \(FROM 'plants/],
    ['RULE_SYNTAX', 'SELECT a FROM>><<', /topic filter in quotes/],
    ['RULE_SYNTAX', "SELECT a FROM 'x',>><<", /topic filter in quotes/],
    ['RULE_SYNTAX', "SELECT a FROM 'x' >>'y'<<", /expected WHERE or the end/],
    ['RULE_SYNTAX', "SELECT a FROM 'x' WHERE>><<", /expected an expression/],
    ['RULE_SYNTAX', "SELECT a FROM 'x' WHERE b >>c<<", /expected an operator or the end/],
    ['RULE_SYNTAX', "SELECT a WHERE b >>FROM<< 'x'", /expected an operator or the end, found FROM/],
    ['RULE_SYNTAX', 'SELECT a = >>*<<', /\* stands alone in SELECT/],
    ['RULE_SYNTAX', 'SELECT >>end<<', /`end`/],
    ['RULE_SYNTAX', 'SELECT >>SELECT<< a', /stands in brackets/],
    ['RULE_SYNTAX', 'SELECT a WHERE b >>NOT<< IN [1]', /NOT \(a IN b\)/],
    ['RULE_SYNTAX', 'SELECT VALUE a, >>b AS c<<', /SELECT VALUE makes one value/],
    ['RULE_SYNTAX', 'SELECT (SELECT a>>)<<', /expected FROM, found \)/],
    ['RULE_SYNTAX', 'SELECT (SELECT a FROM b >>c<<)', /expected \), found c/],
    ['RULE_SYNTAX', 'SET >>a<< = 1 SELECT a', /expected @name/],
    ['RULE_SYNTAX', 'SET @a >>1<< SELECT a', /expected =, found 1/],
    ['RULE_SYNTAX', 'SET @a = 1>><<', /expected SELECT/],
    ['RULE_SYNTAX', 'FOREACH>><<', /expected an expression/],
    ['RULE_SYNTAX', 'FOREACH a AS >>1<<', /a name for the element/],
    ['RULE_SYNTAX', 'FOREACH a >>b<<', /expected DO, INCASE, FROM or WHERE/],
    ['RULE_SYNTAX', "SELECT get(*, 'x'), abs(>>*<<)", /\* is no argument of abs\(\)/],
    // words of other languages
    ['RULE_SYNTAX', 'SELECT a >>==<< 1', /write =/],
    ['RULE_SYNTAX', 'SELECT a >>&&<< b', /write AND/],
    ['RULE_SYNTAX', 'SELECT a >>||<< b', /write OR/],
    ['RULE_SYNTAX', 'SELECT >>!<<a', /write NOT/],
    ['RULE_SYNTAX', "SELECT a FROM 'x'>>;<<", /without a semicolon/],
    ['RULE_SYNTAX', 'SELECT a >>--<< note', /no comments/],
    ['RULE_SYNTAX', 'SELECT a >>/*<< note */', /no comments/],
    ['RULE_SYNTAX', 'SELECT a >>//<< note', /no comments/],
    ['RULE_SYNTAX', 'SELECT a FROM >>#<<', /stands in quotes/],
    ['RULE_SYNTAX', 'SELECT gr>>ö<<ße', /backticks/],
    ['RULE_SYNTAX', 'SELECT a >>🙂<<', /unexpected 🙂/],
    ['RULE_SYNTAX', 'SELECT a >>\u0000<<', /unexpected control character/],
    ['RULE_SYNTAX', 'SELECT >>@<< 1', /name of a variable is missing/],
    // not offered
    ['RULE_UNSUPPORTED', "SELECT a FROM 'x' >>GROUP<< BY a", /GROUP BY is not offered \(the window node/],
    ['RULE_UNSUPPORTED', "SELECT a FROM 'x' WHERE b >>HAVING<< c", /HAVING/],
    ['RULE_UNSUPPORTED', "SELECT a FROM 'x' WHERE b >>ORDER<< BY c", /ORDER BY/],
    ['RULE_UNSUPPORTED', "SELECT a FROM 'x' >>LIMIT<< 5", /LIMIT/],
    ['RULE_UNSUPPORTED', 'SELECT >>DISTINCT<< a', /DISTINCT/],
    ['RULE_UNSUPPORTED', 'SELECT >>DISTINCT<< (a)', /DISTINCT/],
    ['RULE_UNSUPPORTED', "SELECT a FROM 'x' >>JOIN<< 'y'", /JOIN/],
    ['RULE_UNSUPPORTED', "SELECT a FROM 'x' >>LEFT<< JOIN 'y'", /JOIN/],
    ['RULE_UNSUPPORTED', "SELECT a FROM 'x' >>UNION<< SELECT b", /UNION/],
    ['RULE_UNSUPPORTED', 'SELECT (SELECT a FROM b >>ORDER<< BY c)', /ORDER BY/],
    ['RULE_UNSUPPORTED', "SELECT a WHERE b >>LIKE<< 'x%'", /startswith/],
    ['RULE_UNSUPPORTED', "SELECT a WHERE b >>NOT<< LIKE 'x%'", /NOT LIKE is not offered/],
    ['RULE_UNSUPPORTED', 'SELECT a WHERE b >>BETWEEN<< 1 AND 2', />= low AND a <= high/],
    ['RULE_UNSUPPORTED', 'SELECT a WHERE b >>IS<< NULL', /isnull\(\) or isundefined\(\)/],
    ...['count', 'sum', 'AVG', 'min', 'max'].map((name): [string, string, RegExp] => [
      'RULE_UNSUPPORTED',
      `SELECT >>${name}<<(a)`,
      /the window node/,
    ]),
    ['RULE_UNSUPPORTED', 'SELECT >>machinelearning_predict<<(a)', /a node behind the rule/],
    ['RULE_UNSUPPORTED', 'SELECT >>get_dynamodb<<(a)', /lookup\(\)/],
    ['RULE_UNSUPPORTED', "SELECT >>get_secret<<('a', 'b')", /templates of actions/],
    ['RULE_UNSUPPORTED', "SELECT >>decode(*, 'proto', 'bucket', 'key', 'file', 'type')<<", /schema registry/],
    ['RULE_UNSUPPORTED', "SELECT a WHERE >>jsonata<<('x')", /SELECT or DO/],
    ['RULE_UNSUPPORTED', "SET @a = >>jsonata<<('x') SELECT a", /SELECT or DO/],
    ['RULE_UNSUPPORTED', "FOREACH a INCASE >>jsonata<<('x')", /SELECT or DO/],
    ['RULE_UNSUPPORTED', "SELECT (SELECT a FROM b WHERE >>jsonata<<('x'))", /SELECT or DO/],
    // functions
    ['RULE_FUNCTION', 'SELECT >>flor<<(a)', /no function flor \(did you mean floor\)/],
    ['RULE_FUNCTION', 'SELECT a WHERE >>FLOORS<<(a) = 1', /no function FLOORS \(did you mean floor\)/],
    ['RULE_FUNCTION', 'SELECT >>zzzzzzz<<(a)', /no function zzzzzzz$/],
    ['RULE_FUNCTION', 'SELECT >>constructor<<(a)', /no function constructor/],
    // variables
    ['RULE_VARIABLE', 'SET @a = 1, >>@a<< = 2 SELECT a', /@a is defined twice/],
    ['RULE_VARIABLE', 'SET @a = >>@a<< SELECT a', /no variable @a/],
    ['RULE_VARIABLE', 'SET @alpha = 1 SELECT >>@alhpa<<', /did you mean @alpha/],
    ['RULE_VARIABLE', 'SELECT >>@a<<', /define it by SET/],
    ['RULE_VARIABLE', `SELECT >>@${'a'.repeat(65)}<<`, /longer than 64/],
    // filters
    ...["''", "'a/#/b'", "'a+/b'", "'a/b#'", "'a\u0000'"].map((filter): [string, string] => [
      'RULE_TOPIC',
      `SELECT a FROM 'ok', >>${filter}<<`,
    ]),
    // limits
    ['RULE_LIMIT', `SELECT ${'('.repeat(64)}>>(<<a`, /nested deeper than 64/],
    ['RULE_LIMIT', `SELECT ${'abs('.repeat(64)}abs>>(<<`, /nested deeper than 64/],
    ['RULE_LIMIT', `SELECT ${'NOT '.repeat(64)}>>NOT<< a`, /nested deeper than 64/],
    ['RULE_LIMIT', `SELECT ${'- '.repeat(64)}>>-<< a`, /nested deeper than 64/],
    ['RULE_LIMIT', `SELECT ${'['.repeat(64)}>>[<<`, /nested deeper than 64/],
    ['RULE_LIMIT', `SELECT ${'{a:'.repeat(64)}>>{<<`, /nested deeper than 64/],
    ['RULE_LIMIT', `SELECT ${'CASE '.repeat(64)}>>CASE<< a`, /nested deeper than 64/],
    ['RULE_LIMIT', `SELECT ${'a['.repeat(64)}a>>[<<`, /nested deeper than 64/],
    ['RULE_LIMIT', `SELECT ${'1+'.repeat(511)}1>>+<<1`, /a chain of more than 512/],
    ['RULE_LIMIT', `SELECT a${'.a'.repeat(511)}>>.<<a`, /a chain of more than 512/],
    ['RULE_LIMIT', `SELECT ${'a,'.repeat(256)}>>a<<`, /more than 256 items/],
    [
      'RULE_LIMIT',
      `SET ${Array.from({ length: 32 }, (_, i) => `@v${i} = 1`).join(', ')}, >>@v32<< = 1 SELECT a`,
      /more than 32 variables/,
    ],
    ['RULE_LIMIT', `SELECT a WHERE a IN [${'1,'.repeat(1000)}>>2<<]`, /more than 1000 values/],
    ['RULE_LIMIT', `SELECT a FROM ${"'t',".repeat(64)}>>'t'<<`, /more than 64 topic filters/],
    ['RULE_LIMIT', `SELECT '${'a'.repeat(16_376)}>>'<<`, /longer than 16384 bytes/],
    ['RULE_LIMIT', `SELECT '${'€'.repeat(5458)}>>€€'<<`, /longer than 16384 bytes/],
  ]
  for (const [code, marked, message] of cases)
    it(`${code}: ${marked.length > 90 ? `${marked.slice(0, 40)} .. ${marked.slice(-40)}` : marked}`, () => {
      const error = faultAt(marked, text => parseStatement(text, { functions }))
      assert.equal(error.code, code)
      if (message) assert.match(error.message, message)
    })

  it('but not what is just within the limits', () => {
    const texts = [
      `SELECT ${'('.repeat(64)}a${')'.repeat(64)}`,
      `SELECT ${'1+'.repeat(511)}1`,
      `SELECT a${',a'.repeat(255)}`,
      `SELECT a WHERE a IN [${'1,'.repeat(999)}2]`,
      `SELECT a FROM ${"'t',".repeat(63)}'t'`,
      `SELECT '${'a'.repeat(16_375)}'`,
    ]
    for (const text of texts) parseStatement(text)
    assert.equal(parseStatement('SELECT a, b', { limits: { items: 2 } }).set.length, 0)
    assert.throws(() => parseStatement('SELECT a, b', { limits: { items: 1 } }), { code: 'RULE_LIMIT' })
  })

  it('unless the place of the text allows what a statement does not', () => {
    parseStatement("SELECT get_secret('a', 'b')", { functions, use: 'action' })
    parseStatement("SELECT aws_lambda('f', *)", { functions })
    assert.throws(() => parseStatement("SELECT aws_lambda('f', *)", { functions, use: 'errorAction' }), {
      code: 'RULE_UNSUPPORTED',
    })
    parseStatement("SELECT (SELECT jsonata('x') FROM b) WHERE a", { functions })
  })
})
