import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Hub, HubOptions } from '../src/hub/hub.ts'
import { startHub } from '../src/hub/start-hub.ts'

const devices = 5000
const atOnce = 250
const rounds = 5
const queries = ['', 'enabled:true', 'enabled:false', 'connected:false', 'tags.site:s7', 'enabled:false tags.site:s7', 'd-0012']

async function fill(hub: Hub): Promise<void> {
  for (let at = 0; at < devices; at += atOnce)
    await Promise.all(
      Array.from({ length: atOnce }, async (_, i) => {
        const n = at + i
        const id = `d-${String(n).padStart(5, '0')}`
        const tags = { site: `s${n % 50}`, floor: n % 7 }
        await hub.devices.register({ id, credentials: { kind: 'sas' }, tags, enabled: n % 100 !== 7 })
      }),
    )
}

/** CPU of this process, ms, and what was listed. */
async function listed(hub: Hub, query: string): Promise<{ cpuMs: number; items: number; pages: number }> {
  const before = process.cpuUsage()
  let [items, pages] = [0, 0]
  let cursor: string | undefined
  do {
    const page = await hub.devices.list({ query, limit: 1000, ...(cursor && { cursor }) })
    items += page.items.length
    pages++
    cursor = page.next
  } while (cursor && pages < 100)
  const { user, system } = process.cpuUsage(before)
  return { cpuMs: (user + system) / 1000, items, pages }
}

/** CPU that whole lists of a fleet cost the hub's thread, by store and query; the median of some rounds. */
console.log(
  `| store | query | devices | pages | CPU ms | CPU ms / 1,000 devices of the fleet |\n| --- | --- | --- | --- | --- | --- |`,
)
for (const store of ['sqlite', 'json'] as const) {
  const dataDir = await mkdtemp(join(tmpdir(), 'loom-bench-'))
  const options: HubOptions = { hubId: 'bench', dataDir, store, broker: 'none', listeners: [], threaded: false }
  const first = await startHub(options)
  await fill(first)
  await first.close()
  const hub = await startHub(options)
  for (const query of queries) {
    const runs = []
    for (let round = 0; round < rounds; round++) runs.push(await listed(hub, query))
    const { cpuMs, items, pages } = runs.sort((a, b) => a.cpuMs - b.cpuMs)[Math.floor(rounds / 2)]!
    console.log(
      `| ${store} | ${query || '(all)'} | ${items} | ${pages} | ${cpuMs.toFixed(1)} | ${((cpuMs * 1000) / devices).toFixed(1)} |`,
    )
  }
  await hub.close()
  await rm(dataDir, { recursive: true, force: true })
}
