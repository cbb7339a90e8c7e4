import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { policyActions } from '../../src/identity/policy-actions.ts'
import { operators } from '../../src/identity/policy-operators.ts'
import { accessOf } from './policy-make.ts'

describe('docs/policies.md', () => {
  const page = readFileSync('docs/policies.md', 'utf8')

  it('shows a document that says what it seems to', () => {
    const [, code] = /^```json\n([\s\S]*?)^```$/m.exec(page)!
    const access = accessOf([code!], { deviceId: 'pump', tags: { line: 'A' } })
    const verdicts = [
      access.decide('Connect', 'pump'),
      access.decide('Publish', 'plant/A/x'),
      access.decide('Publish', 'plant/B/x'),
      access.decide('Publish', 'plant/A/locked'),
      access.decide('Subscribe', 'plant/A/#'),
    ]
    assert.deepEqual(verdicts, ['allow', 'allow', 'none', 'deny', 'allow'])
  })

  it('names every action', () => {
    assert.deepEqual(
      policyActions.filter(action => !page.includes(`\`${action === 'ActFor' ? 'loom' : 'iot'}:${action}\``)),
      [],
    )
  })

  it('names the parts of every operator', () => {
    const parts = /^(String|Bool|Not|Ip|Address|Numeric|Date|Equals|IgnoreCase|Like|LessThan|GreaterThan)+$/
    for (const name of operators.keys()) {
      assert.match(name, parts)
      const tail = name.replace(/^(Numeric|Date)|IgnoreCase$/g, '')
      assert.ok(page.includes(`\`${tail}\``), name)
    }
  })
})
