import assert from 'node:assert/strict'
import {
  checkConfigurationId,
  checkedCanary,
  checkedDesired,
  checkedPriority,
} from '../../../src/twin/configuration/configuration.ts'
import { effective } from '../../../src/twin/configuration/effective.ts'
import { leavesOf, pathOfPointer, pointerOf } from '../../../src/twin/configuration/paths.ts'
import { type Applied, planConfigurations } from '../../../src/twin/configuration/plan.ts'
import { inShare } from '../../../src/twin/configuration/share.ts'
import type { TwinSection } from '../../../src/twin/json.ts'
import { LoomError } from '../../../src/errors.ts'

const one = (id: string, desired: TwinSection, priority = 0, createdAt = 0) => ({
  id,
  priority,
  createdAt,
  version: 1,
  leaves: leavesOf(desired),
})
const wants = (...all: ReturnType<typeof one>[]) => effective(all)
const winners = (...all: ReturnType<typeof one>[]): Record<string, string> =>
  Object.fromEntries([...wants(...all).wanted].map(([pointer, { by }]) => [pointer, by]))

const codeOf = (work: () => unknown): string | undefined => {
  try {
    work()
  } catch (error) {
    if (error instanceof LoomError) return error.code
    throw error
  }
  return undefined
}

/** Comes, and goes again. */
function thereAndBack(before: TwinSection, desired: TwinSection, between: (section: TwinSection) => TwinSection = same => same) {
  const there = planConfigurations({}, wants(one('c', desired)), before)
  return { there: there.desired, back: planConfigurations(there.applied, wants(), between(there.desired)).desired }
}

describe('paths of configurations', () => {
  it('go to the highest priority, then the newest, then the first id', () => {
    assert.deepEqual(winners(one('a', { x: 1, y: 1 }, 5), one('b', { x: 2 }, 10), one('c', { z: 1 })), {
      '/x': 'b',
      '/y': 'a',
      '/z': 'c',
    })
    assert.deepEqual(winners(one('a', { x: 1 }, 5, 100), one('b', { x: 2 }, 5, 200)), { '/x': 'b' })
    assert.deepEqual(winners(one('b', { x: 1 }), one('a', { x: 2 })), { '/x': 'a' })
  })

  it('exclude what is above and below them', () => {
    const { wanted, lost } = wants(one('low', { a: 1, c: { d: 1 } }), one('high', { a: { b: 1 }, c: 2 }, 9))
    assert.deepEqual([...wanted.keys()], ['/a/b', '/c'])
    assert.deepEqual(lost.get('low'), ['/a', '/c/d'])
    assert.deepEqual(lost.get('high'), [])
  })

  it('take any name', () => {
    for (const path of [['a/b', '~1'], ['~'], ['', 'x'], ['ä b']]) assert.deepEqual(pathOfPointer(pointerOf(path)), path)
    assert.equal(pointerOf(['a/b', 'c~d']), '/a~1b/c~0d')
  })
})

