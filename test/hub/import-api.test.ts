import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { LoomError } from '../../src/errors.ts'
import { devicesColl } from '../../src/hub/devices.ts'
import type { StartImport } from '../../src/hub/import-api.ts'
import type { BulkSecrets } from '../../src/provisioning/bulk-port.ts'
import type { StateStore } from '../../src/storage/state-store.ts'
import { seeded } from '../seeded.ts'
import { type BulkHouse, bulkHouse, type BulkStores, contentOf, countsOf, memoryStores, sqliteStores } from './bulk-house.ts'

const by = 'user anna'
const started = (house: BulkHouse, text: string, o: Partial<StartImport> = {}) =>
  house.imports.start({ format: 'csv', text, by, ...o } as StartImport)
/** Starts an import and waits for its end. */
async function imported(house: BulkHouse, text: string, o: Partial<StartImport> = {}) {
  const { operation } = await started(house, text, o)
  await house.imports.ended(operation)
  return { id: operation.id, ...(await house.imports.get(operation))! }
}
const secretsOf = (lines: string): BulkSecrets[] =>
  lines
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line) as BulkSecrets)
const plain = (count: number, kind = 'sas', from = 1) =>
  `id,kind,tags.n\n${Array.from({ length: count }, (_, i) => `d-${from + i},${kind},${i}\n`).join('')}`

/** Rows with every sort of fault, and how many of each result they must have. */
function mixed(rows: number, seed: number) {
  const random = seeded(seed)
  const lines = ['id,kind,model,enabled,tags.site,groups,policies,primaryKey,username']
  const expected: Record<string, number> = {}
  const unchanged: Record<string, number> = {}
  const seen = new Set<string>()
  const aliases = new Set<string>()
  const count = (result: string, again = result) => {
    expected[result] = (expected[result] ?? 0) + 1
    unchanged[again] = (unchanged[again] ?? 0) + 1
  }
  for (let i = 0; i < rows; i++) {
    const n = random.below(Math.ceil(rows * 0.9))
    const id = random.next() < 0.1 ? `DEV-${n}` : `dev-${n}`
    const fault = random.next()
    if (fault < 0.03) {
      lines.push(`no id ${i},sas`)
      count('failed IDENTITY_INVALID')
      continue
    }
    if (fault < 0.06) {
      lines.push(`wrong-${i},sas,m,perhaps`)
      count('failed IMPORT_ROW_INVALID')
      continue
    }
    if (seen.has(id.toLowerCase())) {
      lines.push(`${id},sas`)
      count('failed IMPORT_DUPLICATE')
      continue
    }
    seen.add(id.toLowerCase())
    if (fault < 0.09) {
      lines.push(`${id},,,,,nowhere`)
      count('failed GROUP_NOT_FOUND')
    } else if (fault < 0.12) {
      lines.push(`${id},,,,,north,nothing`)
      count('failed POLICY_NOT_FOUND')
    } else if (fault < 0.15) {
      lines.push(`${id},sas,,,,north,,short`)
      count('failed CRED_INVALID')
    } else {
      const kind = random.pick(['sas', 'sas', 'sas', 'x509', ''])
      const alias = kind === '' && random.next() < 0.2
      lines.push(
        `${id},${kind},mk${i % 3},${i % 5 ? '' : 'false'},site ${i % 7},${i % 2 ? 'north' : 'north;south'},${i % 3 ? '' : 'p1'}`,
      )
      if (alias) aliases.add(id)
      count('created', 'unchanged')
    }
  }
  return { text: `${lines.join('\n')}\n`, expected, unchanged }
}

async function prepared(stores: BulkStores, o: Parameters<typeof bulkHouse>[1] = {}) {
  const house = await bulkHouse(stores, o)
  if (await house.groups.get('north')) return house
  for (const id of ['north', 'south']) await house.groups.create({ id })
  const statement = { Effect: 'Allow', Action: 'iot:Publish', Resource: 'topic/a' }
  await house.policies.create({ id: 'p1', text: JSON.stringify({ Version: '2012-10-17', Statement: [statement] }) })
  return house
}

