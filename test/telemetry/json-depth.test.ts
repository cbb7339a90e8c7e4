import assert from 'node:assert/strict'
import { isTooDeep, jsonLevels } from '../../src/telemetry/json-depth.ts'

describe('depth of JSON', () => {
  const objects = (levels: number): string => `${'{"":'.repeat(levels - 1)}{}${'}'.repeat(levels - 1)}`
  const arrays = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels)
  const mixed = (levels: number): string => `${'[{"":'.repeat(levels / 2)}1${'}]'.repeat(levels / 2)}`

  it('is that of objects, arrays and both, up to the last level and no further', () => {
    for (const nested of [objects, arrays]) {
      assert.equal(isTooDeep(nested(jsonLevels)), false)
      assert.equal(isTooDeep(nested(jsonLevels + 1)), true)
    }
    assert.equal(isTooDeep(mixed(jsonLevels)), false)
    assert.equal(isTooDeep(mixed(jsonLevels + 2)), true)
  })

  it('is not that of brackets beside one another, or in texts', () => {
    const beside = JSON.stringify(Array.from({ length: 500 }, () => ({ a: [] })))
    assert.equal(isTooDeep(beside), false)
    assert.equal(isTooDeep(JSON.stringify({ text: '[{"'.repeat(500) })), false)
    assert.equal(isTooDeep(JSON.stringify({ text: '\\"'.repeat(500), deep: JSON.parse(objects(jsonLevels)) })), true)
  })
})
