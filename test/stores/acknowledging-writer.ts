import { writeSync } from 'node:fs'
import { openJsonStateStore } from '../../src/stores/json/state-store.ts'
import { openSqliteStateStore } from '../../src/stores/sqlite/state-store.ts'
import { openSqliteWarmStore } from '../../src/stores/sqlite/warm-store.ts'

// Writes until it is killed; a line per acknowledged write, synchronously, so that none is lost with the process.
const [kind, path] = process.argv.slice(2) as [string, string]
const now = Date.now
const say = (line: string): void => void writeSync(1, `${line}\n`)
const rounds = 100_000

if (kind === 'warm') {
  const store = await openSqliteWarmStore({ folder: path, now })
  let next = (await store.cursor('c')) + 1
  say(`cursor ${next - 1}`)
  for (let round = 0; round < rounds; round++) {
    const appends = Array.from({ length: 4 }, () => {
      const rows = Array.from({ length: 5 }, (_, i) => ({
        device: 'd',
        time: Math.floor((next + i) / 3),
        values: { n: next + i },
      }))
      // Of now: its last values wait in memory.
      rows.push({ device: 'now', time: now(), values: { n: next } })
      next += 5
      const seq = next - 1
      // Kept beside each other and without a position of their own: only the cursor can keep a row from being stored twice.
      return store.append(rows, { duplicates: 'all', cursor: { consumer: 'c', seq } }).then(() => say(`ack ${seq}`))
    })
    await Promise.all(appends)
  }
} else {
  const store = await (kind === 'sqlite' ? openSqliteStateStore({ path, now }) : openJsonStateStore({ path, now, coalesceMs: 1 }))
  await store.declare('docs', { unique: ['key'] })
  await store.declare('pairs', {})
  say('open')
  const writer = async (n: number): Promise<void> => {
    for (let round = 0; round < rounds; round++) {
      const id = `w${n}-${round % 5}`
      const before = (await store.get('docs', id))?.version ?? 0
      const [version] = await store.tx([
        { op: 'put', coll: 'docs', id, doc: { key: id, version: before + 1 } },
        { op: 'put', coll: 'pairs', id, doc: { version: before + 1 } },
      ])
      say(`ack ${id} ${version}`)
    }
  }
  await Promise.all(Array.from({ length: 8 }, (_, n) => writer(n)))
}
