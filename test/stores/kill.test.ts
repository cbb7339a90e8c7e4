import assert from 'node:assert/strict'
import { join } from 'node:path'
import { openJsonStateStore } from '../../src/stores/json/state-store.ts'
import { lockDataDir } from '../../src/stores/lock.ts'
import { openSqliteStateStore } from '../../src/stores/sqlite/state-store.ts'
import { openSqliteWarmStore } from '../../src/stores/sqlite/warm-store.ts'
import { start, tempFolder } from '../processes.ts'

const now = () => 1_800_000_000_000
const program = join(import.meta.dirname, 'acknowledging-writer.ts')

/** Starts the writer, kills it once it acknowledged `acks` writes, resolves with its whole output. */
async function killedAfter(acks: number, kind: string, path: string): Promise<string> {
  const child = start(process.execPath, ['--disable-warning=ExperimentalWarning', program, kind, path])
  await child.says(new RegExp(`^(?:.*\\n){${acks + 1}}`))
  await child.stop('SIGKILL')
  return child.output().slice(0, child.output().lastIndexOf('\n') + 1)
}

describe('stores under kill -9', function () {
  this.timeout(60_000)

  for (const kind of ['sqlite', 'json'] as const)
    it(`keep every acknowledged write whole, and its pair (${kind})`, async () => {
      const path = join(tempFolder('kill'), kind === 'sqlite' ? 'state.db' : 'state.json')
      const acknowledged = new Map<string, number>()
      for (let round = 0; round < 4; round++) {
        const output = await killedAfter(30 + round * 37, kind, path)
        for (const [, id, version] of output.matchAll(/^ack (\S+) (\d+)$/gm)) acknowledged.set(id!, Number(version))
        const store = await (kind === 'sqlite' ? openSqliteStateStore({ path, now }) : openJsonStateStore({ path, now }))
        assert.ok(acknowledged.size >= 8)
        for (const [id, version] of acknowledged) {
          const found = await store.get<{ version: number }>('docs', id)
          assert.ok(found && found.version >= version, `${id} was acknowledged at ${version} and is at ${found?.version}`)
          assert.equal(found.doc.version, found.version)
          assert.equal((await store.get('pairs', id))?.version, found.version)
        }
        await store.close()
      }
    })

  it('store each reading of a consumer exactly once', async () => {
    const folder = tempFolder('kill')
    for (let round = 0; round < 4; round++) {
      const output = await killedAfter(25 + round * 31, 'warm', folder)
      const acknowledged = Number(/ack (\d+)\n$/.exec(output)?.[1])
      const store = await openSqliteWarmStore({ folder, now })
      const cursor = await store.cursor('c')
      assert.ok(cursor >= acknowledged, `cursor ${cursor}, acknowledged ${acknowledged}`)
      const numbers: unknown[] = []
      let next: string | undefined
      do {
        const page = await store.range({ devices: ['d'], from: 0, to: 1e9, limit: 10_000, ...(next && { cursor: next }) })
        numbers.push(...page.items.map(i => i.values.n))
        next = page.next
      } while (next && numbers.length < 1_000_000)
      assert.deepEqual(
        numbers,
        Array.from({ length: cursor }, (_, i) => i + 1),
      )
      assert.equal((await store.metrics()).rows, cursor + cursor / 5)
      assert.equal((await store.last({ devices: ['d'] }))[0]?.time, Math.floor(cursor / 3))
      const newest = await store.range({ devices: ['now'], from: 0, to: Number.MAX_SAFE_INTEGER, order: 'desc', limit: 1 })
      assert.equal(newest.items[0]?.values.n, cursor - 4)
      assert.equal((await store.last({ devices: ['now'] }))[0]?.value, cursor - 4)
      await store.close()
    }
  })

  it('free the data folder', async () => {
    const dir = tempFolder('kill')
    const lock = join(import.meta.dirname, '../../src/stores/lock.ts')
    const script = `import { lockDataDir } from ${JSON.stringify(lock)}; await lockDataDir(${JSON.stringify(dir)}); console.log('held'); setInterval(() => {}, 60_000)`
    const child = start(process.execPath, ['--input-type=module', '--eval', script])
    await child.says(/held/)
    await assert.rejects(lockDataDir(dir), { code: 'STORE_LOCKED' })
    await child.stop('SIGKILL')
    const held = await lockDataDir(dir)
    await held.release()
  })
})
