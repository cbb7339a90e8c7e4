import assert from 'node:assert/strict'
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { WarmRow, WarmStore } from '../../src/storage/warm-store.ts'
import { openSqliteWarmStore } from '../../src/stores/sqlite/warm-store.ts'
import { tempFolder } from '../processes.ts'
import { seeded } from '../seeded.ts'

const begin = 1_800_000_000_000

describe('last values that are not in the warm file yet', () => {
  let folder: string
  let time: number
  let store: WarmStore
  let copies: number
  const told: string[] = []
  const now = () => time
  const open = (from = folder) => openSqliteWarmStore({ folder: from, now, onDamage: message => told.push(message) })

  beforeEach(async () => {
    folder = tempFolder('warm-latest')
    time = begin
    copies = 0
    told.length = 0
    store = await open()
  })
  afterEach(() => store.close())

  const row = (values: Record<string, unknown>, more: Partial<WarmRow> = {}): WarmRow => ({ device: 'd', time, values, ...more })
  const lastOf = async (from: WarmStore, devices = ['d']) =>
    (await from.last({ devices })).map(l => [l.device, l.point, l.time, l.value])

  /** The files as a kill would leave them now: what was committed, and nothing of the process. */
  function filesNow(): string {
    const to = join(folder, `copy-${copies++}`)
    mkdirSync(to)
    for (const name of ['warm.db', 'warm.db-wal'])
      if (existsSync(join(folder, name))) copyFileSync(join(folder, name), join(to, name))
    return to
  }
  async function afterKill<T>(look: (killed: WarmStore) => Promise<T>): Promise<T> {
    const killed = await open(filesNow())
    try {
      return await look(killed)
    } finally {
      await killed.close()
    }
  }
  const rowsIn = (table: string): number => {
    const db = new DatabaseSync(join(filesNow(), 'warm.db'))
    try {
      return Number(db.prepare(`SELECT count(*) AS n FROM ${table}`).get()!.n)
    } finally {
      db.close()
    }
  }
  const written = (): number => rowsIn('latest_values')

  it('are read at once, and come back from the rows after a kill', async () => {
    await store.append([row({ a: 1, b: 1 })])
    time += 10
    await store.append([row({ a: 2 }), row({ a: 0 }, { time: time - 50, stream: 's' })])
    const expected = [
      ['d', 'a', time, 2],
      ['d', 'b', time - 10, 1],
      ['d', 'a', time - 50, 0],
    ]
    assert.equal(written(), 0)
    assert.deepEqual(await lastOf(store), expected)
    assert.deepEqual(await afterKill(lastOf), expected)
  })

  it('are written with the first append after five seconds, and by a close', async () => {
    await store.append([row({ a: 1 })])
    time += 4999
    await store.append([row({ a: 2 }, { device: 'e' })])
    assert.equal(written(), 0)
    time += 1
    await store.append([row({ a: 3 }, { device: 'f' })])
    assert.deepEqual([written(), rowsIn('latest_unwritten')], [1, 2])
    await store.close()
    assert.deepEqual([written(), rowsIn('latest_unwritten')], [3, 0])
    store = await open()
    assert.deepEqual(
      (await lastOf(store, ['d', 'e', 'f'])).map(([, , , value]) => value),
      [1, 2, 3],
    )
  })

  it('of a reading that is old already are written at once: a kill must not cost a walk through a year of rows', async () => {
    await store.append([row({ a: 1 }, { time: time - 60_001 }), row({ b: 1 })])
    assert.equal(written(), 1)
    assert.deepEqual(await afterKill(lastOf), [
      ['d', 'a', time - 60_001, 1],
      ['d', 'b', time, 1],
    ])
  })

  it('are at most 100,000, and from 16 MiB of readings', async () => {
    const values = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`n${i}`, i]))
    for (let i = 0; i < 100; i++) await store.append([row(values, { device: `d${i}` })])
    assert.equal(written(), 0)
    await store.append([row(values, { device: 'more' })])
    assert.equal(written(), 1000)
    await store.append(Array.from({ length: 20 }, () => row({ text: 'x'.repeat(1024 * 1024) }, { device: 'large' })))
    assert.ok(written() > 1000)
    assert.equal((await store.last({ devices: ['d0', 'd99', 'more', 'large'] })).length, 3001)
  }).timeout(30_000)

  it('of an append that fails are none', async () => {
    await store.close()
    store = await openSqliteWarmStore({ folder, now, maxBytes: 200_000 })
    await store.append([row({ a: 1 })])
    time += 10
    const large = Array.from({ length: 50 }, (_, i) => row({ a: 'x'.repeat(10_000) }, { time: time + i }))
    await assert.rejects(store.append(large), { code: 'STORE_LIMIT' })
    await store.append([row({ b: 2 }, { time: begin })])
    const expected = [
      ['d', 'a', begin, 1],
      ['d', 'b', begin, 2],
    ]
    assert.deepEqual(await lastOf(store), expected)
    assert.deepEqual(await afterKill(lastOf), expected)
  })

  it('that were forgotten do not come back from their rows', async () => {
    time += 100
    await store.append([row({ a: 1 })])
    time += 10
    await store.forgetLatest({ devices: ['d'] })
    assert.deepEqual(await afterKill(lastOf), [])
    await store.append([row({ b: 2 }, { time: time - 1000 })])
    const expected = [['d', 'b', time - 1000, 2]]
    assert.deepEqual(await lastOf(store), expected)
    assert.deepEqual(await afterKill(lastOf), expected)
  })

  it('that damage keeps from the file keep no rows out of it, and that is told', async () => {
    const names = Array.from({ length: 300 }, (_, i) => `n${1000 + i}`)
    await store.append(names.map((name, i) => row({ [name]: 'x'.repeat(100) }, { time: begin - 100_000 + i })))
    await store.close()
    const path = join(folder, 'warm.db')
    const bytes = readFileSync(path)
    // The leaf of an index b-tree (first byte 10) with the name of a last value, which is quoted there, in the middle.
    const at = Array.from({ length: bytes.length / 4096 }, (_, i) => i * 4096).find(
      page =>
        bytes[page] === 10 &&
        bytes.subarray(page, page + 4096).includes('"n1150"') &&
        !bytes.subarray(page, page + 4096).includes('{"'),
    )!
    bytes.fill(0x5a, at, at + 4096)
    writeFileSync(path, bytes)
    store = await open()
    await store.append([row({ n1150: 1 }), row({ a: 1 }, { device: 'e' })])
    time += 6000
    assert.deepEqual(await store.append([row({ a: 2 }, { device: 'e' })]), { stored: 1, duplicates: 0 })
    assert.equal(told.length, 1)
    assert.match(told[0]!, /is damaged .*: some last values/)
    assert.deepEqual(await lastOf(store, ['e']), [['e', 'a', time, 2]])
    assert.equal((await store.range({ devices: ['d'], from: begin, to: time })).items.length, 1)
  })

  it('agree with a naive model over random histories, alive, after a kill and after a close', async () => {
    for (let seed = 1; seed <= 12; seed++) {
      await store.close()
      folder = tempFolder('warm-latest')
      time = begin
      copies = 0
      store = await open()
      const { below, next, pick } = seeded(seed)
      const devices = ['d', 'e', 'f']
      let known: { device: string; point: string; time: number; arrived: number; jseq: number; value: number }[] = []
      let jseq = 0
      const expected = () =>
        devices.flatMap(device => {
          const best = new Map<string, (typeof known)[number]>()
          for (const one of known.filter(each => each.device === device)) {
            const other = best.get(one.point)
            const order = other ? one.time - other.time || one.arrived - other.arrived || one.jseq - other.jseq : 1
            if (order >= 0) best.set(one.point, one)
          }
          return [...best.values()]
            .sort((a, b) => (a.point < b.point ? -1 : 1))
            .map(({ point, time, value }) => [device, point, time, value])
        })
      const appendSome = async () => {
        const rows = Array.from({ length: 1 + below(5) }, () => {
          const ages = [0, 0, below(3000), below(90_000), -below(5000)]
          const values = Object.fromEntries(['a', 'b', 'c'].filter(() => next() < 0.6).map(name => [name, below(1000)]))
          return row(values, { device: pick(devices), time: time - pick(ages), arrived: time, jseq: ++jseq })
        })
        await store.append(rows)
        for (const { device, time, arrived, jseq, values } of rows)
          for (const [point, value] of Object.entries(values))
            known.push({ device, point, time, arrived: arrived!, jseq: jseq!, value: value as number })
      }
      for (let step = 0; step < 60; step++) {
        const dice = next()
        time += 1 + below(1200)
        if (dice < 0.8) await appendSome()
        else if (dice < 0.86) {
          const device = pick(devices)
          await store.forgetLatest({ devices: [device] })
          known = known.filter(each => each.device !== device)
        } else if (dice < 0.9) await store.expire(time)
        else if (dice < 0.95) {
          await store.close()
          store = await open()
        } else {
          // What the kill left is the store from here on.
          const left = filesNow()
          await store.close()
          folder = left
          store = await open()
        }
        assert.deepEqual(await lastOf(store, devices), expected(), `seed ${seed}, step ${step}`)
        if (step % 7 === 0)
          assert.deepEqual(await afterKill(s => lastOf(s, devices)), expected(), `seed ${seed}, step ${step}, killed`)
      }
    }
  }).timeout(60_000)
})
