import assert from 'node:assert/strict'
import { LoomError } from '../../src/errors.ts'
import { type ImportOptions, type ImportTotals, runImport } from '../../src/provisioning/bulk-import.ts'
import type { BulkDevice, BulkResult, BulkSecrets, BulkWriter } from '../../src/provisioning/bulk-port.ts'
import { type BulkLine, readCsvDevices, readJsonDevices } from '../../src/provisioning/bulk-reader.ts'
import { reportHeader, reportLines, secretLines } from '../../src/provisioning/bulk-report.ts'
import { SeenIds } from '../../src/provisioning/bulk-seen.ts'
import { bulkWriterContract } from '../contracts/bulk-writer.ts'
import { seeded } from '../seeded.ts'
import { bulkRegistry } from './bulk-registry.ts'

type Registry = Awaited<ReturnType<typeof bulkRegistry>>

const linesOf = async (lines: AsyncIterable<BulkLine>): Promise<BulkLine[]> => {
  const all: BulkLine[] = []
  for await (const line of lines) all.push(line)
  return all
}
const csv = (text: string) => linesOf(readCsvDevices([text]))
const json = (text: string) => linesOf(readJsonDevices([text]))
const withCode = (code: string) => (error: unknown) => error instanceof LoomError && error.code === code

async function importing(text: string, o: Partial<ImportOptions> = {}, existing?: Registry) {
  const registry = existing ?? (await bulkRegistry())
  const results: BulkResult[] = []
  const secrets: BulkSecrets[] = []
  const progress: ImportTotals[] = []
  let pauses = 0
  const options: ImportOptions = {
    rows: readCsvDevices([text]),
    op: 'upsert',
    by: 'anna',
    writer: registry.writer,
    results: some => void results.push(...some),
    secrets: some => void secrets.push(...some),
    progress: totals => void progress.push(totals),
    pause: async () => void pauses++,
    ...o,
  }
  const run = runImport(options)
  const totals = await run.catch((error: unknown) => error as LoomError)
  return { totals, results, secrets, progress, pauses: () => pauses, ...registry }
}

const many = (count: number, from = 1) =>
  `id,kind,tags.n\n${Array.from({ length: count }, (_, i) => `d-${from + i},sas,${i}\n`).join('')}`

