import assert from 'node:assert/strict'
import { parseStatement } from '../../src/routing/parse-statement.ts'
import { printStatement } from '../../src/routing/print.ts'
import { openRuleGate } from '../../src/routing/rule-gate.ts'
import { compileRule, createRuleSet } from '../../src/routing/routing.ts'
import { defaultPorts } from '../../src/routing/default-ports.ts'

const e = [{ foo: 1 }, { foo: 2, e: 5 }]
/** WHERE -> payload -> whether the rule fires */
const cases: [where: string, payload: unknown, fires: boolean][] = [
  ['exists (select * from arr as a where a = 3)', { arr: [1, 2, 3] }, true],
  ['exists (select * from arr as a where a = 4)', { arr: [1, 2, 3] }, false],
  ['exists (select * from e as e where foo = 2)', { foo: 4, bar: 5, e }, true],
  ['exists (select * from e as e where foo = 4)', { foo: 4, bar: 5, e }, false],
  ['EXISTS (SELECT * FROM e AS x WHERE x.foo = 2 AND x.e = 5)', { e }, true],
  ['EXISTS (SELECT * FROM e AS x WHERE x = {foo: 1})', { e }, true],
  ['EXISTS (SELECT * FROM arr)', { arr: [] }, false],
  ['EXISTS (SELECT * FROM arr)', { arr: [null] }, true],
  ['NOT EXISTS (SELECT * FROM arr)', { arr: [] }, true],
  ['EXISTS (SELECT * FROM o WHERE a = 1)', { o: { a: 1 } }, true],
  ['NOT EXISTS (SELECT * FROM o WHERE a = 1)', { o: {} }, true],
  // No array and no object: Undefined
  ['EXISTS (SELECT * FROM missing)', {}, false],
  ['NOT EXISTS (SELECT * FROM missing)', {}, false],
  // The name of an outer element means nothing inside
  ['EXISTS (SELECT * FROM e AS x WHERE EXISTS (SELECT * FROM l AS y WHERE isundefined(x) AND y = 7))', { e: [{ l: [7] }] }, true],
  ['(SELECT VALUE x.foo FROM e AS x WHERE x.foo > 1) = [2]', { e }, true],
  // A key like any other
  ['exists = 1 AND exists.a = 2', { exists: 1 }, false],
  ['exists.a = 2', { exists: { a: 2 } }, true],
]

describe('EXISTS and names of elements', () => {
  for (const [where, payload, fires] of cases)
    it(`${where} ${JSON.stringify(payload)}`, () => {
      const sql = `SELECT * FROM 'a/b' WHERE ${where}`
      const message = { topic: 'a/b', payload }
      assert.equal(compileRule(sql).evaluate(message).matched, fires)
      assert.equal(createRuleSet([{ name: 'r', sql }]).match(message).length > 0, fires)
      assert.equal(openRuleGate({ rules: [{ name: 'r', sql }] }, defaultPorts).opensFor(message), fires)
      assert.equal(printStatement(parseStatement(printStatement(parseStatement(sql)))), printStatement(parseStatement(sql)))
    })
  it('are known to AWS', () =>
    assert.equal(compileRule("SELECT * FROM 'a/b' WHERE exists (select * from arr as a where a = 3)").portable, true))
  it('read the array alone', () =>
    assert.deepEqual(compileRule("SELECT * FROM 'a/b' WHERE exists (select * from arr as a where a = b)").paths, ['arr']))
})
