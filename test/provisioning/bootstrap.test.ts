import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import { type BootstrapEndpoint, bootstrapDocument, prunedBootstrap } from '../../src/provisioning/bootstrap.ts'
import { type BootstrapView, openBootstrap } from '../../src/provisioning/bootstrap-book.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'
import { codeOf, start } from '../pki/make.ts'
import { seeded } from '../seeded.ts'

const source = {
  endpoints: [{ kind: 'mqtts', address: 'hub:8883' }] as const,
  cas: ['old ca'],
  now: start,
  intervals: { telemetryMs: 60_000 },
  configuration: { site: 'north' },
}

describe('the bootstrap document', () => {
  it('says where to go, whom to trust and what time it is', () => {
    assert.deepEqual(bootstrapDocument(source), {
      v: 1,
      endpoints: [{ kind: 'mqtts', address: 'hub:8883' }],
      cas: ['old ca'],
      time: start,
      timeUtc: '2026-05-06T07:08:09.000Z',
      intervals: { telemetryMs: 60_000 },
      configuration: { site: 'north' },
    })
  })

  it('only grows: the old CA and the old endpoint stay behind the new ones, members keep their last value', () => {
    const first = bootstrapDocument(source)
    const second = bootstrapDocument(
      {
        endpoints: [{ kind: 'https', address: 'hub:8443' }],
        cas: ['new ca', 'old ca'],
        now: start + 1,
        intervals: { heartbeatMs: 5 },
        configuration: { site: 'south', more: 1 },
      },
      first,
    )
    assert.deepEqual(second.endpoints, [
      { kind: 'https', address: 'hub:8443' },
      { kind: 'mqtts', address: 'hub:8883' },
    ])
    assert.deepEqual(second.cas, ['new ca', 'old ca'])
    assert.deepEqual(second.intervals, { telemetryMs: 60_000, heartbeatMs: 5 })
    assert.deepEqual(second.configuration, { site: 'south', more: 1 })
    assert.equal(second.time, start + 1)
    for (const member of Object.keys(first)) assert.ok(member in second)
    const third = bootstrapDocument({ ...source, cas: ['old ca'] }, second)
    assert.deepEqual(third.cas, ['old ca', 'new ca'])
    assert.deepEqual(third.endpoints[0], { kind: 'mqtts', address: 'hub:8883' })
    assert.equal(third.endpoints.length, 2)
  })

  it('shrinks only by an operator, and has a limit', () => {
    const document = bootstrapDocument({ ...source, cas: ['a', 'b'] })
    assert.deepEqual(prunedBootstrap(document, { cas: ['a'] }).cas, ['b'])
    assert.deepEqual(prunedBootstrap(document, { endpoints: [{ kind: 'mqtts', address: 'hub:8883' }] }).endpoints, [])
    assert.throws(() => bootstrapDocument({ ...source, configuration: { x: 'x'.repeat(66_000) } }), codeOf('STORE_LIMIT'))
  })
})

describe('the kept bootstrap document', () => {
  it('never loses what it once said, whatever the hub becomes and however often it restarts', async () => {
    const draw = seeded(7)
    const store = await openMemoryStateStore({ now: () => start })
    const some = <T>(make: (n: number) => T): T[] => Array.from({ length: draw.below(3) }, () => make(draw.below(6)))
    const hub = { endpoints: [] as BootstrapEndpoint[], passing: [] as BootstrapEndpoint[], cas: [] as string[] }
    let told = 0
    const open = () => openBootstrap({ store, facts: () => hub, now: () => start, changed: () => told++ })
    let book = await open()
    let last = await book.read()
    for (let step = 0; step < 400; step++) {
      const before = told
      const what = draw.below(4)
      if (what === 0) hub.endpoints = some(n => ({ kind: 'mqtts', address: `hub-${n}:8883` }))
      else if (what === 1) hub.cas = some(n => `ca ${n}`)
      else if (what === 2)
        await book.set({
          intervals: { [`i${draw.below(4)}`]: draw.below(9) },
          configuration: { [`c${draw.below(4)}`]: draw.below(9) },
        })
      else {
        book = await open()
        hub.passing = [{ kind: 'https', address: `hub:${40_000 + step}` }]
      }
      const next = await book.read()
      for (const ca of [...last.cas, ...hub.cas]) assert.ok(next.cas.includes(ca), `step ${step}`)
      const kept = last.endpoints.filter(({ kind }) => kind === 'mqtts')
      for (const one of [...kept, ...hub.endpoints]) assert.ok(next.endpoints.some(same => isDeepStrictEqual(same, one)))
      assert.deepEqual(
        next.endpoints.filter(({ kind }) => kind === 'https'),
        hub.passing,
      )
      for (const part of ['intervals', 'configuration'] as const)
        for (const name of Object.keys(last[part])) assert.ok(name in next[part])
      assert.deepEqual(next.cas.slice(0, new Set(hub.cas).size), [...new Set(hub.cas)])
      const same = isDeepStrictEqual(partsOf(last), partsOf(next))
      assert.equal(told > before, !same, `step ${step}`)
      last = next
    }
  })

  it('shrinks by an operator who saw the present one, but for what the hub is', async () => {
    const store = await openMemoryStateStore({ now: () => start })
    const hub = { endpoints: source.endpoints, passing: [], cas: ['old', 'new'] }
    const book = await openBootstrap({ store, facts: () => hub, now: () => start, changed: () => {} })
    await book.read()
    hub.cas = ['new']
    const { etag } = await book.set({ intervals: { a: 1, b: 2 }, configuration: { c: 1 } })
    const pruned = await book.prune(
      { cas: ['old', 'new'], endpoints: [...source.endpoints], intervals: ['a'], configuration: ['c'] },
      { etag },
    )
    assert.deepEqual([pruned.cas, pruned.endpoints.length, pruned.intervals, pruned.configuration], [['new'], 1, { b: 2 }, {}])
    await assert.rejects(book.prune({ intervals: ['b'] }, { etag }), codeOf('PROV_CONFLICT'))
    await assert.rejects(book.set({ intervals: { b: 3 } }, { etag }), codeOf('PROV_CONFLICT'))
    for (const wrong of [{ intervals: { '1': 1 } }, { intervals: { a: 0.5 } }, { intervals: [] }, { configuration: 'x' }])
      await assert.rejects(book.set(wrong), codeOf('PROV_INVALID'))
    for (const wrong of [{ cas: 'x' }, { endpoints: ['x'] }, { other: [] }])
      await assert.rejects(book.prune(wrong as object), codeOf('PROV_INVALID'))
    await assert.rejects(book.set({ configuration: { x: 'x'.repeat(30_000), y: 'y'.repeat(40_000) } }), codeOf('PROV_INVALID'))
    await book.set({ configuration: { x: 'x'.repeat(30_000) } })
    await book.set({ configuration: { y: 'y'.repeat(30_000) } })
    await assert.rejects(book.set({ configuration: { z: 'z'.repeat(30_000) } }), codeOf('STORE_LIMIT'))
    assert.deepEqual(Object.keys((await book.read()).configuration), ['x', 'y'])
  })
})

const partsOf = ({ cas, intervals, configuration, endpoints }: BootstrapView) => ({
  cas,
  intervals,
  configuration,
  endpoints: endpoints.filter(({ kind }) => kind === 'mqtts'),
})
