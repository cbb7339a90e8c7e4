import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LoomError } from '../../src/errors.ts'
import { loadHubKey } from '../../src/stores/key-file.ts'
import { lockDataDir } from '../../src/stores/lock.ts'
import { tempFolder } from '../processes.ts'

describe('data folder lock', () => {
  it('creates the folder for its owner alone and refuses a second holder by name', async () => {
    const dir = join(tempFolder('lock'), 'deep', 'data')
    const lock = await lockDataDir(dir)
    assert.equal(statSync(dir).mode & 0o777, 0o700)
    assert.equal(statSync(join(dir, 'lock.db')).mode & 0o777, 0o600)
    for (let i = 0; i < 2; i++)
      await assert.rejects(lockDataDir(dir), (error: LoomError) => error.code === 'STORE_LOCKED' && error.message.includes(dir))
    await lock.release()
    await lock.release()
    const again = await lockDataDir(dir)
    await again.release()
  })

  it('says that a folder cannot be made or is a file', async () => {
    const file = join(tempFolder('lock'), 'file')
    writeFileSync(file, '')
    for (const dir of [file, join(file, 'below'), '/proc/thingloom'])
      await assert.rejects(
        lockDataDir(dir),
        (error: LoomError) => error.code === 'STORE_READ_ONLY' && error.message.includes(dir),
      )
  })
})

describe('hub key', () => {
  const key = randomBytes(32)
  const text = key.toString('base64')

  it('is made once, for its owner alone, however many ask at once', async () => {
    const dataDir = join(tempFolder('key'), 'data')
    const keys = await Promise.all(Array.from({ length: 5 }, () => loadHubKey({ dataDir, env: {} })))
    for (const each of keys) assert.deepEqual(each, keys[0])
    assert.equal(keys[0]!.length, 32)
    assert.deepEqual(readdirSync(dataDir), ['hub.key'])
    assert.equal(statSync(join(dataDir, 'hub.key')).mode & 0o777, 0o600)
    chmodSync(join(dataDir, 'hub.key'), 0o644)
    assert.deepEqual(await loadHubKey({ dataDir, env: {} }), keys[0])
    assert.equal(statSync(join(dataDir, 'hub.key')).mode & 0o777, 0o600)
  })

  it('is taken from the option, then the environment, and then no file is made', async () => {
    const dataDir = tempFolder('key')
    const other = randomBytes(32)
    assert.deepEqual(await loadHubKey({ dataDir, key: text, env: { THINGLOOM_KEY: other.toString('base64') } }), key)
    assert.deepEqual(await loadHubKey({ dataDir, env: { THINGLOOM_KEY: other.toString('base64') } }), other)
    assert.deepEqual(readdirSync(dataDir), [])
    assert.equal((await loadHubKey({ dataDir, key: '', env: { THINGLOOM_KEY: '' } })).length, 32)
    assert.deepEqual(readdirSync(dataDir), ['hub.key'])
  })

  it('is refused when malformed, without a trace of it in the message', async () => {
    const dataDir = tempFolder('key')
    const wrong = 'c2VjcmV0LXRvby1zaG9ydA=='
    const refused = (error: LoomError) => {
      assert.equal(error.code, 'HUB_CONFIG_INVALID')
      assert.ok(!error.message.includes(wrong) && !JSON.stringify(error).includes(wrong))
      return true
    }
    await assert.rejects(loadHubKey({ dataDir, key: wrong, env: {} }), refused)
    await assert.rejects(loadHubKey({ dataDir, env: { THINGLOOM_KEY: wrong } }), refused)
    writeFileSync(join(dataDir, 'hub.key'), wrong)
    await assert.rejects(loadHubKey({ dataDir, env: {} }), refused)
    assert.equal(readFileSync(join(dataDir, 'hub.key'), 'utf8'), wrong)
  })
})
