import assert from 'node:assert/strict'
import type { RuleMessage } from '../../src/routing/message.ts'
import { compileRule } from '../../src/routing/rule.ts'
import type { RuleOptions } from '../../src/routing/rule-options.ts'
import { deepFrozen } from './random-traffic.ts'

const body = deepFrozen({
  temperature: 55,
  color: 'red',
  flag: 'true',
  value: 7,
  nothing: null,
  a: { b: { c: 1 }, d: 'x' },
  list: [{ v: 1 }, { v: 5, w: { z: 9 } }, { w: 3 }],
  numbers: [3, 1, 2],
})
const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value))

/** The output, or `'not matched'`. */
function output(sql: string, message: RuleMessage = { payload: body, topic: 'devices/d1/data' }, options?: RuleOptions): unknown {
  const result = compileRule(sql, options).evaluate(message)
  return result.matched ? result.output : 'not matched'
}

const table = (cases: readonly (readonly [string, unknown])[], message?: RuleMessage): void => {
  for (const [sql, expected] of cases) it(sql, () => assert.deepEqual(output(sql, message), expected))
}

describe('SELECT', () => {
  table([
    ['SELECT temperature', { temperature: 55 }],
    ['SELECT a.b.c', { c: 1 }],
    ['SELECT a.b.c AS x.y, color AS x.z', { x: { y: 1, z: 'red' } }],
    ['SELECT lower(color)', { lower: 'red' }],
    ['SELECT LOWER(color), temperature + 1', { lower: 'red', expr2: 56 }],
    ['SELECT color, temperature AS color', { color: 55 }],
    ['SELECT missing, color', { color: 'red' }],
    ['SELECT missing', {}],
    ['SELECT nothing', { nothing: null }],
    ['SELECT VALUE a', body.a],
    ['SELECT VALUE missing', undefined],
    ['SELECT VALUE {x: missing, y: [missing, 1], z: nothing}', { y: [null, 1], z: null }],
    ['SELECT value', { value: 7 }],
    ['SELECT VALUE value', 7],
    ['SELECT *', body],
    ['SELECT *, temperature + 1 AS temperature', { ...body, temperature: 56 }],
    ['SELECT temperature + 1 AS temperature, *', body],
    ['SELECT *, 1 AS a.b.c', { ...body, a: { b: { c: 1 }, d: 'x' } }],
    ['SELECT a, 2 AS a.b.e', { a: { b: { c: 1, e: 2 }, d: 'x' } }],
    ['SELECT color, 1 AS color.x', { color: { x: 1 } }],
    ['SELECT * AS all.of', { all: { of: body } }],
    ['SELECT list[1].v, list[-1] AS none, get(numbers, 2) AS third', { v: 5, third: 2 }],
    ["SELECT CASE color WHEN 'blue' THEN 1 WHEN 'red' THEN 2 ELSE 3 END AS x", { x: 2 }],
    ["SELECT CASE color WHEN 'blue' THEN 1 END AS x, CASE missing WHEN 1 THEN 1 ELSE 2 END AS y", {}],
    ["SELECT CASE WHEN temperature > 60 THEN 'hot' WHEN missing THEN 'odd' ELSE 'cold' END AS x", { x: 'cold' }],
    [
      "SELECT cast('12.7' AS INT) AS a, cast(true AS Decimal) AS b, cast(0 AS Bool) AS c, cast(a AS String) AS d",
      {
        a: 12,
        b: 1,
        c: false,
        d: '{"b":{"c":1},"d":"x"}',
      },
    ],
    ['SELECT VALUE get(missing, 0)', undefined],
  ])

  it('defines a key that is called __proto__ and assigns nothing', () => {
    const payload = JSON.parse('{"__proto__": {"polluted": true}, "x": 1}')
    const spread = output('SELECT *, 1 AS y', { payload }) as object
    assert.deepEqual(Object.keys(spread), ['__proto__', 'x', 'y'])
    assert.equal(Object.getPrototypeOf(spread), Object.prototype)
    assert.deepEqual(Object.keys(output('SELECT x AS `__proto__`', { payload }) as object), ['__proto__'])
    assert.deepEqual(Object.keys(output('SELECT x AS `__proto__`.z, {"__proto__": x} AS o', { payload }) as object), [
      '__proto__',
      'o',
    ])
    assert.equal(output('SELECT VALUE constructor', { payload }), undefined)
    assert.equal(({} as { polluted?: boolean }).polluted, undefined)
  })
})

