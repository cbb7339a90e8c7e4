import assert from 'node:assert/strict'
import { DesiredGaps } from '../../src/hub/desired-gaps.ts'
import { mergeSection, patchBetween } from '../../src/twin/merge.ts'
import type { TwinSection } from '../../src/twin/json.ts'
import { seeded } from '../seeded.ts'

const bye = (now: number) => ({ now, sure: true })

describe('what a device missed while it renewed its token', () => {
  it('is nothing where nothing changed', () => {
    const gaps = new DesiredGaps()
    gaps.left('d|', bye(1000))
    assert.deepEqual(gaps.back('d|', { a: 1 }, 2000), {})
    assert.equal(gaps.back('d|', { a: 1 }, 3000), undefined, 'it is told once')
  })

  it('is the difference of what was desired when it left, with null for what went', () => {
    const gaps = new DesiredGaps()
    gaps.left('d|', bye(1000))
    gaps.missed('d|', { a: 1, b: { c: 1, d: 1 } })
    gaps.missed('d|', { a: 2, b: { c: 1 } })
    gaps.missed('other|', {})
    assert.deepEqual(gaps.back('d|', { a: 1, b: { c: 2 }, e: [1] }, 2000), { b: { c: 2, d: null }, e: [1] })
    assert.equal(gaps.back('other|', {}, 2000), undefined)
  })

  it('is not known where it left without a word, was away for a minute, or never came', () => {
    const gaps = new DesiredGaps()
    gaps.left('lost|', { now: 1000, sure: false })
    gaps.left('late|', bye(1000))
    for (const id of ['lost|', 'late|', 'new|']) {
      gaps.missed(id, {})
      assert.equal(gaps.back(id, { a: 1 }, 61_000), undefined, id)
    }
    gaps.left('soon|', bye(1000))
    gaps.missed('soon|', {})
    assert.deepEqual(gaps.back('soon|', { a: 1 }, 60_999), { a: 1 })
  })

  it('may be what it was sent in the last seconds: then it is told everything', () => {
    const gaps = new DesiredGaps()
    gaps.told('d|', { a: 1, gone: { x: 1 } }, 1000)
    gaps.told('d|', { a: 2, gone: { y: 1 }, m: { n: 1 } }, 3000)
    gaps.left('d|', bye(7999))
    const desired = { a: 1, m: { o: 1 } }
    assert.deepEqual(gaps.back('d|', desired, 8000), { a: 1, gone: null, m: { n: null, o: 1 } })
    gaps.left('d|', bye(8001))
    assert.deepEqual(gaps.back('d|', desired, 8002), { a: 1, gone: null, m: { n: null, o: 1 } }, 'that may be lost too')
    gaps.left('d|', bye(13_100))
    assert.deepEqual(gaps.back('d|', desired, 13_200), {}, 'and is not, after a while')
  })

  it('is kept for 10,000 devices, and what is forgotten counts as not known', () => {
    const gaps = new DesiredGaps()
    for (let n = 0; n <= 10_000; n++) gaps.left(`d${n}|`, bye(1000))
    assert.equal(gaps.back('d0|', { a: 1 }, 1001), undefined)
    assert.deepEqual(gaps.back('d1|', { a: 1 }, 1001), {})
    assert.deepEqual(gaps.back('d10000|', { a: 1 }, 1001), {})
    const told = new DesiredGaps()
    for (let n = 0; n <= 10_000; n++) told.told(`d${n}|`, {}, 1000)
    told.left('d0|', bye(2000))
    assert.equal(told.back('d0|', { a: 1 }, 2001), undefined, 'it was told something of late')
    told.left('e|', bye(6000))
    assert.deepEqual(told.back('e|', { a: 1 }, 6001), {})
  })

  it('makes a device that only merges what it is sent equal in the end, whichever of the last messages were lost', () => {
    const random = seeded(4)
    const value = (depth = 0): unknown => {
      const kind = random.below(depth < 2 ? 4 : 2)
      if (kind < 2) return random.below(3)
      const members = Array.from({ length: random.below(3) }, () => [`k${random.below(3)}`, value(depth + 1)])
      return Object.fromEntries(members)
    }
    const section = () => Object.fromEntries(['a', 'b', 'c'].filter(() => random.below(2)).map(key => [key, value()]))
    for (let run = 0; run < 2000; run++) {
      const gaps = new DesiredGaps()
      let now = 1000
      let desired: TwinSection = section()
      let own = desired
      let arrives = true
      const change = (there: boolean): void => {
        const before = desired
        desired = section()
        if (there) gaps.told('d|', before, now)
        else gaps.missed('d|', before)
        // Once one is lost on the way, so are all after it
        if (there && arrives) own = mergeSection(own, patchBetween(before, desired))
      }
      for (let session = 0; session < 3; session++) {
        now += 10_000
        arrives = true
        for (let n = random.below(3); n > 0; n--) {
          now += random.below(4000)
          arrives &&= random.below(2) > 0
          change(true)
        }
        now += arrives ? random.below(20_000) : 4999
        // what was sent longer ago has arrived
        if (arrives) assert.deepEqual(own, desired)
        gaps.left('d|', bye(now))
        for (let n = random.below(3); n > 0; n--) change(false)
        const patch = gaps.back('d|', desired, now + random.below(60_000))
        assert(patch)
        own = mergeSection(own, patch)
        assert.deepEqual(own, desired)
      }
    }
  })
})
