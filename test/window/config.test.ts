import assert from 'node:assert/strict'
import { LoomError } from '../../src/errors.ts'
import type { WindowConfig } from '../../src/window/types.ts'
import { createWindow } from '../../src/window/window.ts'

const good: WindowConfig = { type: 'tumbling', sizeMs: 1000, aggregates: [{ name: 'n', fn: 'count' }] }
const refusal = (config: object): string => {
  try {
    createWindow(config as WindowConfig)
  } catch (error) {
    assert.ok(error instanceof LoomError)
    assert.equal(error.code, 'WINDOW_CONFIG_INVALID')
    return error.message
  }
  return assert.fail('nothing was thrown')
}

describe('the configuration of a window', () => {
  it('is accepted with what is needed, undefined being absent', () => {
    createWindow(good)
    createWindow({ ...good, lateMs: undefined } as unknown as WindowConfig)
  })

  const faults: [field: string, config: object, text: RegExp][] = [
    ['type', { ...good, type: 'hopping' }, /type "hopping": offered is "tumbling"/],
    ['a missing type', { sizeMs: 1, aggregates: [] }, /type undefined/],
    ['a missing size', { type: 'tumbling', aggregates: [] }, /sizeMs undefined/],
    ['sizeMs', { ...good, sizeMs: 0 }, /sizeMs 0: offered is a whole number from 1/],
    ['401 days', { ...good, sizeMs: 401 * 86_400_000 }, /sizeMs/],
    ['a fraction', { ...good, sizeMs: 1.5 }, /sizeMs 1.5/],
    ['another type of window', { ...good, gapMs: 5 }, /gapMs is not offered/],
    ['a preset', { ...good, preset: 'azure' }, /preset is not offered/],
    ['a misspelled field', { ...good, lateMS: 5 }, /lateMS is not offered, only type, sizeMs/],
    ['an inherited name', { ...good, toString: 1 }, /toString is not offered/],
    ['boundary', { ...good, boundary: 'both' }, /boundary "both": offered is "start" or "end"/],
    ['lateTest', { ...good, lateTest: 'extent' }, /lateTest "extent"/],
    ['updates', { ...good, updates: 500 }, /updates 500/],
    ['having', { ...good, having: 'count > 5' }, /having "count > 5": offered is a function/],
    ['key', { ...good, key: [] }, /key \[\]/],
    ['aggregates', { ...good, aggregates: undefined }, /aggregates: a list/],
    [
      '65 aggregates',
      { ...good, aggregates: Array.from({ length: 65 }, (_, i) => ({ name: `n${i}`, fn: 'count' })) },
      /at most 64/,
    ],
    [
      'an aggregate of later',
      { ...good, aggregates: [{ name: 'p', fn: 'percentile', field: 'v', args: { p: 0.5 } }] },
      /fn "percentile": offered is count, /,
    ],
    ['a nameless aggregate', { ...good, aggregates: [{ fn: 'count' }] }, /aggregates\[0\].name undefined/],
    ['a name twice', { ...good, aggregates: [good.aggregates[0], good.aggregates[0]] }, /aggregates\[1\].name "n" is taken/],
    ['a sum of nothing', { ...good, aggregates: [{ name: 's', fn: 'sum' }] }, /sum needs a path/],
    ['a sum of everything', { ...good, aggregates: [{ name: 's', fn: 'sum', field: '*' }] }, /field "\*"/],
    ['null for an aggregate', { ...good, aggregates: [null] }, /aggregates\[0\]/],
    ['a flood of empty rows', { ...good, sizeMs: 1, emitEmpty: true }, /lower keyTtlMs/],
  ]
  for (const [what, config, text] of faults) it(`is refused for ${what}`, () => assert.match(refusal(config), text))

  it('names every fault at once', () => {
    const message = refusal({ type: 'session', sizeMs: -1, hopMs: 5, dedupe: 'maybe', aggregates: [{ name: '', fn: 'mode' }] })
    for (const word of ['type', 'sizeMs', 'hopMs', 'dedupe', 'aggregates[0].name', 'aggregates[0].fn'])
      assert.ok(message.includes(word), word)
  })
})