describe('an import', function () {
  this.timeout(60_000)

  for (const kind of ['memory', 'sqlite'] as const)
    it(`of 1,000 rows good, bad and double has a result for each, and the second time changes nothing (${kind})`, async () => {
      const { stores, remove } =
        kind === 'sqlite' ? await sqliteStores() : { stores: await memoryStores(), remove: async () => {} }
      const house = await prepared(stores)
      const { text, expected, unchanged } = mixed(1000, 11)
      const dry = await imported(house, text, { dryRun: true })
      assert.deepEqual(countsOf(house.imports.report(dry).csv), expected)
      assert.deepEqual((await contentOf(house)).devices, {})
      const first = await imported(house, text)
      assert.deepEqual(countsOf(house.imports.report(first).csv), expected)
      const failed = Object.entries(expected).reduce((sum, [result, n]) => (result === 'created' ? sum : sum + n), 0)
      const { state, done, total, failed: told } = first.operation
      assert.deepEqual({ state, done, total, told }, { state: 'done', done: 1000, total: 1000, told: failed })
      const content = await contentOf(house)
      assert.equal(Object.keys(content.devices).length, expected.created)
      assert.deepEqual([content.entities, content.twins], [expected.created, expected.created])
      const again = await imported(house, text)
      assert.deepEqual(countsOf(house.imports.report(again).csv), unchanged)
      assert.equal(again.secrets, 0)
      assert.deepEqual(await contentOf(house), content)
      await remove()
    })

  it('of 2,000 devices with certificates tells how far it is and lets others have their turn', async () => {
    const { stores, remove } = await sqliteStores()
    const house = await prepared(stores)
    let made = 0
    let madeInTurn = 0
    let most = 0
    const issue = house.authority.issueDevice
    house.authority.issueDevice = request => {
      made++
      most = Math.max(most, ++madeInTurn)
      return issue(request)
    }
    const seen = new Set<number>()
    let turns = 0
    let running = true
    const { operation } = await started(house, plain(2000, 'x509'))
    const turn = () => {
      turns++
      madeInTurn = 0
      void house.operations.get(operation.id).then(view => seen.add(view!.done))
      if (running) setImmediate(turn)
    }
    turn()
    await house.imports.ended(operation)
    running = false
    const { operation: after, secrets } = (await house.imports.get(operation))!
    assert.deepEqual([after.state, after.done, after.failed, secrets], ['done', 2000, 0, 2000])
    assert.deepEqual(countsOf(house.imports.report(operation).csv), { created: 2000 })
    assert.equal(made, 2000)
    assert.ok(most <= 50, `${most} certificates in one turn`)
    assert.ok(turns >= 80, `${turns} turns`)
    for (const done of [500, 1000, 1500]) assert.ok(seen.has(done), `${done} was never shown`)
    const again = await imported(house, plain(2000, 'x509'))
    assert.deepEqual(countsOf(house.imports.report(again).csv), { unchanged: 2000 })
    assert.equal(made, 2000)
    await remove()
  })

  it('gives each secret out once, and it is nowhere else', async () => {
    const { stores, folder, remove } = await sqliteStores()
    const house = await prepared(stores)
    const key = Buffer.alloc(32, 77).toString('base64')
    const lines = [
      'id,kind,primaryKey,secondaryKey,password',
      'one,sas',
      `two,sas,${key},${key}`,
      'three,x509',
      'four,password,,,a planted secret',
      'five,password',
      'six,,planted',
    ]
    const { id, secrets } = await imported(house, `${lines.join('\n')}\n`)
    assert.equal(secrets, 3)
    const taken = house.imports.secrets({ id, by })
    const found = secretsOf(taken.lines)
    assert.deepEqual([taken.rows, found.map(entry => entry.id)], [3, ['one', 'three', 'five']])
    assert.ok(found[0]!.secrets.connectionString?.includes(found[0]!.secrets.primaryKey!))
    assert.throws(() => house.imports.secrets({ id, by }), { code: 'NOT_FOUND' })
    assert.equal((await house.imports.get({ id }))!.secrets, 0)
    await house.trail.drain()
    const actions = (await house.trail.log.query({ limit: 10, target: id })).items.map(({ action }) => action)
    assert.deepEqual(actions.sort(), ['devices.import', 'devices.import.secrets'])

    const secret = [
      key,
      'a planted secret',
      found[0]!.secrets.primaryKey!,
      found[0]!.secrets.secondaryKey!,
      found[2]!.secrets.password!,
    ]
    secret.push(found[1]!.secrets.privateKeyPem!.split('\n')[1]!)
    const told = JSON.stringify([
      house.imports.report({ id }),
      await house.imports.list(),
      (await house.trail.log.query({ limit: 100 })).items,
      house.events,
      await house.registry.page({ limit: 100 }),
    ])
    for (const store of Object.values(stores)) await store.close()
    const files = readdirSync(folder).map(name => readFileSync(join(folder, name), 'latin1'))
    assert.ok(files.some(text => text.includes('three')))
    for (const text of [told, ...files]) for (const one of secret) assert.ok(!text.includes(one))
    await remove()
  })

  it('stops before it makes secrets that there is no room for, and goes on once they were fetched', async () => {
    const house = await prepared(await memoryStores(), { keepBytes: 30_000, batchRows: 2 })
    const text = plain(40)
    const { id } = await imported(house, text)
    const ids: string[] = []
    const codes: (string | undefined)[] = []
    for (let rounds = 0; rounds < 30; rounds++) {
      const { operation, secrets } = (await house.imports.get({ id }))!
      codes.push(operation.error?.code)
      if (secrets) ids.push(...secretsOf(house.imports.secrets({ id, by }).lines).map(entry => entry.id))
      if (operation.state === 'done') break
      await house.imports.resume({ id, text, by })
      await house.imports.ended({ id })
    }
    assert.ok(codes.includes('IMPORT_LIMIT'))
    assert.deepEqual(
      ids,
      Array.from({ length: 40 }, (_, i) => `d-${i + 1}`),
    )
    assert.deepEqual(countsOf(house.imports.report({ id }).csv), { created: 40 })
  })

  it('leaves report and secrets for ten minutes after its end', async () => {
    const house = await prepared(await memoryStores())
    const { id } = await imported(house, plain(3))
    house.clock.now += 599_999
    house.imports.expire(house.clock.now)
    assert.equal(house.imports.report({ id }).omitted, 0)
    house.clock.now += 1
    house.imports.expire(house.clock.now)
    assert.throws(() => house.imports.report({ id }), { code: 'NOT_FOUND' })
    assert.throws(() => house.imports.secrets({ id, by }), { code: 'NOT_FOUND' })
    assert.equal((await house.imports.get({ id }))!.operation.done, 3)
  })

  it('leaves the lines out of its report that there is no room for, those of older imports first', async () => {
    const house = await prepared(await memoryStores(), { keepBytes: 2000, batchRows: 10 })
    const first = await imported(house, plain(50, ''))
    assert.equal(house.imports.report(first).omitted, 0)
    const second = await imported(house, plain(200, ''))
    assert.equal(house.imports.report(first).omitted, 50)
    const { csv, omitted } = house.imports.report(second)
    assert.ok(omitted > 0)
    assert.equal(csv.trim().split('\r\n').length - 1 + omitted, 200)
    assert.equal(second.operation.state, 'done')
  })

  it('reads JSON lines, files as they come, and deletes', async () => {
    const house = await prepared(await memoryStores())
    const text = `{"id":"a","tags":{"x":[1]}}\n\n{"id":"b"}\nnonsense\n{"id":"c"}`
    const first = await imported(house, text, { format: 'jsonl' })
    assert.deepEqual([first.operation.total, first.operation.done, first.operation.failed], [4, 4, 1])
    const chunks = (async function* () {
      yield Buffer.from('id\na')
      yield Buffer.from('\nz\n')
    })()
    const { operation } = await house.imports.start({ format: 'csv', chunks, op: 'delete', by, total: 2 })
    await house.imports.ended(operation)
    assert.deepEqual(countsOf(house.imports.report(operation).csv), { deleted: 1, unchanged: 1 })
    assert.deepEqual(Object.keys((await contentOf(house)).devices), ['b', 'c'])
    assert.equal(await house.state.get(devicesColl, 'a'), null)
  })

  it('refuses what it does not know, and fails with a header that is none', async () => {
    const house = await prepared(await memoryStores())
    for (const wrong of [{ format: 'xml' }, { op: 'drop' }, { text: undefined }, { chunks: ['id\n'] }])
      await assert.rejects(started(house, 'id\n', wrong as object), { code: 'REQUEST_INVALID' })
    const { operation } = await imported(house, 'id,colour\na,red\n')
    assert.deepEqual([operation.state, operation.error?.code], ['failed', 'IMPORT_HEADER_INVALID'])
    for (const call of [house.imports.cancel({ id: 'x', by }), house.imports.resume({ id: 'x', text: '', by })])
      await assert.rejects(call, { code: 'NOT_FOUND' })
    const other = await house.operations.start({ kind: 'other', by }, async () => ({ complete: true }))
    assert.equal(await house.imports.get(other), undefined)
    await assert.rejects(house.imports.cancel({ id: other.id, by }), { code: 'NOT_FOUND' })
    assert.deepEqual(
      (await house.imports.list()).items.map(({ operation: { id } }) => id),
      [operation.id],
    )
  })

  it('that somebody stops keeps what is done and goes on later, with the same file only', async () => {
    const house = await prepared(await memoryStores(), { batchRows: 10 })
    const text = plain(200)
    const { operation } = await started(house, text)
    let once = true
    house.events.push = (...events) => {
      if (once) void house.imports.cancel({ id: operation.id, by })
      once = false
      return events.length
    }
    await house.imports.ended(operation)
    const stopped = (await house.imports.get(operation))!.operation
    assert.equal(stopped.state, 'cancelled')
    assert.ok(stopped.done >= 10 && stopped.done < 200)
    assert.equal(await house.registry.count(), stopped.done)
    const { id } = operation
    await assert.rejects(house.imports.resume({ id, text: `${text}more\n`, by }), { code: 'OPERATION_STATE' })
    await house.imports.resume({ id, text, by })
    await house.imports.ended({ id })
    assert.deepEqual(countsOf(house.imports.report({ id }).csv), { created: 200 })
    assert.equal((await house.imports.get({ id }))!.secrets, 200)
  })
})

