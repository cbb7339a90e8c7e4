import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { kinds, type JournalPort, type NewRecord } from '../src/journal/journal-port.ts'
import { openMemoryJournal } from '../src/stores/memory/journal.ts'
import { openSqliteJournal } from '../src/stores/sqlite/journal.ts'

/** Appends and reads of the journal against the disk and SQLite themselves, in one run. Prints a Markdown table; run it with `node bench/journal.ts`. */
const single = 2000
const slice = 100
const batched = 100_000
const perCommit = 1000
const runs = 3

const payload = Buffer.from(
  JSON.stringify({
    temperature: 21.5,
    humidity: 48.25,
    pressure: 1013.2,
    voltage: 3.71,
    rssi: -67,
    status: 'ok',
    site: 'north',
    rev: 7,
  }),
)
const record = (n: number): NewRecord => ({
  kind: kinds.message,
  device: `device-${n % 100}`,
  topic: `devices/device-${n % 100}/telemetry`,
  qos: 1,
  flags: 0,
  props: {
    v: 1,
    p: { site: 'north' },
    s: {},
    e: { time: 1_760_000_000_000 + n, seq: n, dialect: 'plain', clientId: `device-${n % 100}` },
  },
  payload,
})

interface Measure {
  perSecond: number
  cpuMicros: number
}

async function measure(count: number, work: () => void | Promise<void>): Promise<Measure> {
  const [started, cpu] = [performance.now(), process.cpuUsage()]
  await work()
  const { user, system } = process.cpuUsage(cpu)
  return { perSecond: (count / (performance.now() - started)) * 1000, cpuMicros: (user + system) / count }
}

const appended = (journal: JournalPort, n: number): Promise<void> =>
  new Promise((resolve, reject) => journal.append(record(n), error => (error ? reject(error) : resolve())))

/** As much as fits into a commit at once, the next when it is on disk. */
async function inBatches(journal: JournalPort): Promise<void> {
  for (let n = 0; n < batched; n += perCommit) {
    for (let i = 1; i < perCommit; i++) journal.append(record(n + i), () => {})
    await appended(journal, n)
  }
}

/** Both by turns in small slices, since other load on the disk changes from second to second. */
async function durableOneByOne(folder: string): Promise<{ raw: Measure; one: Measure }> {
  const journal = await openSqliteJournal({ folder, now: Date.now, maxBytes: 2 * 1024 ** 3, reserveBytes: 0 })
  const handle = openSync(join(folder, 'raw'), 'a')
  const line = Buffer.concat([payload, Buffer.alloc(120)])
  const slices: { raw: Measure[]; one: Measure[] } = { raw: [], one: [] }
  for (let n = 0; n < single; n += slice) {
    slices.raw.push(
      await measure(slice, () => {
        for (let i = 0; i < slice; i++) {
          writeSync(handle, line)
          fsyncSync(handle)
        }
      }),
    )
    slices.one.push(
      await measure(slice, async () => {
        for (let i = 0; i < slice; i++) await appended(journal, n + i)
      }),
    )
  }
  closeSync(handle)
  await journal.close()
  return { raw: total(slices.raw), one: total(slices.one) }
}

const total = (parts: readonly Measure[]): Measure => ({
  perSecond: parts.length / parts.reduce((sum, { perSecond }) => sum + 1 / perSecond, 0),
  cpuMicros: parts.reduce((sum, { cpuMicros }) => sum + cpuMicros, 0) / parts.length,
})

function unindexedTable(folder: string): void {
  const db = new DatabaseSync(join(folder, 'table.db'))
  db.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000; CREATE TABLE log(seq, at, kind, device TEXT, topic TEXT, qos, flags, props TEXT, payload BLOB)',
  )
  const insert = db.prepare('INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)')
  db.exec('BEGIN IMMEDIATE')
  for (let n = 0; n < batched; n++) {
    const { kind, device, topic, qos, flags, props } = record(n)
    insert.run(n, n, kind, device, topic, qos, flags, JSON.stringify(props), payload)
  }
  db.exec('COMMIT')
  db.close()
}

async function consumed(journal: JournalPort, name: string): Promise<void> {
  const { headSeq } = journal.metrics()
  let seen = 0
  await new Promise<void>((resolve, reject) => {
    const deliver = (records: readonly unknown[]): void => {
      seen += records.length
      if (seen === headSeq) resolve()
    }
    journal.consume({ name, start: 'earliest' }, { deliver }).catch(reject)
  })
}

async function inFolder<T>(work: (folder: string) => T | Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-journal-'))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const withJournal = (
  count: number,
  work: (journal: JournalPort) => Promise<void>,
  fill?: (journal: JournalPort) => Promise<void>,
): Promise<Measure> =>
  inFolder(async folder => {
    const journal = await openSqliteJournal({ folder, now: Date.now, maxBytes: 2 * 1024 ** 3, reserveBytes: 0 })
    await fill?.(journal)
    const result = await measure(count, () => work(journal))
    await journal.close()
    return result
  })

const contenders: Record<string, () => Promise<Record<string, Measure>>> = {
  single: () => inFolder(durableOneByOne),
  table: async () => ({ table: await inFolder(folder => measure(batched, () => unindexedTable(folder))) }),
  thousand: async () => ({ thousand: await withJournal(batched, inBatches) }),
  memory: async () => {
    const journal = openMemoryJournal({ now: Date.now, maxBytes: 1024 ** 3 })
    const memory = await measure(batched, () => inBatches(journal))
    await journal.close()
    return { memory }
  },
  laggard: async () => ({ laggard: await withJournal(batched, journal => consumed(journal, 'laggard'), inBatches) }),
}

const results = new Map<string, Measure[]>()
for (let run = 0; run <= runs; run++)
  for (const contender of Object.values(contenders)) {
    const measures = await contender()
    // The first round warms up.
    if (run > 0) for (const [name, result] of Object.entries(measures)) results.set(name, [...(results.get(name) ?? []), result])
  }

const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!
const rate = (name: string): number => median(results.get(name)!.map(({ perSecond }) => perSecond))
const cpu = (name: string): number => median(results.get(name)!.map(({ cpuMicros }) => cpuMicros))
const row = (what: string, limit: string, name: string, of: string, goal: string): string =>
  `| ${what} | ${limit} | ${(rate(name) / rate(of)).toFixed(2)} | ${goal} | ${(cpu(of) / cpu(name)).toFixed(2)} | ${cpu(name).toFixed(1)} |`

console.log(`Median of ${runs} runs, ${payload.length} bytes of payload a record, Node ${process.version}. Ratios above 1: better than the limit.

| journal | limit | rate / limit | goal | 1 / CPU, of limit | CPU us a record |
| --- | --- | --- | --- | --- | --- |
${row('1 a commit', 'raw append + fsync', 'one', 'raw', '>= 0.8')}
${row('1,000 a commit', 'the same table unindexed, one transaction', 'thousand', 'table', '>= 0.5')}
${row('in memory', 'the same table unindexed, one transaction', 'memory', 'table', '')}
${row('a consumer far behind', 'journal, 1,000 a commit', 'laggard', 'thousand', '')}`)
