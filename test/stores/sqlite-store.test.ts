import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { LoomError } from '../../src/errors.ts'
import { openSqliteStateStore } from '../../src/stores/sqlite/state-store.ts'
import { openSqliteWarmStore } from '../../src/stores/sqlite/warm-store.ts'
import { run, tempFolder } from '../processes.ts'

const now = () => 1_800_000_000_000

describe('SQLite stores', () => {
  let folder: string
  let path: string
  beforeEach(() => {
    folder = tempFolder('sqlite')
    path = join(folder, 'data', 'state.db')
  })

  it('close their files and folders to others', async () => {
    const store = await openSqliteStateStore({ path, now })
    await store.declare('docs', {})
    await store.put('docs', 'a', {})
    assert.equal(statSync(join(folder, 'data')).mode & 0o777, 0o700)
    for (const suffix of ['', '-wal', '-shm']) assert.equal(statSync(path + suffix).mode & 0o777, 0o600, suffix)
    await store.close()
    assert.equal(existsSync(`${path}-wal`), false)
  })

  it('share one synced transaction among the writes of a loop turn', async () => {
    const commits: number[] = []
    const exec = DatabaseSync.prototype.exec
    const store = await openSqliteStateStore({ path, now })
    await store.declare('docs', {})
    DatabaseSync.prototype.exec = function (this: DatabaseSync, sql: string) {
      if (sql === 'COMMIT') commits.push(1)
      return exec.call(this, sql)
    }
    try {
      await Promise.all(Array.from({ length: 300 }, (_, i) => store.put('docs', `d${i}`, { i })))
    } finally {
      DatabaseSync.prototype.exec = exec
    }
    assert.equal(commits.length, 1)
    assert.equal(await store.count('docs'), 300)
    await store.close()
  })

  it('sync every commit: WAL with synchronous FULL', async () => {
    const pragmas: string[] = []
    const exec = DatabaseSync.prototype.exec
    DatabaseSync.prototype.exec = function (this: DatabaseSync, sql: string) {
      const done = exec.call(this, sql)
      if (sql.startsWith('PRAGMA'))
        pragmas.push(...['journal_mode', 'synchronous'].map(p => String(Object.values(this.prepare(`PRAGMA ${p}`).get()!)[0])))
      return done
    }
    try {
      await (await openSqliteStateStore({ path, now })).close()
      await (await openSqliteWarmStore({ folder, now })).close()
    } finally {
      DatabaseSync.prototype.exec = exec
    }
    assert.deepEqual(pragmas, ['wal', '2', 'wal', '2'])
  })

  it('use their indexes', async () => {
    const store = await openSqliteStateStore({ path, now })
    await store.declare('docs', { indexes: ["tags.o'brien"], unique: ['key'] })
    await store.put('docs', 'a', { tags: { "o'brien": 1 }, key: 'k' })
    assert.equal((await store.query('docs', { where: [["tags.o'brien", '=', 1]] })).items.length, 1)
    await store.close()
    const db = new DatabaseSync(path)
    const plan = (sql: string) => JSON.stringify(db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all())
    assert.match(
      plan(`SELECT id FROM c_docs WHERE doc->>'$."tags"."o''brien"' >= 'x' ORDER BY doc->>'$."tags"."o''brien"', id`),
      /USING (COVERING )?INDEX/,
    )
    assert.doesNotMatch(
      plan(`SELECT id FROM c_docs WHERE doc->>'$."tags"."o''brien"' >= 'x' ORDER BY doc->>'$."tags"."o''brien"', id`),
      /TEMP B-TREE/,
    )
    db.close()
  })

  it('say which file is damaged and what to do', async () => {
    for (const damage of ['not a database', 'format'] as const) {
      const file = join(tempFolder('sqlite'), 'state.db')
      if (damage === 'format') {
        await (await openSqliteStateStore({ path: file, now })).close()
        const db = new DatabaseSync(file)
        db.exec("UPDATE meta SET value = 99 WHERE key = 'format'")
        db.close()
      } else writeFileSync(file, 'x'.repeat(5000))
      await assert.rejects(openSqliteStateStore({ path: file, now }), (error: LoomError) => {
        assert.equal(error.code, 'STORE_CORRUPT')
        assert.ok(error.message.includes(file))
        assert.ok(error.hint)
        return true
      })
    }
  })

  it('find damage inside a file after an unclean stop', async () => {
    const writer = join(import.meta.dirname, '../../src/stores/sqlite/state-store.ts')
    const script = `import { openSqliteStateStore } from ${JSON.stringify(writer)}
      const store = await openSqliteStateStore({ path: ${JSON.stringify(path)}, now: Date.now })
      await store.declare('docs', { indexes: ['n'] })
      const put = from => Promise.all(Array.from({ length: 900 }, (_, i) => store.put('docs', 'd' + (from + i), { n: i, text: 'x'.repeat(100) })))
      await put(0)
      await store.close()
      const again = await openSqliteStateStore({ path: ${JSON.stringify(path)}, now: Date.now })
      await again.put('docs', 'last', {})
      process.kill(process.pid, 'SIGKILL')`
    await run(process.execPath, ['--input-type=module', '--eval', script]).catch(() => {})
    assert.ok(statSync(`${path}-wal`).size > 0)
    const bytes = readFileSync(path)
    bytes.fill(0x5a, 4096 * 8, 4096 * 14)
    writeFileSync(path, bytes)
    await assert.rejects(openSqliteStateStore({ path, now }), { code: 'STORE_CORRUPT' })
  })

  it('say that a folder cannot be written', async () => {
    writeFileSync(join(folder, 'file'), '')
    await assert.rejects(openSqliteStateStore({ path: join(folder, 'file', 'state.db'), now }), { code: 'STORE_READ_ONLY' })
    await assert.rejects(openSqliteWarmStore({ folder: '/proc/thingloom', now }), { code: 'STORE_READ_ONLY' })
  })

  it('refuse writes when the space is used up, lose nothing, and go on reading', async () => {
    const store = await openSqliteStateStore({ path, now, maxBytes: 400_000 })
    await store.declare('docs', {})
    let stored = 0
    const fill = async () => {
      for (; stored < 1000; stored++) await store.put('docs', `d${stored}`, { text: 'x'.repeat(5000) })
    }
    await assert.rejects(fill(), { code: 'STORE_LIMIT' })
    assert.ok(stored > 20)
    assert.equal(await store.count('docs'), stored)
    assert.equal((await store.get<{ text: string }>('docs', 'd0'))?.doc.text.length, 5000)
    assert.equal((await store.changes(stored - 1, 10)).length, 1)
    await store.close()
    const more = await openSqliteStateStore({ path, now })
    assert.equal(await more.put('docs', 'next', {}), 1)
    assert.equal((await more.changes(stored, 10))[0]?.seq, stored + 1)
    await more.close()
  })

  it('take back rows, cursor and last values of an append that did not fit', async () => {
    const store = await openSqliteWarmStore({ folder, now, maxBytes: 300_000 })
    let seq = 0
    const fill = async () => {
      for (; seq < 1000; seq++)
        await store.append(
          Array.from({ length: 50 }, (_, i) => ({ device: `d${seq}`, time: i, values: { text: 'x'.repeat(100), seq } })),
          { cursor: { consumer: 'c', seq: seq + 1 } },
        )
    }
    await assert.rejects(fill(), { code: 'STORE_LIMIT' })
    assert.ok(seq > 3)
    assert.equal(await store.cursor('c'), seq)
    const { rows, devices } = await store.metrics()
    assert.deepEqual({ rows, devices }, { rows: seq * 50, devices: seq })
    assert.deepEqual(await store.last({ devices: [`d${seq}`] }), [])
    assert.equal((await store.range({ devices: [`d${seq - 1}`], from: 0, to: 100 })).items.length, 50)
    await store.close()
  })

  it('do not start an empty one beside documents of a JSON store', async () => {
    const json = join(folder, 'state.json')
    writeFileSync(json, '{}')
    await assert.rejects(openSqliteStateStore({ path: join(folder, 'state.db'), now }), (error: LoomError) => {
      assert.equal(error.code, 'HUB_CONFIG_INVALID')
      assert.match(error.message, /thingloom migrate/)
      return true
    })
  })
})
