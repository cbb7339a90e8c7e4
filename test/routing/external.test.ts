import assert from 'node:assert/strict'
import type { ExternalCall, RuleHost } from '../../src/routing/host.ts'
import { compileRule } from '../../src/routing/rule.ts'
import { createRuleSet } from '../../src/routing/rule-set.ts'

interface Told extends RuleHost {
  calls: ExternalCall[]
}

function host(answer: (call: ExternalCall) => unknown): Told {
  const calls: ExternalCall[] = []
  return {
    calls,
    ask: async call => {
      calls.push(call)
      return answer(call)
    },
  }
}

describe('an external function', () => {
  it('is asked for what the rule needs, once a message for equal calls', async () => {
    const asked = host(({ args }) => ({ row: args[1] }))
    const rule = compileRule("SELECT lookup('t', a).row AS x, lookup('t', a).row AS y, lookup('t', b).row AS z", { host: asked })
    assert.deepEqual(await rule.evaluateAsync({ payload: { a: 1, b: 2 } }), { matched: true, output: { x: 1, y: 1, z: 2 } })
    assert.equal(asked.calls.length, 2)
  })

  it('is not asked if another condition holds the rule back', async () => {
    const asked = host(() => 1)
    const rule = compileRule("SELECT * WHERE lookup('t', 1) = 1 AND a = 2", { host: asked })
    assert.deepEqual(await rule.evaluateAsync({ payload: { a: 1 } }), { matched: false })
    assert.equal(asked.calls.length, 0)
    assert.equal((await rule.evaluateAsync({ payload: { a: 2 } })).matched, true)
  })

  it('is Undefined where nobody answers at once', () => {
    const rule = compileRule("SELECT lookup('t', 1) AS x")
    assert.deepEqual(rule.evaluate({ payload: {} }), { matched: true, output: {} })
    const answering = compileRule("SELECT lookup('t', 1) AS x", { host: { answer: () => 5 } })
    assert.deepEqual(answering.evaluate({ payload: {} }), { matched: true, output: { x: 5 } })
  })

  const failing: [string, RuleHost][] = [
    ['fails', host(() => Promise.reject(new Error('down')))],
    ['answers more than 8 KiB', host(() => 'x'.repeat(8200))],
    [
      'takes too long',
      {
        ask: () => new Promise(() => {}),
        after: (ms, then) => {
          assert.equal(ms, 2000)
          queueMicrotask(then)
          return () => {}
        },
      },
    ],
  ]
  for (const [name, asked] of failing)
    it(`that ${name} is ROUTE_EXTERNAL with its place`, () =>
      assert.rejects(compileRule("SELECT lookup('t', 1) AS x", { host: asked }).evaluateAsync({ payload: {} }), {
        code: 'ROUTE_EXTERNAL',
        position: { offset: 7, line: 1, column: 8, length: 14 },
      }))

  it('is asked eight times one after another, not more', async () => {
    const chain = (n: number): string => (n === 0 ? '0' : `lookup('t', ${chain(n - 1)})`)
    const asked = host(({ args }) => Number(args[1]) + 1)
    const rule = (n: number) => compileRule(`SELECT VALUE ${chain(n)}`, { host: asked })
    assert.deepEqual(await rule(8).evaluateAsync({ payload: {} }), { matched: true, output: 8 })
    await assert.rejects(rule(9).evaluateAsync({ payload: {} }), { code: 'ROUTE_EXTERNAL' })
  })

  it('tells the timer when it is not needed any more', async () => {
    let cancelled = 0
    const asked: RuleHost = { ...host(() => 1), after: () => () => cancelled++ }
    await compileRule("SELECT lookup('t', 1) AS x", { host: asked }).evaluateAsync({ payload: {} })
    assert.equal(cancelled, 1)
  })

  it('finds the shadow of the own device with the message', () => {
    const sql = "SELECT VALUE get_thing_shadow('pump', 'arn:aws:iam::1:role/r').state.reported.v"
    const twin = { properties: { reported: { v: 3 } } }
    assert.deepEqual(compileRule(sql).evaluate({ payload: 1, deviceId: 'pump', twin }), { matched: true, output: 3 })
    assert.deepEqual(compileRule(sql).evaluate({ payload: 1, deviceId: 'other', twin }), { matched: true, output: undefined })
  })

  it('in a set is asked once for all rules, and its failure keeps no other rule back', async () => {
    const asked = host(({ args }) => {
      if (args[1] === 9) throw new Error('no')
      return args[1]
    })
    const set = createRuleSet(
      [
        { name: 'a', sql: "SELECT lookup('t', a) AS x" },
        { name: 'b', sql: 'SELECT a' },
        { name: 'c', sql: "SELECT 'c' AS c WHERE lookup('t', a) = 1" },
        { name: 'd', sql: "SELECT lookup('t', 9) AS x" },
        { name: 'e', sql: "SELECT 'e' AS e WHERE lookup('t', a) = 2" },
      ],
      { host: asked },
    )
    const found = await set.matchAsync({ payload: { a: 1 } })
    assert.deepEqual(
      found.map(({ rule, output, error }) => [rule.name, output, (error as { code?: string } | undefined)?.code]),
      [
        ['a', { x: 1 }, undefined],
        ['b', { a: 1 }, undefined],
        ['c', { c: 'c' }, undefined],
        ['d', undefined, 'ROUTE_EXTERNAL'],
      ],
    )
    assert.equal(asked.calls.length, 2)
    assert.deepEqual(
      set.stats().map(({ matched, notMatched, errors }) => [matched, notMatched, errors]),
      [
        [1, 0, 0],
        [1, 0, 0],
        [1, 0, 0],
        [0, 0, 1],
        [0, 1, 0],
      ],
    )
  })

  it('may be waited for while other messages pass', async () => {
    const waiting: (() => void)[] = []
    const slow: RuleHost = { ask: ({ args }) => new Promise(resolve => waiting.push(() => resolve(args[1]))) }
    const set = createRuleSet([{ name: 'a', sql: "SET @d = a * 2 SELECT @d AS d, lookup('t', a) AS x, a" }], { host: slow })
    const both = [1, 2].map(a => set.matchAsync({ payload: { a } }))
    for (const answer of waiting) answer()
    const outputs = (await Promise.all(both)).map(([match]) => match?.output)
    assert.deepEqual(outputs, [
      { d: 2, x: 1, a: 1 },
      { d: 4, x: 2, a: 2 },
    ])
  })
})
