import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { LoomError } from '../../src/errors.ts'
import type { WarmStore } from '../../src/storage/warm-store.ts'
import { openSqliteWarmStore } from '../../src/stores/sqlite/warm-store.ts'
import { run, tempFolder } from '../processes.ts'

const now = () => 1_800_000_000_000
const whole = { from: 0, to: 2_000_000_000_000 }

describe('the file of the warm store', () => {
  let folder: string
  let path: string
  const told: string[] = []
  const open = () => openSqliteWarmStore({ folder, now, onDamage: message => told.push(message) })
  beforeEach(() => {
    folder = tempFolder('warm')
    path = join(folder, 'warm.db')
    told.length = 0
  })
  const fill = async (store: WarmStore) => {
    for (const device of ['a', 'b', 'c'])
      await store.append(Array.from({ length: 1000 }, (_, i) => ({ device, time: i, values: { text: 'x'.repeat(300) } })))
  }

  it('is set aside for an empty one when it is no database, each time, and says so', async () => {
    const contents = ['x'.repeat(5000), '\0'.repeat(8192)]
    for (const [i, content] of contents.entries()) {
      writeFileSync(path, content)
      writeFileSync(`${path}-wal`, 'a log of the broken file')
      const store = await open()
      assert.deepEqual(await store.append([{ device: 'd', time: 1, values: { a: 1 } }]), { stored: 1, duplicates: 0 })
      await store.close()
      const aside = i ? `${path}.corrupt-2` : `${path}.corrupt`
      assert.equal(readFileSync(aside, 'utf8'), content)
      assert.equal(told.length, i + 1)
      assert.ok(told[i]!.includes(aside), told[i])
    }
    const store = await open()
    assert.equal((await store.range({ devices: ['d'], ...whole })).items.length, 1)
    assert.equal(told.length, 2)
    await store.close()
  })

  it('is set aside with a log that belongs to it when it is cut off', async () => {
    const store = await open()
    await fill(store)
    await store.close()
    truncateSync(path, 4096 * 3)
    const fresh = await open()
    assert.deepEqual((await fresh.range({ devices: ['a'], ...whole })).items, [])
    await fresh.close()
    assert.equal(statSync(`${path}.corrupt`).size, 4096 * 3)
    assert.equal(told.length, 1)
  })

  for (const table of ['rows', 'latest_values', 'cursors', 'series', 'meta'])
    it(`is set aside when the root of its ${table} is damaged`, async () => {
      const store = await open()
      await fill(store)
      await store.close()
      const db = new DatabaseSync(path)
      const root = Number(db.prepare('SELECT rootpage AS page FROM sqlite_schema WHERE name = ?').get(table)!.page)
      db.close()
      const bytes = readFileSync(path)
      bytes.fill(0x5a, 4096 * (root - 1), 4096 * root)
      writeFileSync(path, bytes)
      const fresh = await open()
      assert.equal(told.length, 1)
      assert.deepEqual(await fresh.append([{ device: 'a', time: 1, values: { a: 1 } }]), { stored: 1, duplicates: 0 })
      await fresh.close()
      assert.equal(existsSync(`${path}.corrupt`), true)
    })

  it('holds no byte of what was erased of a device', async () => {
    const store = await open()
    await fill(store)
    await store.append([{ device: 'd', time: now(), values: { text: 'PLANTED'.repeat(20_000), last: 'PLANTED' } }])
    const planted = () => readFileSync(path).includes('PLANTED')
    await store.close()
    assert.equal(planted(), true)
    const again = await open()
    assert.equal(await again.erase({ device: 'd' }), 1)
    await again.close()
    assert.deepEqual([planted(), existsSync(`${path}-wal`)], [false, false])
  })

  it('of an unknown format is refused and stays where it is', async () => {
    await (await open()).close()
    const db = new DatabaseSync(path)
    db.exec("UPDATE meta SET value = 99 WHERE key = 'format'")
    db.close()
    await assert.rejects(open(), { code: 'STORE_CORRUPT' })
    assert.deepEqual(readdirSync(folder), ['warm.db'])
  })

  it('is not read through after an unclean stop; damage in it fails what meets it and nothing else', async () => {
    const source = join(import.meta.dirname, '../../src/stores/sqlite/warm-store.ts')
    const script = `import { openSqliteWarmStore } from ${JSON.stringify(source)}
      const open = () => openSqliteWarmStore({ folder: ${JSON.stringify(folder)}, now: Date.now })
      const store = await open()
      for (const device of ['a', 'b', 'c'])
        await store.append(Array.from({ length: 1000 }, (_, i) => ({ device, time: i, values: { text: 'x'.repeat(300) } })))
      await store.close()
      await (await open()).append([{ device: 'c', time: 5000, values: { a: 1 } }])
      process.kill(process.pid, 'SIGKILL')`
    await run(process.execPath, ['--input-type=module', '--eval', script]).catch(() => {})
    assert.ok(statSync(`${path}-wal`).size > 0)
    const bytes = readFileSync(path)
    const middle = Math.floor(bytes.length / 4096 / 2)
    bytes.fill(0x5a, 4096 * middle, 4096 * (middle + 2))
    writeFileSync(path, bytes)

    const prepare = DatabaseSync.prototype.prepare
    const prepared: string[] = []
    DatabaseSync.prototype.prepare = function (this: DatabaseSync, sql: string) {
      prepared.push(sql)
      return prepare.call(this, sql)
    }
    let store: WarmStore
    try {
      store = await open()
    } finally {
      DatabaseSync.prototype.prepare = prepare
    }
    assert.ok(prepared.length > 0)
    assert.deepEqual(
      prepared.filter(sql => /quick_check|integrity_check/.test(sql)),
      [],
    )
    assert.deepEqual(told, [])
    await assert.rejects(
      store.aggregate({ devices: ['a', 'b', 'c'], ...whole, everyMs: 1e9, fn: 'count' }),
      (error: LoomError) => {
        assert.equal(error.code, 'STORE_CORRUPT')
        assert.ok(error.message.includes(path))
        return true
      },
    )
    assert.equal((await store.range({ devices: ['c'], ...whole, from: 999 })).items.length, 2)
    const o = { cursor: { consumer: 'c', seq: 1 } }
    assert.deepEqual(await store.append([{ device: 'new', time: 1, values: { a: 1 } }], o), { stored: 1, duplicates: 0 })
    assert.equal((await store.last({ devices: ['new'] })).length, 1)
    await assert.rejects(store.expire(now()), { code: 'STORE_CORRUPT' })
    assert.deepEqual((await store.range({ devices: ['c', 'new'], ...whole })).items, [])
    await store.close()
    assert.equal(existsSync(`${path}.corrupt`), false)
  })

  it('says STORE_CORRUPT for each call that meets damage', async () => {
    const store = await open()
    await fill(store)
    await store.close()
    const db = new DatabaseSync(path)
    db.exec("UPDATE rows SET v = '{' WHERE time = 5; UPDATE latest_values SET v = '{'")
    db.close()
    const damaged = await open()
    const corrupt = { code: 'STORE_CORRUPT' }
    await assert.rejects(damaged.range({ devices: ['a'], ...whole }), corrupt)
    await assert.rejects(damaged.last({ devices: ['a'] }), corrupt)
    await assert.rejects(damaged.append([{ device: 'a', time: 5, values: { b: 1 } }]), corrupt)
    assert.deepEqual(await damaged.append([{ device: 'a', time: 5000, values: { b: 1 } }]), { stored: 1, duplicates: 0 })
    await damaged.close()
  })

  it('of format 1 is brought to this one, with the newest 1,000 last values of a stream', async () => {
    const store = await open()
    await store.append([{ device: 'd', time: 9, values: { a: 1, b: 2 }, arrived: 9, jseq: 4, idx: 1 }], {
      cursor: { consumer: 'c', seq: 4 },
    })
    await store.append([{ device: 'e', time: 1, values: {} }])
    const before = await store.last({ devices: ['d'] })
    await store.close()
    const db = new DatabaseSync(path)
    db.exec(`DROP TABLE latest_values; CREATE TABLE latest(sid INTEGER PRIMARY KEY, points TEXT NOT NULL);
      UPDATE meta SET value = 1 WHERE key = 'format'`)
    const put = db.prepare('INSERT INTO latest VALUES(?, ?)')
    const stamp = [9, 4, 1]
    put.run(
      1,
      JSON.stringify([
        ['a', 9, stamp, 1],
        ['b', 9, stamp, 2],
      ]),
    )
    put.run(2, JSON.stringify(Array.from({ length: 3000 }, (_, i) => [`n${i}`, i, stamp, i])))
    db.close()
    for (let round = 0; round < 2; round++) {
      const again = await open()
      assert.deepEqual(await again.last({ devices: ['d'] }), before)
      const many = await again.last({ devices: ['e'] })
      assert.equal(many.length, 1000)
      assert.equal(Math.min(...many.map(l => l.time)), 2000)
      assert.equal(await again.cursor('c'), 4)
      await again.close()
    }
    const after = new DatabaseSync(path)
    assert.equal(after.prepare("SELECT count(*) AS n FROM sqlite_schema WHERE name = 'latest'").get()!.n, 0)
    after.close()
  })

  it('writes as many last values as an append brings, not all that are known', async () => {
    const store = await open()
    await store.append([
      { device: 'd', time: 1, values: Object.fromEntries(Array.from({ length: 900 }, (_, i) => [`n${i}`, i])) },
    ])
    const written = async (values: Record<string, unknown>, time: number) => {
      const before = statSync(`${path}-wal`).size
      await store.append([{ device: 'd', time, values }])
      return statSync(`${path}-wal`).size - before
    }
    const few = await written({ n7: 1 }, 2)
    assert.ok(few < 10 * 4200, `${few} bytes`)
    await store.close()
  })

  it('does not give a number of a series again to a query that still reads it', async () => {
    const month = 30 * 24 * 3_600_000
    const store = await open()
    await store.append(Array.from({ length: 20_000 }, (_, i) => ({ device: 'old', time: i, values: { a: 1 } })))
    const query = store.aggregate({ devices: ['old'], ...whole, everyMs: 1, fn: 'sum' })
    const expired = store.expire(now() + month)
    await expired
    await store.append(Array.from({ length: 20_000 }, (_, i) => ({ device: 'other', time: 30_000 + i, values: { secret: 1 } })))
    for (const { values } of (await query).items) assert.deepEqual(Object.keys(values), ['a'])
    await store.close()
    const db = new DatabaseSync(path)
    assert.equal(db.prepare("SELECT sid FROM series WHERE device = 'other'").get()!.sid, 2)
    db.close()
  })
})
