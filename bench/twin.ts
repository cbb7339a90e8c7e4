import {
  applyUpdate,
  deltaOf,
  newTwin,
  packTwin,
  readPatch,
  type Twin,
  toAwsDelta,
  toAwsDocuments,
  toAwsUpdateAccepted,
  twinProfiles,
  unpackTwin,
} from '../src/twin/twin.ts'

/*
 * Updates of a twin, and what is told about them, against a plain `structuredClone` of the same document in one run. CPU time, median of five.
 */
const now = Date.UTC(2026, 0, 1)

/** Groups of ten settings each. */
function settings(groups: number): Record<string, unknown> {
  const group = (g: number) =>
    Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`setting-${i}`, i % 3 ? g * 100 + i : `value ${g}`]))
  return Object.fromEntries(Array.from({ length: groups }, (_, g) => [`group-${g}`, group(g)]))
}

function twinOf(groups: number): Twin {
  const twin = newTwin({ deviceId: 'pump', desired: settings(groups), now })
  return applyUpdate(twin, { reported: settings(groups) }, { now }).doc
}

/** Three values in two groups, another time others. */
const patchAt = (i: number, groups: number) => ({
  [`group-${i % groups}`]: { 'setting-1': i, 'setting-3': `value ${i}` },
  [`group-${(i + 1) % groups}`]: { 'setting-5': i },
})

/** CPU of one call in us. */
function cpuMicros(times: number, run: (i: number) => unknown): number {
  const samples = Array.from({ length: 7 }, () => {
    const before = process.cpuUsage()
    for (let i = 0; i < times; i++) if (run(i) === null) throw new Error('nothing was made')
    const { user, system } = process.cpuUsage(before)
    return (user + system) / times
  })
  // the first two warm up
  return samples.slice(2).toSorted((a, b) => a - b)[2]!
}

const per = Number(process.env.BENCH_UPDATES ?? 4_000)
const sizes = [
  ['1 KB', 5],
  ['8 KB', 40],
  ['30 KB', 145],
] as const

console.log(`Twins with such sections of desired and reported, patches of 3 values, ${per} calls\n`)
console.log('| sections of | operation | us | of `structuredClone` | a second |')
console.log('| --- | --- | --- | --- | --- |')
for (const [size, groups] of sizes) {
  const twin = twinOf(groups)
  const same = twinOf(groups)
  const apart = applyUpdate(twin, { desired: { 'group-1': { 'setting-1': -1 } } }, { now }).doc
  const bytes = Buffer.byteLength(JSON.stringify(twin.desired))
  const times = Math.max(100, Math.round((per * 4) / groups))
  const limit = cpuMicros(times, () => structuredClone(twin))
  const row = (name: string, us: number): void =>
    console.log(
      `| ${size} (${bytes} B) | ${name} | ${us.toFixed(1)} | ${(us / limit).toFixed(2)} | ${Math.round(1e6 / us).toLocaleString('en')} |`,
    )
  row('`structuredClone` of the document', limit)
  row(
    '`JSON.stringify` of the document',
    cpuMicros(times, () => JSON.stringify(twin)),
  )
  row(
    'packed for the store, as text',
    cpuMicros(times, () => JSON.stringify(packTwin(apart))),
  )
  const stored = JSON.stringify(packTwin(apart))
  row(
    'unpacked from the text',
    cpuMicros(times, () => unpackTwin(JSON.parse(stored))),
  )
  let doc = twin
  row(
    'report: merge, stamps, limits, delta',
    cpuMicros(times, i => (doc = applyUpdate(doc, { reported: patchAt(i, groups) }, { now: now + i }).doc)),
  )
  row(
    'delta alone, none',
    cpuMicros(times, () => deltaOf(same)),
  )
  row(
    'delta alone, one value',
    cpuMicros(times, () => deltaOf(apart)),
  )
  const request = Buffer.from(JSON.stringify({ state: { reported: patchAt(1, groups) }, clientToken: 'token' }))
  const profile = { ...twinProfiles.aws, documentBytes: 65_536 }
  row(
    'AWS request: bytes to accepted, documents and delta as text',
    cpuMicros(times, i => {
      const update = applyUpdate(apart, readPatch(request, profile).patch, { now: now + i, profile })
      const context = { now: now + i, clientToken: 'token' }
      const told = [
        toAwsUpdateAccepted(update, context),
        toAwsDocuments(update, context),
        toAwsDelta(update.doc, context, update.delta),
      ]
      return told.map(message => JSON.stringify(message))
    }),
  )
}
