import assert from 'node:assert/strict'
import { allocatedHub, rendezvous } from '../../src/provisioning/allocation.ts'
import { codeOf } from '../pki/make.ts'
import { seeded } from '../seeded.ts'

const keys = Array.from({ length: 2000 }, (_, at) => `device-${at}`)

describe('rendezvous hashing', () => {
  it('moves only the devices of a removed hub, and only to a new one what it wins, whatever the weights', () => {
    const { below } = seeded(11)
    for (let round = 0; round < 20; round++) {
      const hubs = Array.from({ length: 2 + below(8) }, (_, at) => ({ host: `hub-${round}-${at}`, weight: 1 + below(20) }))
      const gone = hubs[below(hubs.length)]!
      const left = hubs.filter(hub => hub !== gone)
      let moved = 0
      for (const key of keys.slice(0, 500)) {
        const [before, after] = [rendezvous(hubs, key), rendezvous(left, key)]
        if (before === gone.host) moved++
        else assert.equal(after, before)
      }
      assert.ok(moved > 0)
    }
  })

  it('depends on the set of hubs only, not on their order', () => {
    const hubs = ['a', 'b', 'c', 'd'].map((host, at) => ({ host, weight: at + 1 }))
    for (const key of keys) assert.equal(rendezvous(hubs, key), rendezvous(hubs.toReversed(), key))
  })

  it('shares by weight', () => {
    const hubs = [
      { host: 'small', weight: 1 },
      { host: 'large', weight: 3 },
    ]
    const large = keys.filter(key => rendezvous(hubs, key) === 'large').length
    assert.ok(Math.abs(large / keys.length - 0.75) < 0.05, `${large}`)
  })
})

describe('allocation', () => {
  const hubs = [
    { host: 'self', weight: 1 },
    { host: 'far:8884', weight: 1 },
  ]
  const of = (policy: 'hashed' | 'static' | 'lowest-latency' | 'custom', payload?: unknown, list = hubs) =>
    allocatedHub({ allocation: { policy, hubs: list }, registrationKey: 'k', payload, thisHub: 'here:9000' })

  it('without hubs is here; static is the first', () => {
    assert.equal(of('hashed', undefined, []), 'self')
    assert.equal(of('static'), 'self')
    assert.equal(of('static', undefined, hubs.toReversed()), 'far:8884')
  })

  it('by latency is the fastest known hub the device measured, else hashed', () => {
    const probes = (...list: unknown[]) => ({ probes: list })
    const hashed = of('hashed')
    assert.equal(of('lowest-latency', probes({ hub: 'FAR:8884', ms: 3 }, { hub: 'here:9000', ms: 4 })), 'far:8884')
    assert.equal(of('lowest-latency', probes({ hub: 'here:9000', ms: 2 }, { hub: 'far:8884', ms: 4 })), 'self')
    assert.equal(of('lowest-latency', probes({ hub: 'evil', ms: 0 }, { hub: 'far:8884', ms: 9 })), 'far:8884')
    for (const payload of [
      undefined,
      null,
      7,
      probes(),
      { probes: 'x' },
      probes(
        null,
        { hub: 1, ms: 1 },
        { hub: 'far:8884', ms: 'x' },
        { hub: 'far:8884', ms: -1 },
        { hub: 'far:8884', ms: Number.NaN },
      ),
    ])
      assert.equal(of('lowest-latency', payload), hashed)
  })

  it('custom without a word is refused', () => {
    assert.throws(() => of('custom'), codeOf('PROV_DENIED'))
  })
})
