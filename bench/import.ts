import { generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createCsr } from '../src/pki/csr.ts'
import { generateKey } from '../src/pki/keys.ts'
import { devicesColl, twinsColl } from '../src/hub/devices.ts'
import { type BulkHouse, bulkHouse, sqliteStores } from '../test/hub/bulk-house.ts'

/*
 * Imports of devices over SQLite, from the text of the file to the last report line, against what cannot be left out, in the same round: SQLite that
 * inserts the same documents into bare tables, 500 rows a transaction, as safely; for certificates also the raw key and signature of node:crypto. CPU time, the
 * median of the rounds, so that a busy machine tells the same; the rate by the clock is that of the best round.
 */
const rounds = process.env.BENCH_QUICK ? 3 : 7
const perTransaction = 500

interface Case {
  name: string
  rows: number
  text: (rows: number) => Promise<string> | string
  /** of node:crypto, per row */
  raw?: () => void
  /** the same file once before, which is not measured */
  again?: boolean
  goal: number | ''
}

const lines = (rows: number, line: (at: number) => string): string =>
  `id,kind,csr,tags.site,attributes.batch\n${Array.from({ length: rows }, (_, at) => `${line(at)},site ${at % 20},b7\n`).join('')}`
const sas = (rows: number) => lines(rows, at => `pump-${at},sas,`)
async function requests(rows: number): Promise<string> {
  const csrs: string[] = []
  for (let at = 0; at < rows; at++) csrs.push(createCsr({ id: `pump-${at}`, ...(await generateKey()) }).replaceAll('\n', '\\n'))
  return lines(rows, at => `pump-${at},x509,${csrs[at]}`)
}

const own = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
const tbs = randomBytes(600)
const signature = sign('sha256', tbs, own.privateKey)
const keyAndSign = (): void => {
  generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  sign('sha256', tbs, own.privateKey)
}
const checkAndSign = (): void => {
  verify('sha256', tbs, own.publicKey, signature)
  sign('sha256', tbs, own.privateKey)
}

const cases: Case[] = [
  { name: 'SAS, keys made', rows: 4000, text: sas, goal: 2000 },
  {
    name: 'X.509 EC, key and certificate made',
    rows: 2000,
    text: n => lines(n, at => `pump-${at},x509,`),
    raw: keyAndSign,
    goal: 1000,
  },
  { name: 'X.509 EC, from requests', rows: 2000, text: requests, raw: checkAndSign, goal: 1000 },
  { name: 'SAS, the same file again', rows: 4000, text: sas, again: true, goal: '' },
]

interface Cost {
  /** CPU, us a row */
  cpu: number
  perSecond: number
}

async function cost(rows: number, work: () => unknown): Promise<Cost> {
  const [cpu, started] = [process.cpuUsage(), performance.now()]
  await work()
  const { user, system } = process.cpuUsage(cpu)
  return { cpu: (user + system) / rows, perSecond: (rows / (performance.now() - started)) * 1000 }
}

async function imported({ imports }: BulkHouse, text: string, rows: number): Promise<void> {
  const { operation } = await imports.start({ format: 'csv', text, by: 'bench' })
  await imports.ended(operation)
  const { state, done, failed, error } = (await imports.get(operation))!.operation
  if (state !== 'done' || done !== rows || failed)
    throw new Error(`${state}, ${done} of ${rows}, ${failed} failed ${error?.message}`)
}

/** What an import left, by table. */
async function documentsOf({ registry, identities, state }: BulkHouse): Promise<[id: string, text: string][][]> {
  const tables: [string, string][][] = [[], [], [], []]
  for (let cursor: string | undefined, first = true; first || cursor; first = false) {
    const page = await registry.page({ limit: 1000, ...(cursor && { cursor }) })
    for (const { id } of page.items) {
      tables[0]!.push([id, JSON.stringify(await registry.find(id))])
      tables[1]!.push([id, JSON.stringify((await state.get(devicesColl, id))!.doc)])
      tables[2]!.push([id, JSON.stringify((await state.get(twinsColl, `${id}|`))!.doc)])
    }
    cursor = page.next
  }
  for (let cursor: string | undefined, first = true; first || cursor; first = false) {
    const page = await identities.query('audit_outbox', { limit: 1000, ...(cursor && { cursor }) })
    for (const { id, doc } of page.items) tables[3]!.push([id, JSON.stringify(doc)])
    cursor = page.next
  }
  return tables
}

function bareInserts(folder: string, tables: readonly (readonly [string, string][])[]): void {
  const db = new DatabaseSync(join(folder, `bare-${randomBytes(4).toString('hex')}.db`))
  db.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=4000; PRAGMA cache_size=-16000')
  const inserts = tables.map((_, n) => {
    db.exec(`CREATE TABLE t${n}(id TEXT PRIMARY KEY, doc TEXT NOT NULL) WITHOUT ROWID`)
    return db.prepare(`INSERT INTO t${n} VALUES(?, ?)`)
  })
  const most = Math.max(...tables.map(rows => rows.length))
  for (let at = 0; at < most; at += perTransaction) {
    db.exec('BEGIN IMMEDIATE')
    for (const [n, rows] of tables.entries())
      for (const [id, text] of rows.slice(at, at + perTransaction)) inserts[n]!.run(id, text)
    db.exec('COMMIT')
  }
  db.close()
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!
const rate = (us: number): string => Math.round(1e6 / us).toString()

console.log(`Imports of devices from CSV, ${perTransaction} rows a transaction. Figures are of one core.\n`)
console.log('| rows | a second of CPU | by the clock | goal | of bare SQLite | of bare SQLite and raw crypto |')
console.log('| --- | --- | --- | --- | --- | --- |')
for (const { name, rows, text, raw, again, goal } of cases) {
  const samples: { ours: Cost; sqlite: Cost; crypto: Cost | undefined }[] = []
  const file = await text(rows)
  for (let round = 0; round <= rounds; round++) {
    const folder = mkdtempSync(join(tmpdir(), 'bench-import-'))
    const { stores, remove } = await sqliteStores(folder)
    const house = await bulkHouse(stores)
    if (again) await imported(house, file, rows)
    const ours = await cost(rows, () => imported(house, file, rows))
    const documents = await documentsOf(house)
    const sqlite = await cost(rows, () => bareInserts(folder, documents))
    const crypto =
      raw &&
      (await cost(rows, () => {
        for (let at = 0; at < rows; at++) raw()
      }))
    await remove()
    // the first round warms up
    if (round > 0) samples.push({ ours, sqlite, crypto })
  }
  const ofSqlite = median(samples.map(({ ours, sqlite }) => sqlite.cpu / ours.cpu))
  const ofBoth = median(samples.map(({ ours, sqlite, crypto }) => (sqlite.cpu + (crypto?.cpu ?? 0)) / ours.cpu))
  const clock = Math.round(Math.max(...samples.map(({ ours }) => ours.perSecond)))
  const cells = [
    name,
    rate(median(samples.map(({ ours }) => ours.cpu))),
    clock,
    goal,
    ofSqlite.toFixed(2),
    raw ? ofBoth.toFixed(2) : '',
  ]
  console.log(`| ${cells.join(' | ')} |`)
}