describe('rows of an import', () => {
  it('come from CSV with nested tags, flat attributes and a credential', async () => {
    const request = '-----BEGIN CERTIFICATE REQUEST-----\\nMIIB\\n-----END CERTIFICATE REQUEST-----\\n'
    const rows = await csv(
      `id,model,enabled,tags.site.floor,tags.site.room,attributes.fw.version,desired.on,groups,policies,kind,csr\n` +
        `pump-1,mk2,false,2,"a, b",1.0,true,north; south,p1,,${request}\n` +
        `pump-2,,,,,,,,,sas,\n`,
    )
    assert.deepEqual(rows, [
      {
        row: 1,
        device: {
          row: 1,
          id: 'pump-1',
          enabled: false,
          model: 'mk2',
          tags: { site: { floor: '2', room: 'a, b' } },
          attributes: { 'fw.version': '1.0' },
          desired: { on: 'true' },
          groups: ['north', 'south'],
          policies: ['p1'],
          credential: { kind: 'x509', csrPem: request.replaceAll('\\n', '\n') },
        },
      },
      { row: 2, device: { row: 2, id: 'pump-2', credential: { kind: 'sas' } } },
    ])
  })

  it('come from JSON lines with values of any type', async () => {
    const rows = await json(
      `\uFEFF{"id":"a","tags":{"n":1,"deep":{"x":[true]}},"attributes":{"v":"1"},"groups":["g"],"enabled":true,"kind":"password","username":"u"}\r\n\n` +
        `{"deviceId":"b","tags.site":"x","model":null}`,
    )
    assert.deepEqual(rows, [
      {
        row: 1,
        device: {
          row: 1,
          id: 'a',
          enabled: true,
          tags: { n: 1, deep: { x: [true] } },
          attributes: { v: '1' },
          groups: ['g'],
          credential: { kind: 'password', username: 'u' },
        },
      },
      { row: 2, device: { row: 2, id: 'b', tags: { site: 'x' } } },
    ])
  })

  it('are cut out of bytes at any place, inside a character too', async () => {
    const bytes = Buffer.from('\uFEFFid,tags.ort\nd1,Köln\nd2,東京\n')
    for (const size of [1, 2, 3, 5, 100]) {
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size))
      const rows = await linesOf(readCsvDevices(chunks))
      assert.deepEqual(
        rows.map(row => 'device' in row && row.device.tags),
        [{ ort: 'Köln' }, { ort: '東京' }],
      )
    }
  })

  const headers: [what: string, text: string][] = [
    ['nothing at all', ''],
    ['no id', 'model\nx\n'],
    ['an unknown column', 'id,tag.site\n'],
    ['a column twice', 'id,model,model\n'],
    ['two names of one column', 'id,deviceId\n'],
    ['a column inside another', 'id,tags.a,tags.a.b\n'],
    ['a column that would change every object', 'id,tags.__proto__.x\n'],
    ['a tree without a name', 'id,tags.\n'],
    ['a quote without end', '"id\n'],
  ]
  for (const [what, text] of headers)
    it(`need a header: ${what} is refused`, () => assert.rejects(csv(text), withCode('IMPORT_HEADER_INVALID')))

  const wrong: [what: string, row: string, code: string][] = [
    ['no id', ',x,,,', 'IDENTITY_INVALID'],
    ['an id with a blank', 'a b,,,,', 'IDENTITY_INVALID'],
    ['a formula as id', '=cmd|x,,,,', 'IDENTITY_INVALID'],
    ['an unknown kind', 'a,,dsa,,', 'IMPORT_ROW_INVALID'],
    ['a request for a shared key', 'a,,sas,x,', 'IMPORT_ROW_INVALID'],
    ['a key without a kind', 'a,,,,k', 'IMPORT_ROW_INVALID'],
    ['a model that is too long', `a,${'m'.repeat(129)},,,`, 'IMPORT_ROW_INVALID'],
    ['more fields than columns', 'a,,,,,x', 'IMPORT_ROW_INVALID'],
    ['a stray quote', 'a,b"c,,,', 'IMPORT_ROW_INVALID'],
  ]
  for (const [what, row, code] of wrong)
    it(`that are wrong (${what}) stop nothing`, async () => {
      const [first, second] = await csv(`id,model,kind,csr,primaryKey\n${row}\nok,,,,\n`)
      assert.ok(first && 'code' in first)
      assert.equal(first.code, code)
      assert.ok(second && 'device' in second)
    })

  it('of JSON that are wrong stop nothing either', async () => {
    const deep = `{"id":"x","tags":{"a":${'['.repeat(5000)}${']'.repeat(5000)}}}`
    const rows = await json(
      `{\n[1]\n{"id":5}\n{"id":"a","tag":1}\n{"id":"a","attributes":{"n":1}}\n${deep}\n{"id":"a","x":"${'y'.repeat(70_000)}"}\n{"id":"ok"}\n`,
    )
    assert.deepEqual(
      rows.map(row => ('code' in row ? row.code : row.device.id)),
      [
        'IMPORT_ROW_INVALID',
        'IMPORT_ROW_INVALID',
        'IDENTITY_INVALID',
        'IMPORT_ROW_INVALID',
        'IMPORT_ROW_INVALID',
        'IMPORT_ROW_INVALID',
        'IMPORT_ROW_INVALID',
        'ok',
      ],
    )
  })

  it('never touch what all objects share', async () => {
    const rows = await json('{"id":"a","tags":{"__proto__":{"x":1}},"tags.constructor.prototype.y":1}')
    assert.equal(({} as { x?: number }).x, undefined)
    assert.equal(({} as { y?: number }).y, undefined)
    assert.ok('device' in rows[0]!)
  })
})

bulkWriterContract('the registry of these tests', () => bulkRegistry())

