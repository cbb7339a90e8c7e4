import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bulkHouse, countsOf, sqliteStores } from '../hub/bulk-house.ts'
import { packetTypes, publishPacket } from '../mqtt-wire.ts'
import { type Child, start, stopAll, tempFolder } from '../processes.ts'
import { azureTopic, endAll, liveHub } from './live-hub.ts'

const rowsOf = (count: number): string =>
  `id,kind,tags.site,groups\n${Array.from({ length: count }, (_, i) => `pump-${i},x509,site ${i % 9},north\n`).join('')}`
const by = 'user anna'

describe('10,000 devices with certificates from one file', function () {
  this.timeout(300_000)

  it('are there, each with its key given out once; the hub had its turns, and the same file again changes nothing', async () => {
    const { stores, remove } = await sqliteStores()
    const house = await bulkHouse(stores)
    await house.groups.create({ id: 'north' })
    const text = rowsOf(10_000)
    const { operation } = await house.imports.start({ format: 'csv', text, by })
    const seen: number[] = []
    let turns = 0
    let running = true
    const turn = async (): Promise<void> => {
      turns++
      const { done, total } = (await house.operations.get(operation.id))!
      if (done !== seen.at(-1)) seen.push(done)
      assert.ok(total === undefined || total === 10_000)
      if (running) setImmediate(() => void turn())
    }
    void turn()
    await house.imports.ended(operation)
    running = false
    const { operation: after, secrets } = (await house.imports.get(operation))!
    assert.deepEqual([after.state, after.done, after.total, after.failed, secrets], ['done', 10_000, 10_000, 0, 10_000])
    assert.deepEqual(countsOf(house.imports.report(operation).csv), { created: 10_000 })
    assert.ok(seen.length >= 20 && seen.every((done, i) => i === 0 || done > seen[i - 1]!), `shown: ${seen}`)
    assert.ok(turns >= 10_000 / 50, `${turns} turns`)

    const ids = new Set<string>()
    const keys = new Set<string>()
    for (const line of house.imports.secrets({ id: operation.id, by }).lines.trim().split('\n')) {
      const { id, secrets } = JSON.parse(line) as { id: string; secrets: { privateKeyPem: string } }
      ids.add(id)
      keys.add(secrets.privateKeyPem)
    }
    assert.deepEqual([ids.size, keys.size], [10_000, 10_000])
    assert.throws(() => house.imports.secrets({ id: operation.id, by }), { code: 'NOT_FOUND' })

    const before = await fingerprintsOf(house)
    assert.equal(before.size, 10_000)
    const again = await house.imports.start({ format: 'csv', text, by })
    await house.imports.ended(again.operation)
    assert.deepEqual(countsOf(house.imports.report(again.operation).csv), { unchanged: 10_000 })
    assert.equal((await house.imports.get(again.operation))!.secrets, 0)
    assert.deepEqual(await fingerprintsOf(house), before)
    await remove()
  })
})

async function fingerprintsOf({ registry }: Awaited<ReturnType<typeof bulkHouse>>): Promise<Set<string>> {
  const found = new Set<string>()
  for (let cursor: string | undefined, first = true; first || cursor; first = false) {
    const page = await registry.page({ limit: 1000, ...(cursor && { cursor }) })
    for (const { credentials } of page.items) for (const { fingerprint } of credentials) found.add(fingerprint!)
    cursor = page.next
  }
  return found
}

describe('a device that sends while 10,000 others are imported', function () {
  this.timeout(300_000)
  afterEach(endAll)

  it('has each message acknowledged, in order, all along', async () => {
    // In one thread with the device: what blocks the hub blocks the answer.
    const { hub, device, records } = await liveHub()
    const peer = await device('busy')
    const started = await hub.imports.start({ format: 'csv', text: rowsOf(10_000).replaceAll(',north', ','), by })
    const { id } = started.operation
    const last = { sent: 0, done: -1 }
    /** rows done -> acknowledgements while it was so */
    const acknowledged = new Map<number, number>()
    for (let running = true; running; ) {
      const ident = (last.sent++ % 65_535) + 1
      peer.send(publishPacket({ topic: azureTopic('busy'), payload: `{"n":${last.sent}}`, qos: 1, id: ident }))
      assert.equal((await peer.next(packetTypes.puback, 60_000)).body.readUInt16BE(0), ident)
      const { operation } = (await hub.imports.get({ id }))!
      running = operation.endedAt === undefined
      assert.ok(operation.done >= last.done)
      last.done = operation.done
      acknowledged.set(last.done, (acknowledged.get(last.done) ?? 0) + 1)
    }
    const { operation } = (await hub.imports.get({ id }))!
    assert.deepEqual([operation.state, operation.done, operation.failed], ['done', 10_000, 0])
    const marks = [...acknowledged.keys()]
    const widest = Math.max(...marks.map((done, i) => done - (marks[i - 1] ?? 0)))
    assert.ok(widest <= 2500, `${widest} rows without an acknowledgement; at: ${marks}`)
    assert.ok(last.sent >= 40, `${last.sent} acknowledgements`)
    const sent = (await records('busy')).map(({ payload }) => (JSON.parse(Buffer.from(payload).toString()) as { n: number }).n)
    assert.deepEqual(
      sent,
      Array.from({ length: last.sent }, (_, i) => i + 1),
    )
    peer.end()
  })
})

describe('an import under kill -9', function () {
  this.timeout(300_000)
  afterEach(stopAll)

  it('goes on where it was, writes no row twice and leaves none out', async () => {
    const rows = 4000
    const folder = tempFolder('import')
    const file = join(folder, 'devices.csv')
    writeFileSync(file, rowsOf(rows))
    const launch = (): Child =>
      start(process.execPath, [
        '--disable-warning=ExperimentalWarning',
        join(import.meta.dirname, 'importing-hub.ts'),
        folder,
        file,
      ])
    let from = 0
    for (let round = 1; round <= 5; round++) {
      const child = launch()
      const began = Number((await child.says(/^from (\d+)$/m, 60_000))[1])
      assert.ok(began >= from && began < rows, `from ${began} after ${from}`)
      from = began
      await child.says(new RegExp(`^done (?!${began}$)\\d+$`, 'm'), 60_000)
      await child.stop('SIGKILL')
    }
    const child = launch()
    const outcome = JSON.parse((await child.says(/^END (.*)$/m, 120_000))[1]!) as object
    assert.deepEqual(outcome, {
      state: 'done',
      done: rows,
      failed: 0,
      total: rows,
      devices: rows,
      whole: rows,
      entities: rows,
      twins: rows,
      intact: true,
    })
  })
})
