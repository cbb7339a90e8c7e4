import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LoomError } from '../../src/errors.ts'
import { openJsonStateStore } from '../../src/stores/json/state-store.ts'
import { tempFolder } from '../processes.ts'

const now = () => 1_800_000_000_000

describe('JSON state store', () => {
  let folder: string
  let path: string
  beforeEach(() => {
    folder = tempFolder('json')
    path = join(folder, 'data', 'state.json')
  })

  it('keeps one readable file, closed to others, a document a line', async () => {
    const store = await openJsonStateStore({ path, now, coalesceMs: 0 })
    await store.declare('devices', { indexes: ['n'] })
    await store.put('devices', 'pump-1', { n: 1 }, { by: 'ann' })
    await store.put('devices', 'pump-2', { n: 2 })
    const text = readFileSync(path, 'utf8')
    assert.ok(text.includes('\n{"id":"pump-1","version":1,"doc":{"n":1}},\n'), text)
    assert.doesNotThrow(() => JSON.parse(text))
    assert.equal(statSync(path).mode & 0o777, 0o600)
    assert.equal(statSync(join(folder, 'data')).mode & 0o777, 0o700)
    assert.equal(existsSync(`${path}.tmp`), false)
    await store.close()
    chmodSync(path, 0o644)
    await (await openJsonStateStore({ path, now })).close()
    assert.equal(statSync(path).mode & 0o777, 0o600)
  })

  it('has the document on disk when the put resolves, and writes once for many', async () => {
    const store = await openJsonStateStore({ path, now, coalesceMs: 60_000 })
    await store.declare('devices', {})
    const inFile = () => (existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as { seq: number }).seq : 0)
    await Promise.all([store.put('devices', 'a', {}), store.put('devices', 'b', {})])
    assert.equal(inFile(), 2)
    // Within the pause between two writes: it waits, and the close brings it to disk.
    const later = store.put('devices', 'c', {})
    assert.equal(inFile(), 2)
    await store.close()
    assert.equal(await later, 1)
    assert.equal(inFile(), 3)
  })

  it('takes changes back when the file cannot be written, and recovers', async () => {
    const store = await openJsonStateStore({ path, now, coalesceMs: 0 })
    await store.declare('devices', { unique: ['key'] })
    await store.put('devices', 'a', { key: 1 })
    const kept = `${path}.kept`
    renameSync(path, kept)
    mkdirSync(join(path, 'in-the-way'), { recursive: true })
    await assert.rejects(store.put('devices', 'a', { key: 2 }), { code: 'STORE_READ_ONLY' })
    await assert.rejects(store.put('devices', 'b', { key: 3 }))
    assert.deepEqual(await store.get('devices', 'a'), { id: 'a', doc: { key: 1 }, version: 1 })
    assert.equal(await store.count('devices'), 1)
    assert.equal((await store.changes(0, 10)).length, 1)
    rmSync(path, { recursive: true })
    renameSync(kept, path)
    assert.equal(await store.put('devices', 'b', { key: 2 }), 1)
    assert.equal((await store.changes(0, 10)).at(-1)?.seq, 2)
    await store.close()
  })

  it('warns once when it grows large and refuses new documents at its limit, with the way out', async () => {
    const warnings: string[] = []
    const limit = { coll: 'devices', warnAt: 3, refuseAt: 5 }
    const open = () => openJsonStateStore({ path, now, coalesceMs: 0, limit, warn: message => warnings.push(message) })
    const store = await open()
    await store.declare('devices', {})
    await store.declare('others', {})
    for (let i = 1; i <= 5; i++) {
      await store.put('devices', `d${i}`, {})
      assert.equal(warnings.length, i < 3 ? 0 : 1)
    }
    await assert.rejects(store.put('devices', 'd6', {}), (error: LoomError) => {
      assert.equal(error.code, 'STORE_LIMIT')
      assert.ok(error.hint?.includes(`npx thingloom migrate --data ${join(folder, 'data')}`))
      return true
    })
    await store.put('devices', 'd5', { changed: true })
    await store.put('others', 'x', {})
    await store.delete('devices', 'd1')
    await store.put('devices', 'd6', {})
    await store.close()
    assert.ok(warnings[0]!.includes('thingloom migrate'))
    await (await open()).close()
    assert.equal(warnings.length, 2)
  })

  it('says which file is damaged and leaves it alone', async () => {
    mkdirSync(join(folder, 'data'))
    for (const text of ['{"format":1,', '{"format":2,"collections":[]}', '[]', '']) {
      writeFileSync(path, text)
      await assert.rejects(openJsonStateStore({ path, now }), (error: LoomError) => {
        assert.equal(error.code, 'STORE_CORRUPT')
        assert.ok(error.message.includes(path) && error.hint)
        return true
      })
      assert.equal(readFileSync(path, 'utf8'), text)
    }
  })

  it('says that a folder cannot be written', async () => {
    await assert.rejects(openJsonStateStore({ path: '/proc/thingloom/state.json', now }), { code: 'STORE_READ_ONLY' })
  })

  it('does not start an empty store after a migration', async () => {
    mkdirSync(join(folder, 'data'))
    writeFileSync(`${path}.migrated`, '{}')
    await assert.rejects(openJsonStateStore({ path, now }), { code: 'HUB_CONFIG_INVALID' })
  })
})
