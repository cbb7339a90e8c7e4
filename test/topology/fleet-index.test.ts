import assert from 'node:assert/strict'
import type { FleetDoc } from '../../src/topology/fleet-doc.ts'
import { FleetIndex, type FleetIndexParts } from '../../src/topology/fleet-index.ts'
import { keyOfPath } from '../../src/topology/fleet-keys.ts'
import { seeded } from '../seeded.ts'
import { fleetDoc } from './fleet-query/fleet.ts'

const open = (o: Partial<FleetIndexParts> = {}) => {
  const seen: [string, readonly string[] | 'all'][] = []
  const index = new FleetIndex({
    maxBytes: 1e9,
    declared: [],
    turn: async () => {},
    changed: (id, _doc, keys) => seen.push([id, keys]),
    ...o,
  })
  return { index, seen }
}
const key = (path: string) => keyOfPath(path.split('.'))

describe('the fleet index', () => {
  it('tells what of a device changed, and of what is the same nothing', () => {
    const { index, seen } = open()
    const doc = fleetDoc({ id: 'a', tags: { site: 'x', n: 1 }, twin: { reported: { t: 1, u: { v: 1 } } } })
    index.set(doc)
    index.set(structuredClone(doc))
    index.set({ ...doc, tags: { site: 'y', n: 1 }, twin: { ...doc.twin, reported: { t: 1, u: { v: 2 } }, hasDelta: true } })
    index.delete('a')
    index.delete('a')
    assert.deepEqual(
      seen.map(([id, keys]) => [id, keys === 'all' ? keys : [...keys].sort()]),
      [
        ['a', 'all'],
        [
          'a',
          [
            key('tags'),
            key('tags.site'),
            key('twin'),
            key('twin.hasDelta'),
            key('twin.reported'),
            key('twin.reported.u.v'),
          ].sort(),
        ],
        ['a', 'all'],
      ],
    )
    assert.deepEqual([index.size, index.bytes], [0, 0])
  })

  it('scans in order of the ids and gives way, whatever is added and removed meanwhile', async () => {
    const random = seeded(5)
    let turns = 0
    const { index } = open({
      turn: async () => {
        turns++
        for (let i = 0; i < 50; i++) {
          const id = `d${random.below(20_000)}`
          if (random.below(2)) index.delete(`${id}x`)
          else index.set(fleetDoc({ id: `${id}x` }))
        }
      },
    })
    const ids = Array.from({ length: 12_000 }, (_, i) => `d${i}`)
    for (const id of ids) index.set(fleetDoc({ id }))
    const seen: string[] = []
    await index.scan(({ id }) => void seen.push(id))
    assert.equal(turns, 2)
    assert.deepEqual(seen, [...new Set(seen)].sort())
    assert.deepEqual(
      seen.filter(id => !id.endsWith('x')),
      [...ids].sort(),
    )
  })

  it('goes on behind a device that is removed while it gives way', async () => {
    const seen: string[] = []
    const { index } = open({ turn: async () => index.delete(seen.at(-1)!) })
    const ids = Array.from({ length: 11_000 }, (_, i) => `d${String(i).padStart(5, '0')}`)
    for (const id of ids) index.set(fleetDoc({ id }))
    await index.scan(({ id }) => void seen.push(id))
    assert.deepEqual(seen, ids)
    assert.equal(index.size, 10_998)
  })

  it('knows its size, whatever the order of changes', () => {
    const random = seeded(9)
    const { index } = open()
    const kept = new Map<string, FleetDoc>()
    for (let i = 0; i < 500; i++) {
      const id = `d${random.below(40)}`
      if (random.below(4) === 0) {
        index.delete(id)
        kept.delete(id)
        continue
      }
      const doc = fleetDoc({ id, tags: { t: 'x'.repeat(random.below(50)) }, twin: { desired: { n: random.below(9) } } })
      index.set(doc)
      kept.set(id, doc)
    }
    const { index: fresh } = open()
    for (const doc of kept.values()) fresh.set(doc)
    assert.deepEqual([index.size, index.bytes], [fresh.size, fresh.bytes])
  })

  it('past its bytes holds declared paths of twins only, and refuses queries that read others', async () => {
    let reduced = 0
    const { index } = open({
      maxBytes: 3000,
      declared: [
        ['twin', 'reported', 'fw'],
        ['shadows', 'cfg', 'desired'],
      ],
      reduced: () => void reduced++,
    })
    const twin = { desired: {}, reported: { fw: { v: 1 }, big: 'x'.repeat(1000) }, hasDelta: true }
    const shadows = { cfg: { desired: { a: 1 }, reported: { b: 1 }, hasDelta: false } }
    for (const id of ['a', 'b', 'c', 'd']) index.set(fleetDoc({ id, tags: { site: 'x' }, twin, shadows }))
    assert.deepEqual([index.reduced, reduced], [true, 1])
    for (const id of ['a', 'd']) {
      const doc = index.get(id)!
      assert.deepEqual(doc.twin, { desired: {}, reported: { fw: { v: 1 } }, hasDelta: true })
      assert.deepEqual(doc.shadows, { cfg: { desired: { a: 1 }, reported: {}, hasDelta: false } })
      assert.deepEqual(doc.tags, { site: 'x' })
    }
    index.check([
      ['twin', 'reported', 'fw', 'v'],
      ['twin', 'hasDelta'],
      ['tags', 'site'],
      ['shadows', 'cfg', 'desired', 'a'],
    ])
    assert.throws(() => index.check([['twin', 'reported', 'big']]), { code: 'QUERY_LIMIT' })
    assert.throws(() => index.check([['twin', 'reported']]), { code: 'QUERY_LIMIT' })
    assert.ok(index.bytes < 3000)
  })
})