describe('the payload', () => {
  const binary = bytes('no json')
  it('of JSON bytes is their value, of others the bytes, whose keys are Undefined', () => {
    assert.deepEqual(output('SELECT *', { payload: bytes({ x: 1 }) }), { x: 1 })
    assert.equal(output('SELECT *', { payload: binary }), binary)
    assert.equal(output('SELECT VALUE *', { payload: binary }), binary)
    assert.deepEqual(output('SELECT x', { payload: binary }), {})
    assert.deepEqual(output('SELECT *, 1 AS y', { payload: binary }), { payload: 'bm8ganNvbg==', y: 1 })
    assert.deepEqual(output('SELECT * AS x', { payload: binary }), { x: 'bm8ganNvbg==' })
    assert.deepEqual(output('SELECT *, 1 AS y', { payload: 'text' }), { payload: 'text', y: 1 })
    assert.deepEqual(output('SELECT *, 1 AS y', { payload: bytes([1]) }), { payload: [1], y: 1 })
  })

  it('stands as an argument by its bytes, if they are known', () => {
    const sql = "SELECT VALUE encode(*, 'base64')"
    assert.equal(output(sql, { payload: binary }), 'bm8ganNvbg==')
    assert.equal(output(sql, { payload: { x: 1 }, raw: bytes('{ "x": 1 }') }), 'eyAieCI6IDEgfQ==')
    assert.equal(output(sql, { payload: { x: 1 } }), 'eyJ4IjoxfQ==')
  })

  it('of JSON bytes is nested as deep as telemetry may be; deeper ones are no JSON', () => {
    const nested = (levels: number): Uint8Array => Buffer.from(`${'['.repeat(levels)}${']'.repeat(levels)}`)
    assert.deepEqual(output('SELECT VALUE *', { payload: nested(100) }), JSON.parse(String(nested(100))))
    assert.deepEqual(output('SELECT VALUE *', { payload: nested(101) }), nested(101))
    assert.deepEqual(output('SELECT x, isundefined(x) AS u', { payload: nested(100_000) }), { u: true })
    assert.equal(typeof output('SELECT VALUE *', { payload: Buffer.from(`"${'['.repeat(200)}"`) }), 'string')
  })

  it('that is a text is no JSON', () => assert.deepEqual(output('SELECT x', { payload: '{"x":1}' }), {}))

  it('with a number beyond all numbers has none there', () =>
    assert.deepEqual(output('SELECT x, isundefined(x) AS u', { payload: bytes('{"x":1e999}') }), { u: true }))
})

describe('WHERE', () => {
  table([
    ['SELECT color WHERE temperature > 50', { color: 'red' }],
    ['SELECT color WHERE temperature > 60', 'not matched'],
    ['SELECT color WHERE missing > 60', 'not matched'],
    ["SELECT color WHERE missing <> 'x'", 'not matched'],
    ["SELECT color WHERE missing <> 'x' OR isundefined(missing)", { color: 'red' }],
    ['SELECT color WHERE missing > 1 OR temperature > 50', { color: 'red' }],
    ['SELECT color WHERE flag', 'not matched'],
    ["SELECT color WHERE 'true'", 'not matched'],
    ['SELECT color WHERE flag AND TRUE', { color: 'red' }],
    ['SELECT color WHERE TRUE', { color: 'red' }],
    ['SELECT color WHERE temperature', 'not matched'],
    ['SELECT temperature AS t WHERE t > 50', 'not matched'],
  ])

  it('of strict logic has no value where a side has none', () => {
    const sql = 'SELECT color WHERE missing > 1 OR temperature > 50'
    assert.equal(output(sql, { payload: body }, { logic: 'strict' }), 'not matched')
  })

  it('divides whole numbers as its options say', () => {
    assert.equal(output('SELECT VALUE 7 / 2'), 3.5)
    assert.equal(output('SELECT VALUE 7 / 2', { payload: {} }, { integerDivision: 'truncate' }), 3)
  })
})