describe('an import', () => {
  it('writes in batches, tells results in order, secrets apart, and progress', async () => {
    const { totals, results, secrets, progress, calls, pauses } = await importing(many(1200))
    assert.deepEqual(totals, { done: 1200, created: 1200, updated: 0, unchanged: 0, deleted: 0, failed: 0, complete: true })
    assert.deepEqual(
      calls.map(({ rows }) => rows),
      [500, 500, 200],
    )
    assert.deepEqual(
      results.map(({ row }) => row),
      Array.from({ length: 1200 }, (_, i) => i + 1),
    )
    assert.equal(secrets.length, 1200)
    assert.deepEqual(
      progress.map(({ done }) => done),
      [500, 1000, 1200],
    )
    assert.equal(pauses(), 48, 'half of them in the registry')
    assert.ok(!JSON.stringify([results, progress, totals]).includes('key-of'))
  })

  it('done again changes nothing and makes no new secrets', async () => {
    const registry = await bulkRegistry()
    await importing(many(700), {}, registry)
    const again = await importing(many(700), {}, registry)
    assert.deepEqual(again.totals, { done: 700, created: 0, updated: 0, unchanged: 700, deleted: 0, failed: 0, complete: true })
    assert.equal(again.secrets.length, 0)
    const changed = await importing(many(700).replace('d-7,sas,6', 'd-7,sas,x'), {}, registry)
    assert.deepEqual(
      changed.results.filter(({ result }) => result !== 'unchanged'),
      [{ row: 7, id: 'd-7', result: 'updated' }],
    )
  })

  it('may create only, or delete', async () => {
    const registry = await bulkRegistry()
    await importing(many(3), { op: 'create' }, registry)
    const again = await importing(many(4), { op: 'create' }, registry)
    assert.deepEqual(again.totals, { done: 4, created: 1, updated: 0, unchanged: 0, deleted: 0, failed: 3, complete: true })
    assert.deepEqual(again.results[0], {
      row: 1,
      id: 'd-1',
      result: 'failed',
      code: 'IDENTITY_EXISTS',
      message: 'a device with that id exists: "d-1"',
    })
    const gone = await importing('id\nd-1\nd-9\n', { op: 'delete' }, registry)
    assert.deepEqual(
      gone.results.map(({ result }) => result),
      ['deleted', 'unchanged'],
    )
  })

  it('tried dry says the same and writes nothing', async () => {
    const registry = await bulkRegistry()
    let checkpoints = 0
    const checkpoint = () => {
      checkpoints++
      return []
    }
    const { totals } = await importing(many(600), { dryRun: true, checkpoint }, registry)
    assert.equal((totals as ImportTotals).created, 600)
    assert.equal(await registry.count(), 0)
    assert.equal(checkpoints, 0)
  })

  it('reports a device that comes twice, in any case, and takes the first', async () => {
    const { results, store, count } = await importing(`${many(600)}D-5,,z\nd-600,,z\n`)
    assert.deepEqual(results.slice(-2), [
      {
        row: 601,
        id: 'D-5',
        result: 'failed',
        code: 'IMPORT_DUPLICATE',
        message: 'the device is already in this file: "D-5" is in row 5',
      },
      {
        row: 602,
        id: 'd-600',
        result: 'failed',
        code: 'IMPORT_DUPLICATE',
        message: 'the device is already in this file: "d-600" is in row 600',
      },
    ])
    assert.equal(await count(), 600)
    assert.ok(!JSON.stringify(await store.get('bulk_devices', 'd-600')).includes('z'))
  })

  it('stops where a person says so, and goes on from there', async () => {
    const registry = await bulkRegistry()
    let stop = false
    const progress = () => void (stop = true)
    const first = await importing(many(1200), { cancelled: () => stop, progress }, registry)
    const { done, complete } = first.totals as ImportTotals & { complete: boolean }
    assert.deepEqual({ done, complete }, { done: 500, complete: false })
    assert.equal(await registry.count(), 500)
    const rest = await importing(`${many(1200)}d-3,,\n`, { from: done }, registry)
    assert.deepEqual(rest.totals, { done: 1201, created: 700, updated: 0, unchanged: 0, deleted: 0, failed: 1, complete: true })
    assert.equal(rest.results[0]!.row, 501)
    assert.equal(rest.results.at(-1)!.code, 'IMPORT_DUPLICATE', 'duplicates of rows before the stop are noticed')
  })

  it('ends with the failure of the store and has told nothing of that batch', async () => {
    const registry = await bulkRegistry()
    const progress = () => void (registry.state.fail = new LoomError('STORE_CLOSED'))
    const { totals, results } = await importing(many(800), { progress }, registry)
    assert.ok(totals instanceof LoomError && totals.code === 'STORE_CLOSED')
    assert.equal(results.length, 500)
  })

  it('puts the checkpoint into the transaction of its batch', async () => {
    const registry = await bulkRegistry()
    await registry.store.declare('c', {})
    const checkpoint = (done: number) => [{ op: 'put', coll: 'c', id: 'x', doc: { done } } as const]
    const { calls } = await importing(many(700), { checkpoint }, registry)
    assert.deepEqual(
      calls.map(({ o }) => o.also[0]),
      [500, 700].map(done => ({ op: 'put', coll: 'c', id: 'x', doc: { done } })),
    )
  })

  it('ends behind the greatest number of rows, those before it done', async () => {
    const { totals, count } = await importing(many(60), { mostRows: 40 })
    assert.ok(totals instanceof LoomError && totals.code === 'IMPORT_LIMIT')
    assert.equal(await count(), 40)
  })

  it('of a million rows has one batch in memory and notices every duplicate', async function () {
    this.timeout(240_000)
    const count = 1_000_000
    let produced = 0
    let written = 0
    let most = 0
    const chunks = async function* (): AsyncGenerator<string> {
      yield 'id,tags.site\r\n'
      for (let at = 0; at < count; at += 100) {
        let text = ''
        // every ten thousandth row repeats an early one
        for (let i = at + 1; i <= at + 100; i++)
          text += i % 10_000 === 0 ? `dev-${i / 10_000},"again"\r\n` : `dev-${i},"hall, ${i % 7}"\r\n`
        yield text
      }
    }
    const rows = async function* (): AsyncGenerator<BulkLine> {
      for await (const line of readCsvDevices(chunks())) {
        produced++
        most = Math.max(most, produced - written)
        yield line
      }
    }
    const writer: BulkWriter = {
      write: async devices => devices.map(({ row, id }: BulkDevice) => ({ row, id, result: 'created' as const })),
    }
    const nothing = () => undefined
    const totals = await runImport({
      rows: rows(),
      op: 'create',
      by: 'anna',
      writer,
      results: some => void (written += some.length),
      secrets: nothing,
      pause: async () => undefined,
    })
    assert.equal(totals.done, count)
    assert.equal(totals.failed, 100)
    assert.equal(totals.created, count - 100)
    assert.ok(most <= 501, `${most} rows at a time`)
  })
})