describe('an import that a crash cut off', function () {
  this.timeout(60_000)

  const rows = 60
  const lines = Array.from({ length: rows }, (_, i) => `d-${i},${i % 2 ? 'sas' : 'x509'},${i % 3 ? 'north' : 'south'},p1,new\n`)
  const text = `id,kind,groups,policies,tags.state\n${lines.join('')}`
  const seedText = `id,groups,tags.state\n${Array.from({ length: 20 }, (_, i) => `d-${i * 3},north,old\n`).join('')}`

  /** The n-th transaction fails, before or after it is written, and nothing works from then on: as for who sees a process die. */
  const dying = (store: StateStore, o: { left: number; after: boolean; dead: boolean }): StateStore => {
    const alive = async <T>(work: () => Promise<T>): Promise<T> => {
      if (o.dead) throw new LoomError('STORE_CLOSED')
      return work()
    }
    return {
      declare: (coll, to) => alive(() => store.declare(coll, to)),
      get: (coll, id) => alive(() => store.get(coll, id)),
      put: (coll, id, doc, to) => alive(() => store.put(coll, id, doc, to)),
      delete: (coll, id, to) => alive(() => store.delete(coll, id, to)),
      query: (coll, query) => alive(() => store.query(coll, query)),
      tx: (writes, to) =>
        alive(async () => {
          const last = --o.left === 0
          if (last && !o.after) o.dead = true
          const versions = await alive(() => store.tx(writes, to))
          if (last) o.dead = true
          return alive(async () => versions)
        }),
      changes: (since, limit) => alive(() => store.changes(since, limit)),
      count: coll => alive(() => store.count(coll)),
      close: () => store.close(),
    }
  }

  for (const op of ['upsert', 'delete'] as const)
    it(`ends as one that was not, wherever it was (${op})`, async () => {
      const whole = await prepared(await memoryStores(), { batchRows: 10 })
      await imported(whole, seedText)
      await imported(whole, text, { op })
      const expected = await contentOf(whole)
      for (const crash of [1, 2, 7, 12])
        for (const after of [false, true]) {
          const { stores, folder, remove } = await sqliteStores()
          await imported(await prepared(stores), seedText)
          const fuse = { left: Number.POSITIVE_INFINITY, after, dead: false }
          const doomed = await prepared(
            { ...stores, identities: dying(stores.identities, fuse), state: dying(stores.state, fuse) },
            { batchRows: 10 },
          )
          fuse.left = crash
          const { operation } = await started(doomed, text, { op })
          await doomed.imports.ended(operation)
          assert.ok(fuse.dead, `transaction ${crash} never came`)
          for (const store of Object.values(stores)) await store.close()

          const { stores: again } = await sqliteStores(folder)
          const house = await prepared(again, { batchRows: 10 })
          const { id, state } = (await house.imports.get(operation))!.operation
          assert.equal(state, 'interrupted')
          await house.imports.resume({ id, text, by })
          await house.imports.ended({ id })
          const { operation: view } = (await house.imports.get({ id }))!
          assert.deepEqual([view.state, view.done, view.failed, view.error], ['done', rows, 0, undefined])
          assert.deepEqual(await contentOf(house), expected, `transaction ${crash}, ${after ? 'after' : 'before'} its commit`)
          for (const store of Object.values(again)) await store.close()
          await remove()
        }
    })
})