describe('SET', () => {
  table([
    ['SET @t = temperature * 2, @u = @t + 1 SELECT @u AS u, @t WHERE @t > 100', { u: 111, t: 110 }],
    ['SET @a = a SELECT @a.b.c, @a.d AS d', { c: 1, d: 'x' }],
    ['SET @n = 2 SELECT (SELECT VALUE v FROM list WHERE v > @n) AS x', { x: [5] }],
    ['SET @u = missing SELECT @u AS u, color', { color: 'red' }],
  ])

  it('works a variable out once a message, and only if it is asked for', () => {
    let calls = 0
    const ports = { random: () => ++calls }
    const rule = compileRule('SET @r = rand() SELECT @r AS a, @r AS b WHERE x = 1', { ports })
    assert.deepEqual(rule.evaluate({ payload: { x: 2 } }), { matched: false })
    assert.equal(calls, 0)
    assert.deepEqual(rule.evaluate({ payload: { x: 1 } }), { matched: true, output: { a: 1, b: 1 } })
    assert.deepEqual(rule.evaluate({ payload: { x: 1 } }), { matched: true, output: { a: 2, b: 2 } })
  })

  it('refuses a variable that is unknown or defined twice', () => {
    assert.equal(
      codeOf(() => compileRule('SELECT @x')),
      'RULE_VARIABLE',
    )
    assert.equal(
      codeOf(() => compileRule('SET @x = 1, @x = 2 SELECT @x')),
      'RULE_VARIABLE',
    )
  })
})

describe('FROM', () => {
  const matched = (filter: string, topic?: string): boolean =>
    compileRule(`SELECT * FROM ${filter}`).evaluate({ payload: 1, ...(topic !== undefined && { topic }) }).matched
  it('lists filters of MQTT', () => {
    assert.ok(matched("'a/+/c'", 'a/b/c'))
    assert.ok(matched("'x', 'a/#'", 'a'))
    assert.ok(!matched("'a/+'", 'a/b/c'))
    assert.ok(!matched("'a'"))
    assert.ok(matched("'#'", 'a'))
  })
  it('hides topics that begin with a dollar from wildcards at level one', () => {
    assert.ok(!matched("'#'", '$x/y'))
    assert.ok(!matched("'+/y'", '$x/y'))
    assert.ok(matched("'$x/#'", '$x/y'))
  })
  it('may be left out, then the topic is not tested', () => {
    assert.ok(compileRule('SELECT *').evaluate({ payload: 1, topic: '$x' }).matched)
    assert.deepEqual(compileRule('SELECT *').topics, [])
  })
  it('gives Basic Ingest to the rule of that name, without the first levels', () => {
    const rule = compileRule("SELECT topic() AS t, topic(1) AS one FROM 'a/#'", { name: 'mine' })
    assert.deepEqual(rule.evaluate({ topic: '$aws/rules/mine/a/b', payload: 1 }), {
      matched: true,
      output: { t: 'a/b', one: 'a' },
    })
    assert.equal(rule.evaluate({ topic: '$aws/rules/mine/b', payload: 1 }).matched, false)
    assert.equal(rule.evaluate({ topic: '$aws/rules/other/a/b', payload: 1 }).matched, false)
  })
})

describe('a nested SELECT', () => {
  table([
    ['SELECT (SELECT v FROM list) AS x', { x: [{ v: 1 }, { v: 5 }, {}] }],
    ['SELECT (SELECT VALUE v FROM list) AS x', { x: [1, 5] }],
    ['SELECT (SELECT * FROM list WHERE v > 1) AS x', { x: [body.list[1]] }],
    ['SELECT (SELECT * FROM list WHERE v > 9) AS x', { x: [] }],
    ['SELECT (SELECT b.c AS q FROM a) AS x', { x: { q: 1 } }],
    ['SELECT (SELECT b FROM a WHERE d = 1) AS x, color', { color: 'red' }],
    ['SELECT (SELECT v FROM color) AS x, (SELECT v FROM missing) AS y', {}],
    ['SELECT (SELECT VALUE temperature FROM list) AS x', { x: [] }],
    ['SELECT (SELECT *, v AS twice FROM list WHERE v = 1) AS x', { x: [{ v: 1, twice: 1 }] }],
    ['SELECT VALUE get((SELECT v FROM list), 0).v', 1],
    ['SELECT (SELECT VALUE (SELECT VALUE z FROM w) FROM list) AS x', { x: [9] }],
    ['SELECT (SELECT VALUE * FROM numbers) AS x', { x: [3, 1, 2] }],
  ])
})

describe('FOREACH', () => {
  table([
    ['FOREACH list', body.list],
    ['FOREACH list DO item.v, color', [{ v: 1, color: 'red' }, { v: 5, color: 'red' }, { color: 'red' }]],
    ['FOREACH list AS color DO color.v AS v INCASE color.v > 1', [{ v: 5 }]],
    ['FOREACH list INCASE item.v > 9', 'not matched'],
    ['FOREACH color', 'not matched'],
    ['FOREACH numbers AS n DO n WHERE temperature > 60', 'not matched'],
    ["FOREACH numbers AS color DO color WHERE color = 'red'", [{ color: 3 }, { color: 1 }, { color: 2 }]],
    ['FOREACH numbers AS n DO (SELECT VALUE n FROM a) AS x, n', [{ n: 3 }, { n: 1 }, { n: 2 }]],
  ])

  it('says so and makes at most 1,000 outputs', () => {
    const rule = compileRule('FOREACH l')
    assert.equal(rule.fanOut, true)
    const l = Array.from({ length: 1001 }, (_, i) => i)
    assert.equal(
      codeOf(() => rule.evaluate({ payload: { l } })),
      'ROUTE_LIMIT',
    )
    assert.equal((output('FOREACH l', { payload: { l: l.slice(1) } }) as unknown[]).length, 1000)
  })
})

