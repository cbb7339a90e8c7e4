import assert from 'node:assert/strict'
import { copyFileSync, existsSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runCommand } from '../../src/hub/command-line.ts'
import { openJsonStateStore } from '../../src/stores/json/state-store.ts'
import { lockDataDir } from '../../src/stores/lock.ts'
import { migrateStore } from '../../src/stores/migrate.ts'
import { openSqliteStateStore } from '../../src/stores/sqlite/state-store.ts'
import { run, tempFolder } from '../processes.ts'

const time = 1_800_000_000_000
const now = () => time

describe('migration from JSON to SQLite', () => {
  let dataDir: string
  beforeEach(async () => {
    dataDir = tempFolder('migrate')
    for (const name of ['state', 'identity']) {
      const store = await openJsonStateStore({ path: join(dataDir, `${name}.json`), now, coalesceMs: 0 })
      await store.declare('devices', { indexes: ['n'], unique: ['key'] })
      await store.declare('empty', {})
      await store.tx([
        { op: 'put', coll: 'devices', id: 'a', doc: { n: 1, key: `${name}-a` } },
        { op: 'put', coll: 'devices', id: 'a', doc: { n: 2, key: `${name}-a` } },
        { op: 'put', coll: 'devices', id: 'b', doc: { key: 'b' } },
        { op: 'delete', coll: 'devices', id: 'b' },
        { op: 'put', coll: 'devices', id: 'c', doc: { key: 'c' } },
      ])
      await store.close()
    }
  })

  const check = async (): Promise<void> => {
    for (const name of ['state', 'identity']) {
      assert.equal(existsSync(join(dataDir, `${name}.json`)), false)
      assert.equal(existsSync(join(dataDir, `${name}.json.migrated`)), true)
      assert.equal(existsSync(join(dataDir, `${name}.db.new`)), false)
      const store = await openSqliteStateStore({ path: join(dataDir, `${name}.db`), now })
      assert.deepEqual(await store.get('devices', 'a'), { id: 'a', doc: { n: 2, key: `${name}-a` }, version: 2 })
      assert.equal((await store.query('devices', { where: [['n', '=', 2]] })).items.length, 1)
      assert.deepEqual(
        (await store.changes(0, 10)).map(c => [c.seq, c.id, c.op]),
        [
          [1, 'a', 'put'],
          [2, 'a', 'put'],
          [3, 'b', 'put'],
          [4, 'b', 'delete'],
          [5, 'c', 'put'],
        ],
      )
      assert.equal(await store.put('devices', 'b', {}), 2)
      assert.equal((await store.changes(5, 10))[0]?.seq, 6)
      assert.equal(await store.count('empty'), 0)
      await assert.rejects(store.put('devices', 'd', { key: 'c' }), { code: 'STORE_VERSION_CONFLICT' })
      await store.close()
    }
  }

  it('keeps documents, versions, indexes and the change feed, and is harmless to repeat', async () => {
    assert.deepEqual(await migrateStore({ dataDir, now }), { collections: 4, documents: 4 })
    await check()
    assert.deepEqual(await migrateStore({ dataDir, now }), { collections: 0, documents: 0 })
  })

  it('goes on after a crash at any point', async () => {
    const source = join(dataDir, 'state.json')
    copyFileSync(source, `${source}.copy`)
    writeFileSync(join(dataDir, 'state.db.new'), 'half')
    await migrateStore({ dataDir, now })
    // As if it had ended between the two renames.
    renameSync(`${source}.copy`, source)
    await migrateStore({ dataDir, now })
    await check()
  })

  it('counts the feed on even when all of it was forgotten', async () => {
    const path = join(dataDir, 'identity.json')
    const store = await openJsonStateStore({ path, now: () => time + 8 * 24 * 3_600_000, coalesceMs: 0 })
    for (let i = 0; i < 2; i++) await store.delete('devices', 'nobody')
    await store.close()
    await migrateStore({ dataDir, now })
    const moved = await openSqliteStateStore({ path: join(dataDir, 'identity.db'), now })
    assert.deepEqual(await moved.changes(0, 10), [])
    await moved.put('devices', 'z', {})
    assert.deepEqual(
      (await moved.changes(0, 10)).map(c => c.seq),
      [6],
    )
    await moved.close()
  })

  it('refuses two stores that differ, a folder in use and one that is not there', async () => {
    const lock = await lockDataDir(dataDir)
    await assert.rejects(migrateStore({ dataDir, now }), { code: 'STORE_LOCKED' })
    await lock.release()
    await assert.rejects(migrateStore({ dataDir: join(dataDir, 'none'), now }), { code: 'HUB_CONFIG_INVALID' })
    assert.equal(existsSync(join(dataDir, 'none')), false)
    renameSync(join(dataDir, 'state.json'), join(dataDir, 'kept'))
    await (await openSqliteStateStore({ path: join(dataDir, 'state.db'), now })).close()
    renameSync(join(dataDir, 'kept'), join(dataDir, 'state.json'))
    await assert.rejects(migrateStore({ dataDir, now }), { code: 'HUB_CONFIG_INVALID' })
    assert.equal(existsSync(join(dataDir, 'state.json')), true)
  })

  it('leaves a damaged source alone', async () => {
    writeFileSync(join(dataDir, 'state.json'), '{')
    await assert.rejects(migrateStore({ dataDir, now }), { code: 'STORE_CORRUPT' })
    assert.equal(existsSync(join(dataDir, 'state.db')), false)
  })

  it('is a command with usage and exit codes', async () => {
    const said: string[] = []
    const command = (...args: string[]) =>
      runCommand(args, { out: t => said.push(`out ${t}`), err: t => said.push(`err ${t}`), now })
    assert.equal(await command('--help'), 0)
    assert.equal(await command(), 2)
    assert.equal(await command('sing'), 2)
    assert.equal(await command('migrate'), 2)
    assert.equal(await command('migrate', '--dta', 'x'), 2)
    assert.equal(await command('migrate', '--data', join(dataDir, 'none')), 1)
    assert.match(said.at(-1)!, /^err HUB_CONFIG_INVALID: /)
    assert.ok(said.slice(0, 5).every(t => t.includes('Usage: thingloom')))
    assert.equal(await command('migrate', '--data', dataDir), 0)
    assert.match(said.at(-1)!, /^out Moved 4 documents of 4 collections/)
    const cli = join(import.meta.dirname, '../../src/hub/cli.ts')
    assert.match(await run(process.execPath, [cli, 'migrate', '--data', dataDir]), /Nothing to do/)
    await assert.rejects(run(process.execPath, [cli, 'nonsense']), /ended with 2/)
    await check()
  })
})
