import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LoomError } from '../../src/errors.ts'
import type { AggregateQuery, FillFn, RangeQuery, WarmRow, WarmStore } from '../../src/storage/warm-store.ts'
import type { Reading } from '../../src/telemetry/reading.ts'
import { seeded } from '../seeded.ts'
import { naiveAggregate, naiveRows } from './naive-warm.ts'

const day = 24 * 3_600_000
const code = (expected: LoomError['code']) => (error: LoomError) =>
  error.code === expected || assert.fail(`${error.code}: ${error.message}`)

export interface WarmOpen {
  folder: string
  now: () => number
  maxQueryRows?: number
}

/** What every warm store must do. `open` opens the same store again for the same folder. */
export function warmStoreContract(
  name: string,
  open: (o: WarmOpen) => Promise<WarmStore>,
  { durable }: { durable: boolean },
): void {
  describe(`warm store contract: ${name}`, () => {
    let folder: string
    let store: WarmStore
    const time = 1_800_000_000_000
    const now = () => time
    const whole = { from: 0, to: time + 1000 * day }

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'loom-warm-'))
      store = await open({ folder, now })
    })
    afterEach(async () => {
      await store.close()
      await rm(folder, { recursive: true, force: true })
    })
    const row = (t: number, values: Record<string, unknown>, more: Partial<WarmRow> = {}): WarmRow => ({
      device: 'd',
      time: t,
      values,
      ...more,
    })
    const values = async (query: Partial<RangeQuery> = {}) =>
      (await store.range({ devices: ['d'], ...whole, ...query })).items.map(i => [i.time, i.values])

    it('returns what was stored, with its journal position and the time of arrival', async () => {
      const full = {
        device: 'd',
        time: 5,
        values: { a: 1.5, b: true, c: 'x', e: { f: [1] }, g: null },
        arrived: 7,
        stream: 's',
        seq: 3,
        schema: 'v1',
        jseq: 11,
        idx: 2,
      }
      assert.deepEqual(await store.append([full, row(6, { a: 1 })]), { stored: 2, duplicates: 0 })
      const { items, stats } = await store.range({ devices: ['d'], ...whole })
      assert.deepEqual(items, [full, { device: 'd', stream: '', time: 6, values: { a: 1 }, arrived: time }])
      assert.equal(stats.rows, 2)
    })

    it('merges a second reading of the same time, the later arrival winning per name whichever came first', async () => {
      const first = row(1, { a: 1, b: 1 }, { arrived: 10 })
      const second = row(1, { b: 2, c: 2 }, { arrived: 20 })
      const third = row(1, { a: 3, c: 3 }, { arrived: 15 })
      const orders = [
        [first, second, third],
        [third, second, first],
        [second, first, third],
        [third, first, second],
      ]
      for (const [i, order] of orders.entries()) {
        const device = `m${i}`
        for (const each of order) await store.append([{ ...each, device }])
        const { items } = await store.range({ devices: [device], ...whole })
        assert.equal(items.length, 1)
        assert.deepEqual({ ...items[0]!.values }, { a: 3, b: 2, c: 2 })
        assert.equal(items[0]!.arrived, 20)
        const last = await store.last({ devices: [device] })
        assert.deepEqual(
          last.map(l => [l.point, l.value, l.arrived]),
          [
            ['a', 3, 15],
            ['b', 2, 20],
            ['c', 2, 20],
          ],
        )
      }
      const again = orders[0]!.map(each => ({ ...each, device: 'm0' }))
      assert.deepEqual(await store.append(again), { stored: 0, duplicates: 3 })
    })

    it('lets the journal position decide between equal arrivals, then the later append', async () => {
      await store.append([row(1, { a: 'new' }, { arrived: 5, jseq: 8 }), row(1, { a: 'old' }, { arrived: 5, jseq: 7 })])
      assert.deepEqual(await values(), [[1, { a: 'new' }]])
      await store.append([row(1, { a: 'corrected' }, { arrived: 5, jseq: 8 })])
      assert.deepEqual(await values(), [[1, { a: 'corrected' }]])
    })

    it('ignores a second reading with first', async () => {
      await store.append([row(1, { a: 1 }, { arrived: 1 })], { duplicates: 'first' })
      assert.deepEqual(await store.append([row(1, { a: 2, b: 2 }, { arrived: 9 })], { duplicates: 'first' }), {
        stored: 0,
        duplicates: 1,
      })
      assert.deepEqual(await values(), [[1, { a: 1 }]])
      assert.deepEqual(
        (await store.last({ devices: ['d'] })).map(l => l.value),
        [1],
      )
    })

    it('keeps readings of one time beside each other with all, and still drops a redelivery', async () => {
      const rows = [
        row(1, { a: 1 }, { jseq: 4, idx: 0 }),
        row(1, { a: 2 }, { jseq: 4, idx: 1 }),
        row(1, { a: 3 }),
        row(1, { a: 4 }),
      ]
      assert.deepEqual(await store.append(rows, { duplicates: 'all' }), { stored: 4, duplicates: 0 })
      assert.deepEqual(await store.append(rows.slice(0, 2), { duplicates: 'all' }), { stored: 0, duplicates: 2 })
      assert.deepEqual(
        (await values()).map(([, v]) => (v as { a: number }).a),
        [3, 4, 1, 2],
      )
    })

    it('tells streams apart', async () => {
      await store.append([row(1, { a: 1 }), row(1, { a: 2 }, { stream: 'x' }), row(2, { a: 3 }, { stream: 'y' })])
      assert.deepEqual(await values({ streams: ['x', 'y'] }), [
        [1, { a: 2 }],
        [2, { a: 3 }],
      ])
      assert.deepEqual(await values({ streams: [''] }), [[1, { a: 1 }]])
    })

    it('reads a device and stream stored under two classes as one', async () => {
      await store.append([row(1, { a: 1 }, { arrived: 1 }), row(2, { a: 2 }, { arrived: 2 })])
      await store.append([row(1, { b: 9 }, { class: 'kpi', arrived: 3 }), row(3, { a: 3 }, { class: 'kpi', arrived: 3 })])
      assert.deepEqual(await values(), [
        [1, { a: 1, b: 9 }],
        [2, { a: 2 }],
        [3, { a: 3 }],
      ])
      const { items } = await store.aggregate({ devices: ['d'], from: 0, to: 10, everyMs: 10, fn: 'count' })
      assert.deepEqual(
        items.map(i => i.values),
        [{ a: 3, b: 1 }],
      )
      assert.deepEqual(
        (await store.last({ devices: ['d'] })).map(l => [l.point, l.value]),
        [
          ['a', 3],
          ['b', 9],
        ],
      )
    })

    it('cuts a range to its times, points and order', async () => {
      await store.append([row(1, { a: 1 }), row(2, { a: 2, b: 2 }), row(3, { b: 3 }), row(4, { a: 4 })])
      assert.deepEqual(await values({ from: 2, to: 4 }), [
        [2, { a: 2, b: 2 }],
        [3, { b: 3 }],
      ])
      assert.deepEqual(await values({ points: ['b'] }), [
        [2, { b: 2 }],
        [3, { b: 3 }],
      ])
      assert.deepEqual(
        (await values({ order: 'desc', points: ['a'] })).map(([t]) => t),
        [4, 2, 1],
      )
      assert.deepEqual(await values({ devices: ['nobody'] }), [])
      assert.deepEqual(await values({ devices: [] }), [])
      assert.deepEqual(await values({ from: 4, to: 4 }), [])
    })

    it('moves a consumer exactly once: a repeat of rows and cursor changes nothing', async () => {
      assert.equal(await store.cursor('c'), 0)
      const rows = [row(1, { a: 1 }, { jseq: 1 }), row(2, { a: 2 })]
      const o = { cursor: { consumer: 'c', seq: 2 }, duplicates: 'all' } as const
      await store.append(rows, o)
      assert.equal(await store.cursor('c'), 2)
      assert.deepEqual(await store.append(rows, o), { stored: 0, duplicates: 2 })
      await store.append([row(1, { a: 'repeat' }, { jseq: 2, arrived: time + 1 }), row(3, { a: 3 }, { jseq: 3 })], {
        cursor: { consumer: 'c', seq: 3 },
      })
      assert.deepEqual(
        (await values()).map(([, v]) => v),
        [{ a: 1 }, { a: 2 }, { a: 3 }],
      )
      assert.equal(await store.cursor('c'), 3)
      assert.equal(await store.cursor('other'), 0)
      await store.append([], { cursor: { consumer: 'c', seq: 9 } })
      assert.equal(await store.cursor('c'), 9)
    })

    it('refuses rows and queries that mean nothing, and stores none of their append', async () => {
      const bad: [WarmRow, LoomError['code']][] = [
        [row(1, {}, { device: '' }), 'READING_DEVICE'],
        [row(Number.NaN, {}), 'READING_TIME'],
        [row(1.5, {}), 'READING_TIME'],
        [row(1, [] as unknown as Record<string, unknown>), 'READING_VALUES'],
        [row(1, {}, { class: 'gold' as 'kpi' }), 'STORE_QUERY_INVALID'],
      ]
      for (const [wrong, expected] of bad) await assert.rejects(store.append([row(1, { a: 1 }), wrong]), code(expected))
      assert.deepEqual(await values(), [])
      const invalid = code('STORE_QUERY_INVALID')
      await assert.rejects(store.append([], { duplicates: 'some' as 'all' }), invalid)
      const base = { devices: ['d'], from: 0, to: 10 }
      for (const limit of [0, 10_001, 1.5]) await assert.rejects(store.range({ ...base, limit }), invalid)
      await assert.rejects(store.range({ ...base, from: 11 }), invalid)
      await assert.rejects(store.range({ ...base, cursor: 'x' }), invalid)
      await assert.rejects(store.aggregate({ ...base, everyMs: 0, fn: 'avg' }), invalid)
      await assert.rejects(store.aggregate({ ...base, everyMs: 1, fn: 'mode' as FillFn }), invalid)
      await assert.rejects(store.downsample({ ...base, maxPoints: 1, fn: 'lttb' }), invalid)
      await assert.rejects(store.downsample({ ...base, maxPoints: 9, fn: 'avg' as 'lttb' }), invalid)
    })

    it('refuses a query over more rows than it may read', async () => {
      await store.close()
      store = await open({ folder, now, maxQueryRows: 10 })
      await store.append(Array.from({ length: 30 }, (_, i) => row(i, { a: i })))
      const base = { devices: ['d'], from: 0, to: 100 }
      const large = code('STORE_QUERY_TOO_LARGE')
      await assert.rejects(store.range({ ...base, points: ['none'] }), large)
      await assert.rejects(store.aggregate({ ...base, everyMs: 1, fn: 'avg' }), large)
      await assert.rejects(store.downsample({ ...base, maxPoints: 3, fn: 'minmax' }), large)
    })

    it('aggregates as defined: percentiles by linear rank, sample deviation, held values', async () => {
      await store.append(Array.from({ length: 10 }, (_, i) => row(100 + i, { v: 10 - i, s: 'text', on: i >= 5 })))
      const of = async (fn: FillFn, o: Partial<AggregateQuery> = {}) =>
        (await store.aggregate({ devices: ['d'], from: 100, to: 200, everyMs: 100, fn, ...o })).items
      assert.deepEqual(
        (await of('p50', { points: ['v'] })).map(i => i.values.v),
        [5.5],
      )
      assert.ok(Math.abs(Number((await of('p95'))[0]!.values.v) - 9.55) < 1e-9)
      assert.deepEqual((await of('avg'))[0], { device: 'd', stream: '', time: 100, values: { v: 5.5, on: 0.5 } })
      assert.deepEqual((await of('count'))[0]!.values, { v: 10, s: 10, on: 10 })
      assert.deepEqual((await of('first'))[0]!.values, { v: 10, s: 'text', on: false })
      assert.deepEqual((await of('last'))[0]!.values, { v: 1, s: 'text', on: true })
      assert.ok(Math.abs(Number((await of('stddev'))[0]!.values.v) - 3.0276503540974917) < 1e-12)
      assert.deepEqual((await of('stddev', { to: 101 }))[0]!.values, { v: null, on: null })
      // 10..2 for 1 ms each, then 1 for 91 ms
      assert.deepEqual((await of('twa', { points: ['v'] }))[0]!.values, { v: (54 + 91) / 100 })
      // the value of 104 is 6 and holds from 104.. but the range starts at 105 with 5
      assert.deepEqual((await of('twa', { points: ['v'], from: 104, to: 106 }))[0]!.values, { v: 5.5 })
      await store.append([row(120, { v: 21 })])
      assert.deepEqual((await of('twa', { points: ['v'], from: 110, to: 130 }))[0]!.values, { v: 11 })
    })

    it('stamps buckets with their start, aligned to the epoch, times before 1970 too', async () => {
      await store.append([-1, 0, 9, 10, 25].map(t => row(t, { a: t })))
      const { items } = await store.aggregate({ devices: ['d'], from: -5, to: 26, everyMs: 10, fn: 'sum' })
      assert.deepEqual(
        items.map(i => [i.time, i.values.a]),
        [
          [-10, -1],
          [0, 9],
          [10, 10],
          [20, 25],
        ],
      )
    })

    it('thins out by extremes and by shape', async () => {
      const rows = Array.from({ length: 1000 }, (_, i) =>
        row(i, { a: i === 500 ? 100 : i === 700 ? -100 : Math.sin(i / 50), s: 'x' }),
      )
      await store.append(rows)
      const base = { devices: ['d'], from: 0, to: 1000, points: ['a'] }
      for (const fn of ['minmax', 'lttb'] as const) {
        const { items } = await store.downsample({ ...base, maxPoints: 50, fn })
        assert.ok(items.length <= 50 && items.length >= 25, `${items.length} points`)
        const kept = items.map(i => i.values.a)
        assert.ok(kept.includes(100) && kept.includes(-100))
        assert.deepEqual(
          items.map(i => i.time),
          items.map(i => i.time).sort((a, b) => a - b),
        )
        for (const item of items) assert.equal(item.values.a, rows[item.time]!.values.a)
        const all = await store.downsample({ ...base, to: 20, maxPoints: 50, fn })
        assert.deepEqual(
          all.items.map(i => i.time),
          Array.from({ length: 20 }, (_, i) => i),
        )
      }
    })

    it('knows the last values, whatever the order of arrival', async () => {
      await store.append([row(5, { a: 5 }), row(3, { a: 3, b: 3 }), row(5, { c: 1 }, { stream: 's' })])
      await store.append([row(4, { a: 4, b: 4 })])
      const last = await store.last({ devices: ['d', 'nobody', 'd'] })
      assert.deepEqual(
        last.map(l => [l.stream, l.point, l.time, l.value]),
        [
          ['', 'a', 5, 5],
          ['', 'b', 4, 4],
          ['s', 'c', 5, 1],
        ],
      )
      assert.deepEqual(
        (await store.last({ devices: ['d'], points: ['b'] })).map(l => l.value),
        [4],
      )
      assert.deepEqual(
        (await store.last({ devices: ['d'], streams: ['s'] })).map(l => l.value),
        [1],
      )
    })

    it('expires each class after its days and keeps the last values of streams that still have rows', async () => {
      const old = (days: number) => time - days * day
      await store.append([
        row(old(31), { a: 31 }),
        row(old(29), { a: 29 }),
        row(old(8), { r: 8 }, { class: 'raw', stream: 'raw' }),
        row(old(6), { r: 6 }, { class: 'raw', stream: 'raw' }),
        row(old(399), { k: 1 }, { class: 'kpi', stream: 'kpi' }),
        row(old(401), { k: 0 }, { class: 'kpi', stream: 'kpi' }),
        row(old(50), { z: 1 }),
        row(old(50), { z: 1 }, { device: 'gone' }),
      ])
      assert.equal((await store.metrics()).devices, 2)
      assert.equal(await store.expire(time), 5)
      assert.deepEqual(
        (await values()).map(([, v]) => v),
        [{ k: 1 }, { a: 29 }, { r: 6 }],
      )
      assert.deepEqual(
        (await store.last({ devices: ['d'], streams: [''] })).map(l => l.point),
        ['a', 'z'],
      )
      assert.deepEqual(await store.last({ devices: ['gone'] }), [])
      assert.equal(await store.expire(time), 0)
      const { rows, devices } = await store.metrics()
      assert.deepEqual({ rows, devices }, { rows: 3, devices: 1 })
    })

    it('takes readings of a stream again that expired as a whole', async () => {
      for (const device of ['d', 'e', 'f']) await store.append([row(time - 40 * day, { a: 1 }, { device })])
      assert.equal(await store.expire(time), 3)
      assert.equal((await store.metrics()).devices, 0)
      await store.append([row(time, { b: 2 }, { device: 'f' }), row(time, { b: 3 }, { device: 'd' })])
      assert.deepEqual(await values(), [[time, { b: 3 }]])
      assert.deepEqual(await values({ devices: ['e', 'f'] }), [[time, { b: 2 }]])
      assert.deepEqual(
        (await store.last({ devices: ['d', 'e', 'f'] })).map(l => [l.device, l.point, l.value]),
        [
          ['d', 'b', 3],
          ['f', 'b', 2],
        ],
      )
    })

    it('forgets the last values of devices, not their readings', async () => {
      await store.append([row(1, { a: 1 }), row(2, { a: 2 }, { stream: 's' }), row(2, { a: 2 }, { stream: 's', class: 'kpi' })])
      await store.append([row(1, { a: 1 }, { device: 'e' })])
      const waiting = store.append([row(3, { b: 3 })])
      await store.forgetLatest({ devices: ['d', 'd', 'nobody', ...Array.from({ length: 500 }, (_, i) => `n${i}`)] })
      await waiting
      assert.deepEqual(
        (await store.last({ devices: ['d', 'e'] })).map(l => [l.device, l.point]),
        [['e', 'a']],
      )
      assert.equal((await values()).length, 3)
      await store.append([row(0, { a: 0 })])
      assert.deepEqual(
        (await store.last({ devices: ['d'] })).map(l => [l.point, l.value]),
        [['a', 0]],
      )
      await store.forgetLatest({ devices: [] })
    })

    it('erases a device, rows and last values of all its streams and classes, and nobody else', async () => {
      await store.append([row(1, { a: 1 }), row(2, { a: 2 }, { stream: 's' }), row(2, { a: 2 }, { stream: 's', class: 'kpi' })])
      await store.append([row(1, { a: 1 }, { device: 'e' })])
      const waiting = store.append([row(3, { b: 3 })], { cursor: { consumer: 'c', seq: 9 } })
      assert.equal(await store.erase({ device: 'd' }), 4)
      await waiting
      assert.deepEqual(await values(), [])
      assert.deepEqual(
        (await store.last({ devices: ['d', 'e'] })).map(l => [l.device, l.point]),
        [['e', 'a']],
      )
      const { rows, devices } = await store.metrics()
      assert.deepEqual([rows, devices, await store.cursor('c')], [1, 1, 9])
      assert.equal(await store.erase({ device: 'd' }), 0)
      await store.append([row(0, { z: 0 })])
      assert.deepEqual(await values(), [[0, { z: 0 }]])
      assert.deepEqual(await pointsOf(), ['z'])
    })

    it('erases many rows in slices, between which others have their turn', async () => {
      for (let i = 0; i < 10; i++) await store.append(Array.from({ length: 2000 }, (_, k) => row(i * 2000 + k, { a: k })))
      const order: string[] = []
      const erasure = store.erase({ device: 'd' }).then(rows => order.push(`erased ${rows}`))
      await store.append([row(1, { a: 1 }, { device: 'e' })]).then(() => order.push('stored'))
      await erasure
      if (durable) assert.deepEqual(order, ['stored', 'erased 20000'])
      assert.deepEqual(await values(), [])
      assert.deepEqual(await values({ devices: ['e'] }), [[1, { a: 1 }]])
    })

    const pointsOf = async (device = 'd') => (await store.last({ devices: [device] })).map(l => l.point)

    it('knows the last values of the newest 1,000 names of a stream, however they came', async () => {
      const name = (i: number) => `n${String(i).padStart(5, '0')}`
      const some = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)
      await store.append([row(5, Object.fromEntries(some(0, 20_000).map(i => [name(i), i])))])
      assert.deepEqual(await pointsOf(), some(19_000, 20_000).map(name))
      assert.equal(Object.keys((await store.range({ devices: ['d'], ...whole })).items[0]!.values).length, 20_000)
      for (const i of some(0, 5)) await store.append([row(6 + i, { [`x${i}`]: i })])
      assert.deepEqual(await pointsOf(), [...some(19_005, 20_000).map(name), ...some(0, 5).map(i => `x${i}`)])
      await store.append([row(4, { late: 1 }), row(7, { [name(19_005)]: 'newer' })])
      assert.deepEqual((await pointsOf()).slice(0, 2), [name(19_005), name(19_006)])
      await store.append([row(20, { y: 1 }), row(20, { z: 1 })])
      assert.deepEqual((await pointsOf()).slice(0, 2), [name(19_005), name(19_008)])
      assert.equal((await pointsOf()).length, 1000)
      await store.append([row(1, { a: 1 }, { stream: 's' })])
      assert.equal((await pointsOf()).length, 1001)
    })

    it('gives any number of last values', async () => {
      const values = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`n${i}`, i]))
      for (let i = 0; i < 150; i++) await store.append([row(1, values, { stream: `s${i}` })])
      assert.equal((await store.last({ devices: ['d'] })).length, 150_000)
      assert.equal((await store.last({ devices: ['d'], points: ['n7', 'n8'] })).length, 300)
    }).timeout(20_000)

    it('keeps names apart that text columns would not', async () => {
      const names = ['', 'a', 'a\0', 'a\0b', '\ud800', '\udfff', '"', '\\', '__proto__']
      await store.append([row(1, JSON.parse(JSON.stringify(Object.fromEntries(names.map((n, i) => [n, i])))))])
      const found = await store.last({ devices: ['d'] })
      assert.deepEqual(new Map(found.map(l => [l.point, l.value])), new Map(names.map((n, i) => [n, i])))
    })

    it('expires thousands of rows in slices', async () => {
      await store.append(Array.from({ length: 3000 }, (_, i) => row(time - 40 * day + i, { a: i })))
      await store.append([row(time, { a: 1 })])
      assert.equal(await store.expire(time), 3000)
      assert.deepEqual((await values()).length, 1)
    })

    it('measures itself', async () => {
      await store.append([row(1, { a: 1 }), row(1, { b: 1 }), row(2, { a: 1 }, { device: 'e' })])
      const { rows, stored, duplicates, devices } = await store.metrics()
      assert.deepEqual({ rows, stored, duplicates, devices }, { rows: 2, stored: 2, duplicates: 1, devices: 2 })
    })

    it('takes many appends at once', async () => {
      const results = await Promise.all(
        Array.from({ length: 200 }, (_, i) =>
          store.append([row(i, { a: i })], { cursor: { consumer: `c${i % 7}`, seq: i + 1 } }),
        ),
      )
      assert.equal(
        results.reduce((n, r) => n + r.stored, 0),
        200,
      )
      assert.equal((await values()).length, 200)
      assert.equal(await store.cursor('c3'), 200 - ((199 - 3) % 7))
    })

    it('is closed once closed, also for a query under way', async () => {
      await store.append(Array.from({ length: 20_000 }, (_, i) => row(i, { a: i })))
      const last = store.append([row(50_000, { a: 1 })])
      const query = store
        .aggregate({ devices: ['d'], ...whole, everyMs: 1000, fn: 'avg' })
        .catch((error: LoomError) => error.code)
      await store.close()
      assert.deepEqual(await last, { stored: 1, duplicates: 0 })
      assert.equal(await query, 'STORE_CLOSED')
      for (const attempt of [
        () => store.append([]),
        () => store.range({ devices: ['d'], ...whole }),
        () => store.last({ devices: ['d'] }),
        () => store.cursor('c'),
        () => store.expire(time),
        () => store.forgetLatest({ devices: ['d'] }),
        () => store.erase({ device: 'd' }),
        () => store.metrics(),
      ])
        await assert.rejects(attempt(), code('STORE_CLOSED'))
      await store.close()
    })

    it('lets the event loop turn during a long read', async () => {
      await store.append(
        Array.from({ length: 40_000 }, (_, i) => row(i, { a: i, b: -i, c: i % 7, d: i / 3, e: i * i, f: i % 11 })),
      )
      let turns = 0
      let reading = true
      const turn = () => {
        turns++
        if (reading) setImmediate(turn)
      }
      setImmediate(turn)
      await store.aggregate({ devices: ['d'], ...whole, everyMs: 1000, fn: 'p95' })
      reading = false
      assert.ok(turns >= 3, `${turns} turns`)
    })

    if (durable)
      it('keeps everything over a close', async () => {
        await store.append(
          [row(1, { a: 1 }, { arrived: 1 }), row(1, { b: 2 }, { arrived: 2 }), row(9, { a: 9 }, { stream: 's' })],
          { cursor: { consumer: 'c', seq: 4 } },
        )
        const before = await store.range({ devices: ['d'], ...whole })
        const last = await store.last({ devices: ['d'] })
        await store.close()
        store = await open({ folder, now })
        assert.deepEqual((await store.range({ devices: ['d'], ...whole })).items, before.items)
        assert.deepEqual(await store.last({ devices: ['d'] }), last)
        assert.equal(await store.cursor('c'), 4)
        await store.append([row(1, { a: 0, b: 0 }, { arrived: 0 })])
        assert.deepEqual((await values())[0], [1, { a: 1, b: 2 }])
        assert.equal((await store.metrics()).rows, 2)
      })

    for (const seed of [11, 12, 13])
      it(`answers as a naive model does, over random readings (seed ${seed})`, async () => {
        const random = seeded(seed)
        const rows: WarmRow[] = []
        for (let batch = 0; batch < 30; batch++) {
          const some = Array.from({ length: 1 + random.below(40) }, (): WarmRow => {
            const names = ['a', 'b', 'c'].filter(() => random.below(3) > 0)
            const arrived = 5000 + random.below(50)
            return {
              device: `d${random.below(4)}`,
              stream: random.pick(['', 's']),
              time: random.below(70) * 40,
              arrived,
              values: Object.fromEntries(names.map(n => [n, random.pick([random.below(100) / 4, true, 'x', null])])),
              // Equal stamps in two classes have no order: the class follows the stamp.
              ...(arrived % 4 === 0 && { class: 'kpi' as const }),
              ...(random.below(2) === 0 && { jseq: 1 + random.below(50), idx: random.below(3) }),
            }
          })
          rows.push(...some)
          await Promise.all([store.append(some.slice(0, 5)), store.append(some.slice(5))])
        }
        const model = naiveRows(rows)
        for (let round = 0; round < 25; round++) {
          const from = random.below(3000)
          const query = {
            devices: random.pick([['d0'], ['d1', 'd3'], ['d0', 'd1', 'd2', 'd3', 'none']]),
            from,
            to: from + random.below(3000),
            ...(random.below(2) && { streams: ['s'] }),
            ...(random.below(2) && { points: ['a', 'c'] }),
          }
          for (const order of ['asc', 'desc'] as const) {
            const got: Reading[] = []
            let cursor: string | undefined
            do {
              const page = await store.range({ ...query, order, limit: 1 + random.below(60), ...(cursor && { cursor }) })
              got.push(...page.items)
              cursor = page.next
            } while (cursor && got.length < 5000)
            const expected = model.range({ ...query, order })
            assert.deepEqual(got.map(plain), expected.map(plain))
          }
          const fn = random.pick<FillFn>([
            'avg',
            'min',
            'max',
            'sum',
            'count',
            'first',
            'last',
            'stddev',
            'twa',
            'p50',
            'p95',
            'p99',
          ])
          const aggregate = { ...query, everyMs: 1 + random.below(500), fn }
          assertClose((await store.aggregate(aggregate)).items, naiveAggregate(model, aggregate), JSON.stringify(aggregate))
        }
        const last = await store.last({ devices: ['d0', 'd1', 'd2', 'd3'] })
        assert.deepEqual(
          last.map(({ arrived, ...l }) => l),
          model.last(['d0', 'd1', 'd2', 'd3']),
        )
      })
  })
}

const plain = ({ device, stream, time, values }: Reading) => ({ device, stream, time, values: Object.entries(values).sort() })

function assertClose(got: Reading[], expected: Reading[], message: string): void {
  const rounded = (items: Reading[]) =>
    items.map(({ device, stream, time, values }) => [
      device,
      stream,
      time,
      Object.entries(values)
        .sort()
        .map(([k, v]) => [k, typeof v === 'number' ? Number(v.toPrecision(9)) : v]),
    ])
  assert.deepEqual(rounded(got), rounded(expected), message)
}
