import assert from 'node:assert/strict'
import { expectedInterval } from '../../src/telemetry/expected-interval.ts'
import { SilenceWatch } from '../../src/telemetry/silence-watch.ts'
import { seeded } from '../seeded.ts'

describe('silence', () => {
  it('is found once, within two seconds, and ends with the next message', () => {
    const watch = new SilenceWatch()
    watch.set('d', { expectedMs: 10_000, last: 1_000_500, silent: false })
    const found = []
    for (let now = 1_000_500; now <= 1_030_500; now += 1000) for (const id of watch.sweep(now)) found.push([id, now])
    assert.deepEqual(found, [['d', 1_011_500]])
    assert.deepEqual(watch.heard('d', 1_040_000), { last: 1_000_500 })
    assert.equal(watch.heard('d', 1_041_000), 'expected')
    assert.equal(watch.heard('e', 1_041_000), undefined)
  })

  it('has the answer of a naive model, whatever is set, said and left, with clocks that leap', () => {
    const random = seeded(7)
    for (let run = 0; run < 30; run++) {
      const watch = new SilenceWatch()
      const model = new Map<string, { expectedMs: number; last: number; silent: boolean }>()
      let now = 1_000_000
      for (let step = 0; step < 800; step++) {
        const id = `d${random.below(20)}`
        const act = random.below(10)
        if (act === 0) {
          const entry = { expectedMs: 1000 + random.below(30_000), last: now, silent: random.below(4) === 0 }
          watch.set(id, entry)
          model.set(id, { ...entry })
        } else if (act === 1) {
          assert.equal(watch.delete(id), model.delete(id))
        } else if (act < 6) {
          const entry = model.get(id)
          const expected = entry && (entry.silent ? { last: entry.last } : 'expected')
          assert.deepEqual(watch.heard(id, now), expected)
          if (entry) Object.assign(entry, { last: Math.max(entry.last, now), silent: false })
        } else {
          now += random.below(40) === 0 ? 3_600_000 : random.below(3000)
          const found = watch.sweep(now)
          for (const one of found) {
            const entry = model.get(one)!
            assert.ok(!entry.silent && now - entry.last > entry.expectedMs, 'not before its time')
            entry.silent = true
          }
          for (const [one, { last, expectedMs, silent }] of model)
            assert.ok(silent || now - last <= expectedMs + 2000, `${one} is found within two seconds of its time`)
        }
        assert.equal(watch.size, model.size)
      }
    }
  })

  it('of a device that names it: the attribute, then the tag, then what the hub has', () => {
    const of = (attributes: object, tags: object, standard = 0) =>
      expectedInterval({ attributes: attributes as Record<string, string>, tags: tags as Record<string, unknown> }, standard)
    assert.equal(of({ expectedIntervalMs: '60000' }, { expectedIntervalMs: 5000 }, 9000), 60_000)
    assert.equal(of({}, { expectedIntervalMs: 5000 }, 9000), 5000)
    assert.equal(of({}, {}, 9000), 9000)
    assert.equal(of({}, {}), undefined)
    assert.equal(of({ expectedIntervalMs: '0' }, { expectedIntervalMs: 5000 }, 9000), undefined, 'it may be silent')
    for (const bad of ['', '999', '-5', '1e3', 'soon', '99999999999', '5000.5', null, true, {}, [5000], Number.NaN])
      assert.equal(of({}, { expectedIntervalMs: bad }, 9000), 9000, JSON.stringify(bad))
    assert.equal(expectedInterval({ attributes: Object.create({ expectedIntervalMs: '5000' }) }, 0), undefined)
  })
})
