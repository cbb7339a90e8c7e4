import assert from 'node:assert/strict'
import { devicesColl } from '../../src/hub/devices.ts'
import type { Lived } from '../../src/hub/lifecycle-teller.ts'
import { Supervision } from '../../src/hub/supervision.ts'
import type { StateStore } from '../../src/storage/state-store.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'

describe('supervision of silence', () => {
  let now: number
  let store: StateStore
  let reads: number
  let told: Lived[]
  let disabled: Set<string>
  const open = (expectedIntervalMs = 0) =>
    Supervision.open({
      state: store,
      devices: async ids => {
        reads++
        const exists = await store.query(devicesColl, { where: [['id', 'in', ids]], limit: 1000 })
        return exists.items.map(({ id }) => ({ id, enabled: !disabled.has(id), state: 'active' as const }))
      },
      expectedIntervalMs,
      tell: lived => told.push(lived),
      now: () => now,
    })
  const device = (id: string, expectedIntervalMs?: number) =>
    store.put(devicesColl, id, {
      tags: {},
      attributes: expectedIntervalMs ? { expectedIntervalMs: String(expectedIntervalMs) } : {},
    })
  const names = () => told.splice(0).map(({ device: id, event }) => `${event} ${id}`)
  const until = async (supervision: Supervision, time: number) => {
    for (; now <= time; now += 1000) {
      supervision.sweep(now)
      await supervision.settle()
    }
  }

  beforeEach(async () => {
    now = 1_000_000
    reads = 0
    told = []
    disabled = new Set()
    store = await openMemoryStateStore({ now: () => now })
    await store.declare(devicesColl, {})
  })

  it('tells once that a device is silent and once that it speaks again', async () => {
    await device('d', 10_000)
    const supervision = await open()
    supervision.came('d', now)
    await until(supervision, 1_005_000)
    supervision.heard('d', now)
    const last = now
    await until(supervision, 1_060_000)
    assert.deepEqual(told.splice(0), [{ device: 'd', event: 'silent', clientId: '', lastAt: last, expectedMs: 10_000 }])
    supervision.heard('d', now)
    supervision.heard('d', now)
    assert.deepEqual(told.splice(0), [{ device: 'd', event: 'heard', clientId: '', lastAt: last }])
  })

  it('asks once for a device that needs no watch, however much it sends, and never for one that is not there twice', async () => {
    await device('calm')
    const supervision = await open()
    for (let i = 0; i < 1000; i++) {
      supervision.heard('calm', now)
      supervision.heard('nobody', now)
      await supervision.settle()
    }
    assert.equal(reads, 1)
    await until(supervision, 1_100_000)
    assert.deepEqual(names(), [])
  })

  it('reads a thousand that come at once in a few looks', async () => {
    for (let i = 0; i < 1000; i++) await device(`d${i}`, 5000)
    const supervision = await open()
    for (let i = 0; i < 1000; i++) supervision.came(`d${i}`, now)
    await supervision.settle()
    assert.equal(reads, 2)
    await until(supervision, 1_010_000)
    assert.equal(names().length, 1000)
  })

  it('follows what is expected: begun, changed, ended, device disabled', async () => {
    await device('d')
    const supervision = await open()
    supervision.heard('d', now)
    await until(supervision, 1_010_000)
    await device('d', 5000)
    supervision.described('d')
    await until(supervision, 1_020_000)
    assert.deepEqual(names(), ['silent d'])
    supervision.heard('d', now)
    await device('d', 60_000)
    supervision.described('d')
    await until(supervision, 1_060_000)
    assert.deepEqual(names(), ['heard d'])
    disabled.add('d')
    supervision.described('d')
    await until(supervision, 1_300_000)
    assert.deepEqual(names(), [])
    disabled.clear()
    supervision.described('d')
    await until(supervision, 1_400_000)
    assert.deepEqual(names(), ['silent d'])
  })

  it('survives a restart: everyone has the whole time again, and who was silent is not told again', async () => {
    for (const id of ['a', 'b', 'c', 'gone']) await device(id, 10_000)
    const first = await open()
    for (const id of ['a', 'b', 'c', 'gone']) first.came(id, now)
    await until(first, 1_008_000)
    for (const id of ['b', 'c', 'gone']) first.heard(id, now)
    await until(first, 1_015_000)
    assert.deepEqual(names(), ['silent a'])
    await first.flush()
    now = 9_000_000
    await store.delete(devicesColl, 'gone')
    await device('c', 3000)
    const second = await open()
    await until(second, 9_002_000)
    assert.deepEqual(names(), [], 'nothing at once')
    await until(second, 9_060_000)
    assert.deepEqual(names(), ['silent c', 'silent b'])
    second.heard('a', now)
    assert.deepEqual(names(), ['heard a'])
    await second.flush()
    assert.equal(await store.count('supervision'), 3)
    await second.forget('a')
    await second.flush()
    assert.equal(await store.count('supervision'), 2)
  })

  it('supervises all by the default of the hub, and none that is unknown', async () => {
    await device('d')
    const supervision = await open(4000)
    supervision.heard('d', now)
    supervision.heard('stranger', now)
    await until(supervision, 1_010_000)
    assert.deepEqual(names(), ['silent d'])
  })
})
