import assert from 'node:assert/strict'
import { defaultPorts } from '../../src/routing/default-ports.ts'
import { parseStatement } from '../../src/routing/parse-statement.ts'
import { printStatement } from '../../src/routing/print.ts'
import { openRuleGate } from '../../src/routing/rule-gate.ts'
import { createRuleSet } from '../../src/routing/rule-set.ts'
import type { RuleText } from '../../src/routing/rule-text.ts'
import { seeded } from '../seeded.ts'
import { randomMessage, randomRule } from './random-traffic.ts'

const gate = (...rules: RuleText[]) => openRuleGate({ rules }, defaultPorts)
const sql = (text: string): RuleText => ({ name: 'r', sql: text })
const payload = { t: 10, flag: 'true', list: [{ a: 1 }, { a: 2 }] }

describe('the gate before rules', () => {
  it('opens for exactly what some rule fires on, where nothing is left to chance', () => {
    let opened = 0
    for (let seed = 1; seed <= 60; seed++) {
      const random = seeded(seed)
      const rules = Array.from({ length: 1 + random.below(3) }, (_, i) => ({ ...randomRule(random), name: `n${i}` }) as RuleText)
      const set = createRuleSet(rules)
      const { opensFor } = openRuleGate({ rules }, defaultPorts)
      for (let i = 0; i < 40; i++) {
        const message = randomMessage(random)
        const fires = set.match(message).length > 0
        if (fires) opened++
        assert.equal(opensFor(message), fires, `${JSON.stringify(rules)} ${JSON.stringify(message)}`)
      }
    }
    assert.ok(opened > 100 && opened < 2000, String(opened))
  })

  it('leaves out of a condition what may be decided otherwise the next time, and nothing else', () => {
    for (const [text, opens] of [
      ["SELECT * FROM 'a' WHERE rand() < 0", true],
      ["SELECT * FROM 'a' WHERE t > 5 AND rand() < 0", true],
      ["SELECT * FROM 'a' WHERE t > 50 AND rand() < 2", false],
      ["SELECT * FROM 'a' WHERE t > 50 OR rand() < 0", true],
      ["SET @r = rand() SELECT * FROM 'a' WHERE @r < 0", true],
      ["SET @r = rand(), @s = @r + 1 SELECT * FROM 'a' WHERE @s < 0 AND t = 10", true],
      ["SET @r = rand(), @s = 1 SELECT * FROM 'a' WHERE @s > 1", false],
      ["SELECT * FROM 'a' WHERE lookup('sites', t).name = 'x'", true],
      ["SELECT * FROM 'a' WHERE decode(flag, 'proto', 'pumps', 'Pump').t = 3", true],
      ["SELECT * FROM 'b' WHERE rand() < 2", false],
      ["SELECT rand() AS r FROM 'a' WHERE t = 10", true],
      ['FOREACH list AS x INCASE x.a > 2', false],
      ['FOREACH list AS x INCASE x.a > 1', true],
      ['FOREACH list AS x INCASE x.a > 2 AND rand() < 2', true],
      ['FOREACH missing AS x DO rand() AS r', false],
      // Alone a text is no Boolean; beside AND it is one.
      ['SELECT * WHERE flag', false],
      ['SELECT * WHERE flag AND rand() < 0', true],
    ] as const)
      assert.equal(gate(sql(text)).opensFor({ topic: 'a', payload }), opens, text)
  })

  it('stays shut for rules that cannot be read, and says nothing of them', () => {
    assert.equal(gate(sql('SELECT')).opensFor({ topic: 'a', payload }), false)
    assert.equal(gate(sql('SELECT'), sql('SELECT *')).opensFor({ topic: 'a', payload }), true)
  })

  it('takes each rule that is as long, deep or wide as a rule may be', () => {
    const long = `SELECT * WHERE t = 10 AND flag <> "${"'".repeat(16_000)}" AND rand() < 1`
    assert.ok(long.length < 16_384 && printStatement(parseStatement(long)).length > 16_384)
    // Of 1,024 conditions side by side, in pairs of pairs: a chain of as many would be too high.
    const pairs = Array.from({ length: 10 }).reduce((text: string) => `(${text} AND ${text})`, 't=10')
    for (const rule of [long, `SELECT * WHERE rand()<1 AND ${pairs}`, `SELECT * WHERE ${'-'.repeat(64)}t=10 AND rand()<1`]) {
      assert.equal(gate(sql(rule)).opensFor({ topic: 'a', payload }), true, rule.slice(0, 60))
      assert.equal(gate(sql(rule)).opensFor({ topic: 'a', payload: { ...payload, t: 11 } }), false, rule.slice(0, 60))
    }
  })

  it('knows whether rules look at the twin', () => {
    const condition = (text: string): RuleText => ({ name: 'c', condition: text })
    assert.equal(gate(condition("$twin.tags.site = 'x'")).needsTwin, true)
    assert.equal(gate(condition('$body.t > 1')).needsTwin, false)
    assert.equal(gate(sql("SELECT get_thing_shadow(clientid()) AS s FROM 'a'")).needsTwin, true)
  })

  it('goes by the logic that is set', () => {
    const rules = [sql("SELECT * FROM 'a' WHERE missing = 1 OR t = 10")]
    assert.equal(openRuleGate({ rules }, defaultPorts).opensFor({ topic: 'a', payload }), true)
    assert.equal(openRuleGate({ rules, logic: 'strict' }, defaultPorts).opensFor({ topic: 'a', payload }), false)
  })
})