describe('what an import tells', () => {
  it('is safe to open in a spreadsheet', () => {
    const lines = reportLines([{ row: 1, id: '=1+1', result: 'failed', code: 'IDENTITY_INVALID', message: '@SUM(A1), "x"' }])
    assert.equal(reportHeader + lines, `row,id,result,code,message\r\n1,'=1+1,failed,IDENTITY_INVALID,"'@SUM(A1), ""x"""\r\n`)
  })

  it('has secrets as JSON lines, which leave a key as it is', () => {
    const text = secretLines([{ row: 1, id: 'a', secrets: { cid: 'c', kind: 'sas', primaryKey: '+key=', caPem: '' } }])
    assert.equal(JSON.parse(text).secrets.primaryKey, '+key=')
    assert.ok(text.endsWith('\n'))
  })
})

describe('ids seen', () => {
  it('are what a set of lower-case ids knows', () => {
    const { below } = seeded(5)
    const seen = new SeenIds()
    const model = new Map<string, number>()
    for (let row = 1; row <= 20_000; row++) {
      const id = `${below(2) ? 'Dev' : 'dev'}-${below(12_000)}`
      const key = id.toLowerCase()
      assert.equal(seen.add(id, row), model.get(key))
      if (!model.has(key)) model.set(key, row)
    }
    assert.equal(seen.size, model.size)
  })
})
