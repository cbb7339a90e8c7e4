import { writeSync } from 'node:fs'
import { kinds } from '../../src/journal/journal-port.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { until } from '../until.ts'

// A hub on disk that rolls two configurations out over 1,000 devices, or goes on with that; tells how far it is, synchronously, so that nothing is lost with the process.
const [dataDir, perSecond] = process.argv.slice(2) as [string, string]
const say = (line: string): void => void writeSync(1, `${line}\n`)
const devices = 1000
const hub = await startHub({
  hubId: 'demo',
  dataDir,
  store: 'sqlite',
  broker: 'none',
  listeners: [],
  threaded: false,
  limits: { configurationWritesPerSecond: Number(perSecond), storeTelemetry: false },
})
const ids = Array.from({ length: devices }, (_, i) => `pump-${i}`)
const { items } = await hub.configurations.list({})
if (!items.length) {
  await Promise.all(ids.map((id, i) => hub.devices.register({ id, tags: { site: i % 4 ? 'b' : 'a' } })))
  await hub.configurations.put({ id: 'site-a', text: 'tags.site:a', priority: 10, desired: { log: 'debug' } })
  await hub.configurations.put({ id: 'all', text: '*', desired: { log: 'warn', report: { every: 60 } } })
}
const all = () => hub.configurations.metrics({ id: 'all' })
let told = -1
await until(async () => {
  const { applied, pending } = await all()
  if (applied !== told) say(`applied ${(told = applied)}`)
  return applied === devices && pending === 0
}, 240_000)
await until(async () => (await hub.configurations.metrics({ id: 'site-a' })).pending === 0, 60_000)
const wanted = (i: number) => JSON.stringify({ log: i % 4 ? 'warn' : 'debug', every: 60 })
let right = 0
for (const [i, id] of ids.entries()) {
  const { desired } = await hub.twins.get({ id })
  const { log, report } = desired as { log: string; report: { every: number } }
  if (JSON.stringify({ log, every: report.every }) === wanted(i) && Object.keys(desired).length === 2) right++
}
const heard = new Map<string, number>()
await until(async () => {
  heard.clear()
  for (let from = 0; ; ) {
    const records = await hub.journal.read({ from, limit: 1000 })
    for (const { kind, device, payload } of records) {
      if (kind !== kinds.configuration) continue
      const { configuration, event } = JSON.parse(Buffer.from(payload).toString())
      const key = `${configuration} ${event} ${device}`
      heard.set(key, (heard.get(key) ?? 0) + 1)
    }
    if (!records.length) break
    from = records.at(-1)!.seq + 1
  }
  return heard.size >= devices + devices / 4
}, 60_000)
const twice = [...heard.values()].filter(times => times > 1).length
const counts = { all: await all(), siteA: await hub.configurations.metrics({ id: 'site-a' }) }
say(`END ${JSON.stringify({ right, events: heard.size, twice, ...counts })}`)
await hub.close()
