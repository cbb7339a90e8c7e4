import assert from 'node:assert/strict'
import { createRuleSet } from '../../src/routing/rule-set.ts'

const body = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))

describe('a rule set', () => {
  it('does not look at the payload of a message that no rule wants', () => {
    const set = createRuleSet([{ name: 'a', sql: "SELECT * FROM 'a/#' WHERE x = 1" }])
    const message = {
      topic: 'b',
      get payload(): unknown {
        throw new Error('read')
      },
    }
    assert.deepEqual(set.match(message), [])
  })

  it('gives back the objects that it was given, in their order, one match for each output of FOREACH', () => {
    const rules = [
      { name: 'a', sql: 'SELECT x WHERE x > 1', id: 1 },
      { name: 'b', sql: 'FOREACH l', id: 2 },
      { name: 'c', condition: 'true', id: 3 },
      { name: 'd', sql: 'SELECT x WHERE x = 2', id: 4 },
    ]
    const found = createRuleSet(rules).match({ payload: { x: 2, l: [7, 8] } })
    assert.deepEqual(
      found.map(({ rule, output }) => [rule.id, output]),
      [
        [1, { x: 2 }],
        [2, 7],
        [2, 8],
        [3, { x: 2, l: [7, 8] }],
        [4, { x: 2 }],
      ],
    )
    assert.ok(found.every(({ rule }) => rules.includes(rule)))
  })

  it('reports a rule that fails and goes on with the others', () => {
    const set = createRuleSet([
      { name: 'big', sql: 'SELECT t, t AS u' },
      { name: 'ok', sql: 'SELECT VALUE 1' },
    ])
    const [big, ok] = set.match({ payload: { t: 'x'.repeat(100_000) } })
    assert.equal((big?.error as { code?: string })?.code, 'ROUTE_LIMIT')
    assert.equal(ok?.output, 1)
    assert.deepEqual(
      set.stats().map(({ errors, matched, notMatched }) => [errors, matched, notMatched]),
      [
        [1, 0, 0],
        [0, 1, 0],
      ],
    )
  })

  it('tells a converted condition from one that stands alone', () => {
    const alone = ['a', 'b'].map(name => ({ name, sql: 'SELECT VALUE 1 WHERE flag' }))
    const beside = ['c', 'd'].map(name => ({ name, sql: 'SELECT VALUE 1 WHERE flag AND isundefined(x)' }))
    const names = createRuleSet([...alone, ...beside])
      .match({ payload: { flag: 'true' } })
      .map(({ rule }) => rule.name)
    assert.deepEqual(names, ['c', 'd'])
  })

  it('makes an output that several rules have in common once, random ones for each', () => {
    let calls = 0
    const ports = { random: () => ++calls }
    const rules = ['a', 'b'].flatMap(name => [
      { name: `same ${name}`, sql: `SELECT x, concat(x, 'y') AS z FROM '${name}/#', 'both'` },
      { name: `random ${name}`, sql: `SELECT rand() AS r FROM '${name}/#', 'both'` },
    ])
    const [same, first, again, second] = createRuleSet(rules, { ports }).match({ topic: 'both', payload: { x: 'x' } })
    assert.equal(same?.output, again?.output)
    assert.deepEqual([first?.output, second?.output], [{ r: 1 }, { r: 2 }])
  })

  it('counts what every rule did, by index or not', () => {
    const where = ["x = 'a'", 'y > 5', "x = 'a' AND y > 5", "startswith(x, 'a')", "x IN ['a', 'b']", 'missing = 1']
    const set = createRuleSet(where.map((text, i) => ({ name: `${i}`, sql: `SELECT * FROM 't' WHERE ${text}` })))
    for (const x of ['a', 'b', undefined]) for (const y of [1, 9, 'no']) set.match({ topic: 't', payload: body({ x, y }) })
    set.match({ topic: 'other', payload: {} })
    assert.deepEqual(
      set.stats().map(({ matched, notMatched, undefined: none, outputs }) => [matched, notMatched, none, outputs]),
      [
        [3, 3, 3, 3],
        [3, 3, 3, 3],
        [1, 4, 4, 1],
        [3, 3, 3, 3],
        [6, 0, 3, 6],
        [0, 0, 9, 0],
      ],
    )
  })

  it('estimates the time of rules from some of the messages', () => {
    let now = 0
    const set = createRuleSet([{ name: 'a', sql: 'SELECT * WHERE x = 1' }], { clock: () => (now += 1) })
    for (let i = 0; i < 128; i++) set.match({ payload: { x: 1 } })
    const [stats] = set.stats()
    // Test and output of two messages, each for 64.
    assert.equal(stats?.timeMs, 256)
  })
})

describe('replace()', () => {
  const rule = (name: string, where: string) => ({ name, sql: `SELECT * FROM 't' WHERE ${where}` })
  const matchedOf = (set: ReturnType<typeof createRuleSet>) => set.stats().map(({ name, matched }) => [name, matched])

  it('keeps the counters of rules that did not change, wherever they stand now', () => {
    const set = createRuleSet([rule('a', 'x = 1'), rule('b', 'x = 1'), rule('c', 'x = 1')])
    set.match({ topic: 't', payload: { x: 1 } })
    const again = [rule('c', 'x = 1'), rule('b', 'x > 0'), rule('a', 'x = 1')]
    const report = set.replace(again)
    assert.deepEqual(report, { unchanged: [again[0], again[2]], compiled: [again[1]], removed: [], failed: [] })
    const found = set.match({ topic: 't', payload: { x: 1 } })
    assert.deepEqual(matchedOf(set), [
      ['c', 2],
      ['b', 1],
      ['a', 2],
    ])
    assert.deepEqual(
      found.map(match => match.rule),
      again,
    )
  })

  it('keeps the version before of a rule that cannot be read, and leaves out what is new', () => {
    const old = rule('a', 'x = 1')
    const set = createRuleSet([old, rule('gone', 'x = 1')])
    const [broken, fresh] = [rule('a', 'x ='), rule('z', 'x ==')]
    const { failed, removed } = set.replace([broken, fresh])
    assert.deepEqual(
      failed.map(({ rule, error, kept }) => [rule, error.code, kept]),
      [
        [broken, 'RULE_SYNTAX', true],
        [fresh, 'RULE_SYNTAX', false],
      ],
    )
    assert.equal(removed.length, 1)
    assert.equal(set.size, 1)
    assert.deepEqual(
      set.match({ topic: 't', payload: { x: 1 } }).map(match => match.rule),
      [old],
    )
  })

  it('forgets what the topics of before led to', () => {
    const set = createRuleSet([rule('a', 'x = 1')])
    assert.equal(set.match({ topic: 'u', payload: { x: 1 } }).length, 0)
    set.replace([{ name: 'a', sql: "SELECT * FROM 'u'" }])
    assert.equal(set.match({ topic: 'u', payload: { x: 1 } }).length, 1)
    assert.equal(set.match({ topic: 't', payload: { x: 1 } }).length, 0)
  })

  it('is refused at the start if a rule cannot be read', () =>
    assert.throws(() => createRuleSet([rule('a', 'x =')]), { code: 'RULE_SYNTAX' }))
})
