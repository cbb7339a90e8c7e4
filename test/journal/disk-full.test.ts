import assert from 'node:assert/strict'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Journal } from '../../src/journal/journal.ts'
import type { JournalEvent } from '../../src/journal/journal-event.ts'
import { openSqliteJournal } from '../../src/stores/sqlite/journal.ts'
import { FakeTime } from './fake-time.ts'
import { appendAll, collector, message, numbered } from './records.ts'
import { mountVolume, unmountVolume } from './volume.ts'

/** As SQLite reports a full disk through the driver. */
const sqliteFull = (): Error => Object.assign(new Error('database or disk is full'), { code: 'ERR_SQLITE_ERROR', errcode: 13 })

describe('journal on a full disk', () => {
  let root: string
  let time: FakeTime
  let events: JournalEvent[]
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'journal-full-'))
    time = new FakeTime()
    events = []
  })
  afterEach(() => rm(root, { recursive: true, force: true }))
  const open = (folder: string, o: Partial<Parameters<typeof openSqliteJournal>[0]> = {}): Promise<Journal> => {
    const { now, clock, schedule } = time
    return openSqliteJournal({
      folder,
      now,
      clock,
      schedule,
      reserveBytes: 262_144,
      minFreeBytes: 0,
      maxBytes: 1024 ** 3,
      onEvent: event => events.push(event),
      ...o,
    })
  }
  const types = (): string[] => events.map(event => (event.type === 'full' ? `full ${event.reason}` : event.type))

  it('rolls back, acknowledges nothing, gives up the reserve and refuses until there is room', async () => {
    let broken = false
    const beforeCommit = (): void => {
      if (broken) throw sqliteFull()
    }
    const journal = await open(root, { beforeCommit })
    const reserve = join(root, 'reserve.bin')
    assert.equal(statSync(reserve).size, 262_144)
    const seen = collector()
    const consumer = await journal.consume({ name: 'c', ack: 'flow', start: 'earliest' }, seen)
    appendAll(journal, numbered(3))
    time.advance(100)

    broken = true
    const lost = appendAll(journal, numbered(2))
    assert.equal(lost.length, 0)
    time.advance(100)
    assert.deepEqual(
      lost.map(({ error }) => error?.code),
      ['JOURNAL_FULL', 'JOURNAL_FULL'],
    )
    assert.equal(journal.metrics().state, 'degraded')
    assert.equal(existsSync(reserve), false)

    // Reading, acknowledging and cursors go on.
    consumer.ack([1, 2])
    time.advance(200)
    assert.equal((await journal.read({ from: 1, limit: 10 })).length, 3)
    const refused = appendAll(journal, numbered(1))
    time.advance(100)
    assert.equal(refused[0]?.error?.code, 'JOURNAL_FULL')

    broken = false
    time.advance(2000)
    assert.equal(journal.metrics().state, 'ok')
    assert.equal(statSync(reserve).size, 262_144)
    const kept = appendAll(journal, numbered(1))
    time.advance(100)
    assert.deepEqual(kept, [{ error: undefined, seq: 4 }])
    assert.deepEqual(types(), ['full disk', 'recovered'])
    await journal.close()
  })

  it('reports other write failures as JOURNAL_FAILED and stays usable', async () => {
    let error: Error | undefined = Object.assign(new Error('disk I/O error'), { errcode: 10 })
    const journal = await open(root, {
      beforeCommit: () => {
        if (error) throw error
      },
    })
    const lost = appendAll(journal, numbered(1))
    time.advance(100)
    error = undefined
    const kept = appendAll(journal, numbered(1))
    time.advance(100)
    assert.deepEqual([lost[0]?.error?.code, kept[0]?.seq, journal.metrics().state], ['JOURNAL_FAILED', 1, 'ok'])
    await journal.close()
  })

  it('raises an alarm when the volume is nearly full, and ends it above twice that', async () => {
    const journal = await open(root, { minFreeBytes: Number.MAX_SAFE_INTEGER })
    assert.deepEqual(types(), ['space'])
    time.advance(60_000)
    assert.deepEqual(types(), ['space'])
    await journal.close()
  })

  it('survives a real volume of 6 MiB: nothing acknowledged is lost, and it recovers by itself', async function () {
    this.timeout(30_000)
    const mount = join(root, 'volume')
    await mkdir(mount)
    const refusal = mountVolume(mount, 'size=6m')
    if (refusal) {
      console.log(`      skipped: a small volume cannot be mounted here (${refusal})`)
      this.skip()
    }
    let journal: Journal | undefined
    try {
      const folder = join(mount, 'journal')
      journal = await open(folder, { segmentBytes: 1024 * 1024 })
      const seen = collector()
      const consumer = await journal.consume(
        { name: 'c', ack: 'flow', window: 10_000, windowBytes: 1024 ** 3, ackTimeoutMs: 86_400_000, start: 'earliest' },
        seen,
      )
      writeFileSync(join(mount, 'other'), Buffer.alloc(1024 * 1024))
      const outcomes: { error: { code: string } | undefined; seq: number }[] = []
      for (let i = 0; i < 1000 && journal.metrics().state === 'ok'; i++) {
        journal.append(message('d', 'x'.repeat(10_000)), (error, seq) => outcomes.push({ error, seq }))
        time.advance(30)
      }
      assert.equal(journal.metrics().state, 'degraded')
      const acknowledged = outcomes.filter(({ error }) => !error).map(({ seq }) => seq)
      assert.ok(acknowledged.length > 100)
      assert.deepEqual([...new Set(outcomes.flatMap(({ error }) => error?.code ?? []))], ['JOURNAL_FULL'])

      // With the reserve given up, cursors can be written and what was consumed goes, without any help from outside.
      consumer.ack(acknowledged.slice(0, -5))
      time.advance(200)
      const letter = journal.addDeadLetter({
        reason: 'flow',
        code: 'X',
        message: '',
        device: 'd',
        topic: '',
        properties: {},
        payload: Buffer.alloc(10),
        stage: 'flow',
        tries: 1,
      })
      time.advance(5000)
      await letter
      assert.equal(journal.metrics().state, 'ok', JSON.stringify(events.at(-1)))
      const again = appendAll(journal, [message('d', 'after')])
      time.advance(100)
      assert.equal(again[0]?.seq, acknowledged.at(-1)! + 1)
      await journal.close()

      journal = await open(folder)
      const kept = await journal.read({ from: 0, limit: 10_000 })
      assert.deepEqual(
        kept.slice(-6).map(({ seq }) => seq),
        [...acknowledged.slice(-5), again[0]!.seq],
      )
      assert.equal(journal.metrics().consumers[0]?.cursor, acknowledged.at(-6))
      assert.deepEqual(
        types()
          .filter(type => type !== 'trimmed')
          .slice(0, 2),
        ['full disk', 'deadletter'],
      )
      assert.ok(types().includes('recovered'))
    } finally {
      await journal?.close().catch(() => {})
      unmountVolume(mount)
    }
  })
})
