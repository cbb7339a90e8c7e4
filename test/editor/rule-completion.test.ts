import assert from 'node:assert/strict'
import { callAt, completionsAt, type Offers, parametersOf } from '../../src/editor/rules/completion.ts'
import { vocabulary } from '../../src/editor/rules/vocabulary.ts'

const offers: Offers = {
  language: 'sql',
  vocabulary: vocabulary(),
  payload: { temperature: 71, motor: { rpm: 9, 'not-a-name': 1 }, list: [{ x: 1 }] },
  properties: ['severity'],
  system: ['contentType'],
  twin: { tags: { site: 'A' } },
  topics: ['dt/pump-1/telemetry'],
}
const labels = (before: string, more: Partial<Offers> = {}): string[] =>
  completionsAt(before, before, { ...offers, ...more }).map(({ label }) => label)
const condition = { language: 'condition' } as const

describe('completion of rules', () => {
  it('offers keys of the message, functions and words', () => {
    const all = labels('SELECT tem')
    for (const one of ['temperature', 'motor', 'regexp_matches', 'get_thing_shadow', 'WHERE']) assert.ok(all.includes(one), one)
  })

  it('offers what an object has behind its point', () => {
    assert.deepEqual(labels('SELECT motor.'), ['rpm'])
    assert.deepEqual(labels('SELECT motor.r'), ['rpm'])
    assert.deepEqual(labels('SELECT list[0].'), ['x'])
    assert.deepEqual(labels('SELECT a + nothing.'), [])
    assert.deepEqual(labels('$body.motor.', condition), ['rpm'])
    assert.deepEqual(labels('$twin.tags.', condition), ['site'])
  })

  it('offers topics inside the texts of FROM only', () => {
    assert.deepEqual(labels("SELECT * FROM '"), ['dt/pump-1/telemetry'])
    assert.deepEqual(labels("SELECT * FROM 'a', 'dt/"), ['dt/pump-1/telemetry'])
    assert.deepEqual(labels("SELECT * WHERE a = '"), [])
  })

  it('offers the variables of SET', () => {
    assert.ok(labels('SET @v = temperature SELECT ').includes('@v'))
  })

  it('offers conditions their properties and sources', () => {
    const all = labels('', condition)
    for (const one of ['severity', '$body', '$contentType', '$twin.tags', 'STARTS_WITH']) assert.ok(all.includes(one), one)
    assert.ok(!all.includes('SELECT'))
  })

  it('knows the call that is being written, and its argument', () => {
    assert.deepEqual(callAt('SELECT substring(name, '), { name: 'substring', argument: 1 })
    assert.deepEqual(callAt("SELECT concat('a,(', lower(x), "), { name: 'concat', argument: 2 })
    assert.deepEqual(callAt('SELECT concat([1, 2'), undefined)
    assert.equal(callAt('SELECT lower(x) '), undefined)
    assert.equal(callAt('(a, '), undefined)
  })

  it('finds the arguments in a signature', () => {
    const signature = 'substring(S, I[, I])'
    assert.deepEqual(
      parametersOf(signature).map(([from, to]) => signature.slice(from, to)),
      ['S', ' I[', ' I]'],
    )
  })
})