describe('an output', () => {
  it('over 128 KiB is refused', () => {
    const text = 'x'.repeat(131_000)
    assert.deepEqual(output('SELECT t', { payload: { t: text } }), { t: text })
    for (const sql of ['SELECT t, t AS u', 'SELECT concat(t, t) AS x', `SELECT t, 1 AS \`${'y'.repeat(100)}\``])
      assert.equal(
        codeOf(() => output(sql, { payload: bytes({ t: text }) })),
        'ROUTE_LIMIT',
        sql,
      )
  })

  it('that doubles again and again ends', () => {
    const doubled = Array.from({ length: 31 }, (_, i) => `@v${i + 1} = [@v${i}, @v${i}]`).join(', ')
    assert.equal(
      codeOf(() => output(`SET @v0 = list, ${doubled} SELECT @v31 AS x`)),
      'ROUTE_LIMIT',
    )
  })

  it('of a value that is too deep is refused', () => {
    const deep = JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`)
    assert.equal(
      codeOf(() => output('SELECT *, 1 AS x', { payload: deep })),
      'ROUTE_LIMIT',
    )
  })

  it('says what it is more of: levels or bytes', () => {
    const nested = (levels: number) => JSON.parse(`${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`)
    const message = (payload: unknown) => ({ topic: 'a/b', payload })
    const sql = "SELECT a FROM 'a/#'"
    assert.deepEqual(output(sql, message(nested(512))), nested(512))
    for (const payload of [nested(1000), { a: [1, { b: [nested(600)] }] }])
      assert.throws(() => output(sql, message(payload)), { code: 'ROUTE_LIMIT', message: /nested deeper than 512 levels/ })
    assert.throws(() => output(sql, message({ a: ['x'.repeat(140_000), nested(600)] })), { message: /larger than 131072 bytes/ })
  })

  it('of nested queries over each other ends', () => {
    const big = Array.from({ length: 1_001 }, (_, i) => i)
    const sql = 'SET @l = big SELECT (SELECT VALUE (SELECT VALUE x FROM @l) FROM big) AS x'
    assert.equal(
      codeOf(() => output(sql, { payload: { big } })),
      'ROUTE_LIMIT',
    )
  })
})

describe('a rule', () => {
  it('says what it reads, asks and needs', () => {
    const sql = "SELECT a.b AS x, (SELECT q FROM list) AS l, get_thing_shadow('t', 'r').state AS s FROM 'x', 'y' WHERE c[0] > 1"
    const rule = compileRule(sql, { name: 'n' })
    assert.equal(rule.name, 'n')
    assert.equal(rule.sql, sql)
    assert.deepEqual(rule.topics, ['x', 'y'])
    assert.deepEqual([...rule.paths].sort(), ['a.b', 'c[0]', 'list'])
    assert.deepEqual(rule.external, ['get_thing_shadow'])
    assert.equal(rule.portable, false)
    assert.equal(compileRule("SELECT * FROM 'x'").portable, true)
    assert.deepEqual(compileRule('FOREACH l AS x DO x.v, q').paths, ['l', 'q'])
  })

  it('warns of what surprises', () =>
    assert.deepEqual(
      compileRule("SELECT * FROM 'x' WHERE a = '5'").warnings.map(({ code }) => code),
      ['numeric-string'],
    ))

  it('is refused in another version of SQL', () =>
    assert.equal(
      codeOf(() => compileRule('SELECT *', { sqlVersion: '2015-10-08' })),
      'RULE_UNSUPPORTED',
    ))

  it('knows the account that its options name', () => {
    assert.equal(output('SELECT VALUE accountid()', { payload: 1 }, { accountId: '42' }), '42')
    assert.equal(output('SELECT VALUE accountid()', { payload: 1, accountId: '7' }, { accountId: '42' }), '7')
  })
})

function codeOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    return (error as { code: string }).code
  }
  return 'nothing thrown'
}
