import assert from 'node:assert/strict'
import { outputMap, outputsIn } from '../../src/editor/rules/outputs.ts'
import { freeName, rowFaults } from '../../src/editor/rules/row-faults.ts'
import type { RuleRow } from '../../src/routing/rule-row.ts'

const fields = (rules: string, more: { unmatched?: boolean; errors?: boolean } = {}) => ({
  outputRules: [...rules],
  unmatched: false,
  errors: false,
  ...more,
})
/** What the editor makes of the map: the port that the wires of each old port end at. */
const moved = (before: string[], after: string[]): Record<number, number> => {
  const map = outputMap(before, after)
  return Object.fromEntries(before.map((_, port) => [port, Number(map[port])]))
}

describe('outputs of a route', () => {
  it('are its rules in their order, then unmatched, then errors', () => {
    assert.deepEqual(outputsIn(fields('ba', { unmatched: true, errors: true })), ['rule b', 'rule a', 'unmatched', 'error'])
    assert.deepEqual(outputsIn(fields('')), [])
  })

  it('take their wires along when rules move or go', () => {
    const before = outputsIn(fields('abc', { unmatched: true }))
    assert.deepEqual(moved(before, outputsIn(fields('cab', { unmatched: true }))), { 0: 1, 1: 2, 2: 0, 3: 3 })
    assert.deepEqual(moved(before, outputsIn(fields('ac', { unmatched: true, errors: true }))), { 0: 0, 1: -1, 2: 1, 3: 2 })
    assert.deepEqual(moved(before, outputsIn(fields('abc'))), { 0: 0, 1: 1, 2: 2, 3: -1 })
  })

  it('that are new are told apart from the old ones, and all are counted', () => {
    const after = outputsIn(fields('xa', { errors: true }))
    const map = outputMap(outputsIn(fields('ab')), after)
    const kept = Object.entries(map).filter(([, port]) => port !== -1)
    assert.equal(kept.length, after.length)
    assert.deepEqual(
      kept.map(([, port]) => port).sort(),
      after.map((_, port) => port),
    )
    assert.ok(Object.keys(map).every(port => ['0', '1'].includes(port) || Number(port) >= 100_000))
  })

  it('of a rule named like one of the last two are that rule', () => {
    assert.deepEqual(outputsIn({ outputRules: ['error'], unmatched: false, errors: true }), ['rule error', 'error'])
  })
})

describe('rows of a table of rules', () => {
  const row = (name: string, more: Partial<RuleRow> = {}): RuleRow => ({
    id: name,
    name,
    enabled: true,
    language: 'sql',
    text: 'SELECT *',
    ...more,
  })
  const kinds = (rows: RuleRow[]) => rowFaults(rows).map(({ row, kind }) => `${row.id} ${kind}`)

  it('have names of their own and can be read, unless they are switched off', () => {
    assert.deepEqual(kinds([row('a'), row('b', { language: 'condition', text: 'level = 1' })]), [])
    assert.deepEqual(kinds([row('a'), row('b', { name: ' a ' }), row('c', { name: ' ' })]), ['b sameName', 'c unnamed'])
    assert.deepEqual(kinds([row('a', { text: 'SELECT' }), row('b', { text: 'SELECT', enabled: false })]), ['a unreadable'])
    assert.deepEqual(kinds([row('a', { language: 'condition', text: 'SELECT *' })]), ['a unreadable'])
  })

  it('get a free name', () => {
    assert.equal(freeName([], 'rule'), 'rule')
    assert.equal(freeName([row('rule'), row('rule 2')], 'rule'), 'rule 3')
  })
})
