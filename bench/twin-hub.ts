import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Hub, HubOptions } from '../src/hub/hub.ts'
import { startHub } from '../src/hub/start-hub.ts'
import { openMemoryStateStore } from '../src/stores/memory/state-store.ts'
import { openSqliteStateStore } from '../src/stores/sqlite/state-store.ts'
import { applyUpdate, newTwin, packTwin } from '../src/twin/twin.ts'

/*
 * Durable updates of twins through the hub's port, beside the store alone with the same documents; reads through the port; memory of many twins.
 */
const updates = Number(process.env.BENCH_UPDATES ?? 10_000)
const reads = Number(process.env.BENCH_READS ?? 5_000)
const many = Number(process.env.BENCH_TWINS ?? 100_000)

/** About 1 KB. */
const desired = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`setting-${i}`, i % 3 ? i * 1.5 : `value ${i}`]))
const idOf = (n: number): string => `device-${String(n).padStart(6, '0')}`
const folder = (): Promise<string> => mkdtemp(join(tmpdir(), 'loom-bench-'))

/** Seconds of `total` calls, so many under way at once. */
async function timed(total: number, atOnce: number, call: (i: number) => Promise<unknown>): Promise<number> {
  let next = 0
  const worker = async () => {
    while (next < total) await call(next++)
  }
  const begun = performance.now()
  await Promise.all(Array.from({ length: atOnce }, worker))
  return (performance.now() - begun) / 1000
}

const rate = (total: number, seconds: number): string => Math.round(total / seconds).toLocaleString('en')

async function fill(hub: Hub, devices: number): Promise<void> {
  await timed(devices, 200, n => hub.devices.register({ id: idOf(n), desired }))
}

/** The store alone: the twin, its event and its record of the audit log, as a change by a flow writes them. */
async function storeAlone(devices: number, atOnce: number, total: number): Promise<number> {
  const dataDir = await folder()
  const store = await openSqliteStateStore({ path: join(dataDir, 'state.db'), now: Date.now })
  for (const coll of ['twins', 'events', 'audit']) await store.declare(coll, {})
  const docs = Array.from({ length: devices }, (_, n) => newTwin({ deviceId: idOf(n), desired, now: Date.now() }))
  const seconds = await timed(total, atOnce, async i => {
    const n = i % devices
    const { doc } = applyUpdate(docs[n]!, { desired: { 'setting-1': i } }, { now: Date.now() })
    docs[n] = doc
    await store.tx([
      { op: 'put', coll: 'twins', id: doc.deviceId, doc: packTwin(doc) },
      { op: 'put', coll: 'events', id: String(i), doc: { text: JSON.stringify({ before: doc.desired, after: doc.desired }) } },
      { op: 'put', coll: 'audit', id: String(i), doc: { action: 'twin.update', target: doc.deviceId, detail: { i } } },
    ])
  })
  await store.close()
  await rm(dataDir, { recursive: true, force: true })
  return seconds
}

console.log(`Twins with 1 KB desired, patches of one value, each on disk before it is answered\n`)
console.log('| store | devices | changes by | at once | updates/s | of the store alone |')
console.log('| --- | --- | --- | --- | --- | --- |')
const readRows: string[] = []
for (const [store, devices] of [
  ['sqlite', 2_000],
  ['json', 100],
] as const) {
  const dataDir = await folder()
  const options: HubOptions = { hubId: 'bench', dataDir, store, broker: 'none', listeners: [], threaded: true }
  const hub = await startHub(options)
  await fill(hub, devices)
  const id = (i: number): string => idOf(i % devices)
  const changes = {
    'a flow': (i: number) => hub.twins.patch({ id: id(i), desired: { 'setting-1': i }, by: 'flow' }),
    devices: (i: number) => hub.twins.report({ id: id(i), reported: { 'setting-1': i }, by: `device ${id(i)}` }),
  }
  for (const [by, change] of Object.entries(changes))
    for (const atOnce of [1, 32, 256]) {
      // the JSON store writes its files anew each time
      const total = Math.ceil(updates / (store === 'json' ? 50 : 1) / (atOnce === 1 ? 10 : 1))
      const seconds = await timed(total, Math.min(atOnce, devices), change)
      const alone = store === 'sqlite' && by === 'a flow' ? (await storeAlone(devices, atOnce, total)) / total : undefined
      const ratio = alone === undefined ? '' : (alone / (seconds / total)).toFixed(2)
      console.log(`| ${store} | ${devices} | ${by} | ${atOnce} | ${rate(total, seconds)} | ${ratio} |`)
    }
  const took: number[] = []
  for (let i = 0; i < reads; i++) {
    const begun = performance.now()
    await hub.twins.get({ id: idOf((i * 7919) % devices) })
    took.push(performance.now() - begun)
  }
  took.sort((a, b) => a - b)
  const at = (part: number): string => took[Math.floor(reads * part)]!.toFixed(3)
  readRows.push(`| ${store} | ${devices} | ${at(0.5)} | ${at(0.95)} | ${at(0.99)} |`)
  await hub.close()
  await rm(dataDir, { recursive: true, force: true })
}
console.log('\nReads of a twin through the port, one after the other, ms\n')
console.log(`| store | devices | p50 | p95 | p99 |\n| --- | --- | --- | --- | --- |\n${readRows.join('\n')}`)

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
const heap = (): number => {
  collect()
  return process.memoryUsage().heapUsed + process.memoryUsage().external
}
const before = heap()
const store = await openMemoryStateStore({ now: Date.now })
await store.declare('twins', {})
for (let n = 0; n < many; n++)
  await store.put('twins', `${idOf(n)}|`, packTwin(newTwin({ deviceId: idOf(n), desired, now: Date.now() })))
const kept = heap() - before
console.log(
  `\n${many.toLocaleString('en')} twins in the store in memory: ${Math.round(kept / 1024 ** 2)} MiB, ${Math.round(kept / many)} bytes each`,
)
await store.close()
