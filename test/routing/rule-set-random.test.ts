import assert from 'node:assert/strict'
import { compileCondition } from '../../src/routing/condition.ts'
import type { RuleMessage } from '../../src/routing/message.ts'
import { compileRule } from '../../src/routing/rule.ts'
import { sourceOf } from '../../src/routing/rule-plan.ts'
import type { GivenRule } from '../../src/routing/rule-renewal.ts'
import { createRuleSet, type RuleMatch } from '../../src/routing/rule-set.ts'
import { decodedPayload } from '../../src/routing/payload.ts'
import { seeded } from '../seeded.ts'
import { deepFrozen, randomMessage, randomRule } from './random-traffic.ts'

/** Each rule by itself, without any index. */
function oracleOf(rule: GivenRule): (message: RuleMessage) => unknown[] {
  if ('sql' in rule) {
    const compiled = compileRule(rule.sql, rule.name === undefined ? {} : { name: rule.name })
    return message => {
      const result = compiled.evaluate(message)
      if (!result.matched) return []
      return compiled.fanOut ? (result.output as unknown[]) : [result.output]
    }
  }
  const test = compileCondition(rule.condition)
  return message => {
    const ingest = /^\$aws\/rules\/([^/]+)/.exec(message.topic ?? '')?.[1]
    if (ingest !== undefined && ingest !== rule.name) return []
    if (sourceOf(message.source) !== (rule.source ?? 'DeviceMessages')) return []
    return test(message) === true ? [decodedPayload(message.payload)] : []
  }
}

function oracle(): (rules: readonly GivenRule[], message: RuleMessage) => RuleMatch<GivenRule>[] {
  const known = new Map<GivenRule, ReturnType<typeof oracleOf>>()
  return (rules, message) =>
    rules.flatMap(rule => {
      const one = known.get(rule) ?? oracleOf(rule)
      known.set(rule, one)
      return one(message).map(output => ({ rule, output }))
    })
}

describe('a random rule set', () => {
  for (let seed = 1; seed <= 40; seed++)
    it(`matches as its rules do one by one, also after replace(), seed ${seed}`, async () => {
      const random = seeded(seed)
      let rules = Array.from({ length: 60 }, () => randomRule(random))
      const set = createRuleSet(rules)
      const expected = oracle()
      for (let round = 0; round < 4; round++) {
        for (let i = 0; i < 40; i++) {
          const message = deepFrozen(randomMessage(random))
          const before = structuredClone(message)
          const found = set.match(message)
          assert.deepEqual(found, expected(rules, message), JSON.stringify(message))
          assert.deepEqual(await set.matchAsync(message), found)
          assert.deepEqual(message, before)
        }
        for (const { matched, notMatched, undefined: none, errors } of set.stats())
          assert.ok(Math.min(matched, notMatched, none, errors) >= 0)
        rules = rules.filter(() => random.below(4) > 0).map(rule => (random.below(6) ? rule : randomRule(random)))
        if (random.below(2)) rules.reverse()
        rules.push(...Array.from({ length: random.below(20) }, () => randomRule(random)))
        set.replace(rules)
        assert.equal(set.size, rules.length)
      }
    })
})

describe('random rules that differ in their constants only', () => {
  const shapes = [
    'a - ? > b',
    'b * ? <= a',
    '? - a < b * c',
    'a - (? * b) >= c',
    '? + a > b',
    'a / ? > b',
    'a > ? OR b > ?',
    'startswith(a, ?)',
    'a = ? OR b = ?',
    'startswith(a, ?) OR b < ? OR a IN [?, 1]',
    'a > ? OR isundefined(b)',
    'NOT (a < ?) OR lower(b) = ? OR c',
    'a >= ? AND a < ?',
    '? > a AND a > ?',
    'a <= ? AND ? <= a',
  ]
  const constants = ['1e308', '-1e308', '5e-324', "'1'", "'re'", "'r'", "''"]
  const values = [undefined, null, 0, -0, 1, -1, 2, 0.1, 0.2, 3.5, 7, 1e308, -1e308, '1', '-1e308', 'red', true, [1]]
  for (let seed = 1; seed <= 20; seed++)
    it(`match and count as each in a set of its own, seed ${seed}`, () => {
      const random = seeded(seed)
      // Mostly different ones: equal conditions are looked up instead. The extreme ones come with some of the seeds only, as they stand at the ends.
      const constant = () => (seed % 2 && random.below(8) === 0 ? random.pick(constants) : `${random.below(160) / 8 - 4}`)
      const rules = Array.from({ length: 240 }, (_, i) => {
        const where = random.pick(shapes).replaceAll('?', constant)
        return { name: `r${i}`, sql: `SELECT a WHERE ${where}${random.below(3) ? '' : ' AND isundefined(d)'}` }
      })
      const set = createRuleSet(rules)
      const alone = rules.map(rule => createRuleSet([rule]))
      const expected = oracle()
      for (let i = 0; i < 100; i++) {
        const message = { payload: Object.fromEntries(['a', 'b', 'c', 'd'].map(name => [name, random.pick(values)])) }
        const each = alone.flatMap(one => one.match(message))
        assert.deepEqual(set.match(message), each, JSON.stringify(message))
        assert.deepEqual(each, expected(rules, message))
      }
      // Which of several conditions is tested first, and has no value, differs.
      const single = (stats: ReturnType<typeof set.stats>) => stats.filter(({ rule }) => !rule.sql.includes('AND is'))
      assert.deepEqual(single(set.stats()), single(alone.flatMap(one => one.stats())))
    })
})
