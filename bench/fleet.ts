import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { FleetIndex } from '../src/topology/fleet-index.ts'
import type { FleetDoc } from '../src/topology/fleet-doc.ts'
import { compileQuery } from '../src/topology/fleet-query/compile.ts'
import { aggregator, readAggregation } from '../src/topology/fleet-query/aggregate.ts'
import { parseQuery } from '../src/topology/fleet-query/parse-query.ts'
import { Memberships } from '../src/topology/memberships.ts'

/*
 * Fleet queries against a filter written by hand over the same documents in one run; changes against dynamic groups; memory of the index. CPU time.
 */
const devices = Number(process.env.BENCH_DEVICES ?? 10_000)
const many = Number(process.env.BENCH_MANY ?? 100_000)

const docOf = (i: number): FleetDoc => ({
  id: `device-${String(i).padStart(6, '0')}`,
  model: `model-${i % 7}`,
  state: 'active',
  enabled: i % 11 !== 0,
  groups: ['plant', `hall-${i % 20}`],
  attributes: { model: `model-${i % 7}`, line: String(i % 50) },
  tags: { site: `site-${i % 13}`, floor: i % 5 },
  twin: {
    desired: { interval: 10 + (i % 3), mode: 'auto' },
    reported: { interval: 10, mode: 'auto', temperature: i % 100, fw: `1.${i % 9}.0`, battery: 50 + (i % 50) },
    hasDelta: i % 3 !== 0,
  },
  shadows: {},
  connectivity: { connected: i % 4 !== 0, timestamp: 1_790_000_000_000 + i },
  cert: {},
  createdAt: 1_790_000_000_000,
})
const texts = {
  aws: 'thingTypeName:model-1 AND tags.site:site-3 AND connectivity.connected:true AND shadow.reported.temperature:[20 TO 80] AND NOT shadow.reported.fw:1.4*',
  azure:
    "SELECT * FROM devices WHERE modelId = 'model-1' AND tags.site = 'site-3' AND connectionState = 'Connected' AND properties.reported.temperature >= 20 AND NOT STARTSWITH(properties.reported.fw, '1.4')",
}
const byHand = (doc: any): boolean =>
  doc.model === 'model-1' &&
  doc.tags.site === 'site-3' &&
  doc.connectivity.connected &&
  doc.twin.reported.temperature >= 20 &&
  doc.twin.reported.temperature <= 80 &&
  !doc.twin.reported.fw.startsWith('1.4')

const turn = () => new Promise<void>(setImmediate)
const ms = (micros: number): string => (micros / 1000).toFixed(2)
const at = (sorted: readonly number[], part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!

async function sampled(times: number, run: () => unknown): Promise<number[]> {
  const samples: number[] = []
  for (let i = 0; i < times; i++) {
    const start = process.cpuUsage()
    await run()
    const { user, system } = process.cpuUsage(start)
    samples.push(user + system)
  }
  // the first fifth warms up
  return samples.slice(Math.floor(times / 5)).sort((a, b) => a - b)
}

const index = new FleetIndex({ maxBytes: 1e10, declared: [], turn })
for (let i = 0; i < devices; i++) index.set(docOf(i))
const docs: FleetDoc[] = []
await index.scan(doc => void docs.push(doc))

console.log(`Five terms over ${devices.toLocaleString('en')} devices, a page of 100\n`)
console.log('| query | p50 ms | p99 ms | p50 of the filter by hand |')
console.log('| --- | --- | --- | --- |')
const bare = await sampled(300, () => docs.filter(byHand).length)
const found = async (text: { dialect: 'aws' | 'azure'; text: string }) => {
  const holds = compileQuery(parseQuery(text).where)
  const page: FleetDoc[] = []
  await index.scan(doc => {
    if (holds(doc)) page.push(doc)
    return page.length < 100
  })
  return page
}
for (const dialect of ['aws', 'azure'] as const) {
  const samples = await sampled(300, () => found({ dialect, text: texts[dialect] }))
  console.log(
    `| ${dialect}, read, compiled and run | ${ms(at(samples, 0.5))} | ${ms(at(samples, 0.99))} | ${(at(samples, 0.5) / at(bare, 0.5)).toFixed(1)} |`,
  )
}
const grouping = await sampled(100, async () => {
  const figures = aggregator(
    readAggregation({
      group: ['tags.site'],
      figures: { n: { fn: 'count' }, t: { fn: 'avg', path: 'twin.reported.temperature' } },
    }),
  )
  await index.scan(doc => figures.add(doc))
  return figures.rows()
})
console.log(
  `| count and average by site | ${ms(at(grouping, 0.5))} | ${ms(at(grouping, 0.99))} | ${(at(grouping, 0.5) / at(bare, 0.5)).toFixed(1)} |`,
)
console.log(`| filter by hand | ${ms(at(bare, 0.5))} | ${ms(at(bare, 0.99))} | 1 |`)

/** A fleet with 200 groups, and what makes each of 1,000 devices `step` degrees warmer. */
function grouped(textOf: (g: number) => string) {
  const memberships = new Memberships()
  for (let g = 0; g < 200; g++) memberships.define(`group-${g}`, parseQuery({ text: textOf(g) }).where)
  let transitions = 0
  const changed = (...change: Parameters<Memberships['changed']>): void =>
    void (transitions += memberships.changed(...change).length)
  const watched = new FleetIndex({ maxBytes: 1e10, declared: [], turn, changed })
  for (const doc of docs) watched.set(doc)
  const warm = (step: number): void => {
    for (let i = 0; i < 1000; i++) {
      const doc = watched.get(docs[(i * 7) % devices]!.id)!
      const reported = { ...doc.twin.reported, temperature: (Number(doc.twin.reported.temperature) + step) % 100 }
      watched.set({ ...doc, twin: { ...doc.twin, reported } })
    }
  }
  return {
    warm,
    taken: (): number => {
      const taken = transitions
      transitions = 0
      return taken
    },
  }
}
console.log('\n1,000 twin changes, 200 dynamic groups that all read what changes\n')
console.log('| groups | joins and leaves | p50 ms | p99 ms |')
console.log('| --- | --- | --- | --- |')
const groupTexts: [string, (g: number) => string][] = [
  ['of a site, above a temperature', g => `tags.site:site-${g % 13} AND shadow.reported.temperature>${g % 100}`],
  ['above a temperature', g => `shadow.reported.temperature>${g / 2}`],
]
for (const [name, textOf] of groupTexts) {
  const { warm, taken } = grouped(textOf)
  for (const step of [1, 37]) {
    taken()
    const changes = await sampled(40, () => warm(step))
    console.log(`| ${name} | ${Math.round(taken() / 40)} | ${ms(at(changes, 0.5))} | ${ms(at(changes, 0.99))} |`)
  }
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
collect()
const before = process.memoryUsage().heapUsed
const large = new FleetIndex({ maxBytes: 1e10, declared: [], turn })
// As they come from a store: nothing is shared but names
for (let i = 0; i < many; i++) large.set(JSON.parse(JSON.stringify(docOf(i))))
collect()
const heap = process.memoryUsage().heapUsed - before
const scan = await sampled(20, () => large.scan(doc => void byHand(doc)))
console.log(
  `\n${many.toLocaleString('en')} devices: ${Math.round(heap / large.size)} bytes of memory each (${Math.round(large.bytes / large.size)} as counted), ${Math.round(heap / 2 ** 20)} MiB in all; a scan ${ms(at(scan, 0.5))} ms`,
)