describe('the plan for a twin', () => {
  it('sets what is wanted, removes it with the objects made for it, and nothing else', () => {
    assert.deepEqual(thereAndBack({}, { a: { b: { c: 1 } } }), { there: { a: { b: { c: 1 } } }, back: {} })
    assert.deepEqual(thereAndBack({ a: { x: 1 } }, { a: { b: { c: 1 } } }).back, { a: { x: 1 } })
    assert.deepEqual(thereAndBack({ a: {} }, { a: { b: 1 } }).back, { a: {} }, 'an object that was there stays')
    assert.deepEqual(thereAndBack({ a: 1 }, { a: 1, b: 2 }).back, { a: 1 }, 'a value that was there stays')
  })

  it('leaves what someone changed since', () => {
    assert.deepEqual(thereAndBack({}, { a: { b: 1, c: 2 } }, () => ({ a: { b: 7, c: 2 } })).back, { a: { b: 7 } })
    assert.deepEqual(
      thereAndBack({}, { a: { b: 1 } }, () => ({ a: {} })).back,
      {},
      'a value that was removed leaves no object behind',
    )
  })

  it('sets back what another wrote while it applies', () => {
    const there = planConfigurations({}, wants(one('c', { a: 1 })), {})
    const again = planConfigurations(there.applied, wants(one('c', { a: 1 })), { a: 5, by: 'hand' })
    assert.deepEqual([again.patch, again.desired], [{ a: 1 }, { a: 1, by: 'hand' }])
    assert.equal(planConfigurations(there.applied, wants(one('c', { a: 1 })), { a: 1 }).changed, false)
  })

  it('knows objects of its own from one configuration to the next', () => {
    const first = planConfigurations({}, wants(one('p', { a: { b: 1 } })), {})
    const both = planConfigurations(first.applied, wants(one('p', { a: { b: 1 } }), one('q', { a: { c: 2 } })), first.desired)
    const second = planConfigurations(both.applied, wants(one('q', { a: { c: 2 } })), both.desired)
    assert.deepEqual(second.patch, { a: { b: null } })
    assert.deepEqual(planConfigurations(second.applied, wants(), second.desired).desired, {})
  })

  it('hands a path on to the next in rank', () => {
    const high = planConfigurations({}, wants(one('high', { a: 1 }, 9), one('low', { a: { b: 2 } })), {})
    const low = planConfigurations(high.applied, wants(one('low', { a: { b: 2 } })), high.desired)
    assert.deepEqual([low.patch, low.applied['/a/b']!.by], [{ a: { b: 2 } }, 'low'])
  })

  it('is written though the twin stays when a value gets another owner', () => {
    const applied: Applied = { '/a': { value: 1, by: 'p', version: 1, base: 0 } }
    const { patch, changed } = planConfigurations(applied, wants(one('q', { a: 1 })), { a: 1 })
    assert.deepEqual([patch, changed], [undefined, true])
  })
})

describe('a share of devices', () => {
  it('is about as large as it says, and grows without losing any', () => {
    const devices = Array.from({ length: 4000 }, (_, i) => `pump-${i}`)
    const at = (percent: number) => devices.filter(device => inShare('fw', device, percent))
    const [five, twenty] = [at(5), new Set(at(20))]
    assert.ok(Math.abs(five.length - 200) < 60 && Math.abs(twenty.size - 800) < 120, `${five.length} ${twenty.size}`)
    assert.ok(five.every(device => twenty.has(device)))
    assert.notDeepEqual(
      five,
      devices.filter(device => inShare('other', device, 5)),
    )
    assert.equal(at(100).length, 4000)
  })
})

describe('a configuration', () => {
  it('has an id, a priority and a share in their bounds', () => {
    for (const id of ['', 'a b', 'a/b', 'x'.repeat(129), 7])
      assert.equal(
        codeOf(() => checkConfigurationId(id)),
        'CONFIGURATION_INVALID',
      )
    for (const priority of [1.5, '1', 1e7, Number.NaN])
      assert.equal(
        codeOf(() => checkedPriority(priority)),
        'CONFIGURATION_INVALID',
      )
    for (const canary of [0, -1, 101, '5'])
      assert.equal(
        codeOf(() => checkedCanary(canary)),
        'CONFIGURATION_INVALID',
      )
    assert.deepEqual([checkedCanary(undefined), checkedCanary(100), checkedCanary(0.5)], [undefined, undefined, 0.5])
  })

  it('has values, no nulls, no empty objects and nothing a twin may not have', () => {
    for (const desired of [
      {},
      { a: null },
      { a: { b: {} } },
      Object.fromEntries(Array.from({ length: 501 }, (_, i) => [`k${i}`, i])),
    ])
      assert.equal(
        codeOf(() => checkedDesired(desired)),
        'CONFIGURATION_INVALID',
      )
    for (const desired of [7, [], null, { $a: 1 }, JSON.parse('{"__proto__": {"a": 1}}')])
      assert.equal(
        codeOf(() => checkedDesired(desired)),
        'TWIN_INVALID',
      )
    assert.deepEqual(checkedDesired({ a: [null, {}] }), { a: [null, {}] })
  })
})
