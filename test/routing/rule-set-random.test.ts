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
