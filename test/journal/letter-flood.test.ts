import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LoomError } from '../../src/errors.ts'
import { createIngest, type Ingest } from '../../src/hub/ingest.ts'
import type { Consumer, JournalPort, NewDeadLetter } from '../../src/journal/journal-port.ts'
import type { LogRow, StoredLetter } from '../../src/journal/segment-port.ts'
import { openMemoryJournal } from '../../src/stores/memory/journal.ts'
import { MemoryJournalLog } from '../../src/stores/memory/journal-log.ts'
import { openSqliteJournal } from '../../src/stores/sqlite/journal.ts'
import { FakeTime } from './fake-time.ts'
import { message, range } from './records.ts'

const flood = 2000

class CountingLog extends MemoryJournalLog {
  reads = 0
  appends = 0
  lookups = 0
  failing = false
  readonly letterWrites: number[] = []

  override append(rows: readonly LogRow[]): void {
    this.appends++
    super.append(rows)
  }
  override read(from: number, limit: number, bytes: number): LogRow[] {
    this.reads++
    return super.read(from, limit, bytes)
  }
  override addLetters(letters: readonly Omit<StoredLetter, 'id'>[]): number[] {
    if (this.failing) throw new LoomError('JOURNAL_FAILED', 'the test wants it')
    this.letterWrites.push(letters.length)
    return super.addLetters(letters)
  }
  override oldestLetters(limit: number): { id: number; at: number; bytes: number }[] {
    this.lookups++
    return super.oldestLetters(limit)
  }
}

const sendBad = (ingest: Ingest, count: number): void => {
  for (let i = 0; i < count; i++)
    ingest(
      {
        envelope: {
          deviceId: `d${i}`,
          stream: '',
          body: Buffer.from('{bad'),
          contentType: 'application/json',
          properties: {},
          system: {},
          topic: 't',
          qos: 1,
          will: false,
          dialect: 'plain',
        },
        context: {},
      },
      () => {},
    )
}

const letterOf = (jseq: number, deviceId: string, topic: string, payload: Uint8Array): NewDeadLetter => ({
  reason: 'undecodable',
  code: 'TELEMETRY_UNDECODABLE',
  message: 'bad',
  device: deviceId,
  topic,
  properties: {},
  payload,
  jseq,
  stage: 'ingest',
  tries: 0,
})

/** Transactions in a write-ahead file that was not checkpointed: frames with the size of the database in them are commits. https://sqlite.org/fileformat2.html#walformat */
function commitsIn(path: string): number {
  const wal = readFileSync(path)
  const frameBytes = 24 + wal.readUInt32BE(8)
  const salt = wal.subarray(16, 24)
  let commits = 0
  for (let at = 32; at + frameBytes <= wal.length && wal.subarray(at + 8, at + 16).equals(salt); at += frameBytes)
    if (wal.readUInt32BE(at + 4) > 0) commits++
  return commits
}

describe('a flood of undecodable messages', () => {
  it('costs as many transactions of letters as of records, and reads nothing back', async () => {
    const [time, log] = [new FakeTime(), new CountingLog()]
    const journal = openMemoryJournal({ ...time, log })
    const lost: unknown[] = []
    sendBad(createIngest({ journal, now: time.now, lost: error => lost.push(error) }), flood)
    time.advance()
    assert.deepEqual([log.appends, log.letterWrites], [2, [1000, 1000]])
    assert.deepEqual([log.reads, lost], [0, []])
    assert.equal(log.lookups, 0)
    assert.equal((await journal.deadLetters({ limit: 1 })).items[0]?.id, flood)
    await journal.close()
  })

  it('looks up a letter’s record in memory when the caller does not have it', async () => {
    const [time, log] = [new FakeTime(), new CountingLog()]
    const journal = openMemoryJournal({ ...time, log })
    for (const n of range(1, 100)) {
      const record = message(`d${n}`)
      journal.append(record, (_, seq) => void journal.addDeadLetter(letterOf(seq, record.device, record.topic, record.payload)))
    }
    time.advance()
    assert.deepEqual([log.reads, log.letterWrites], [0, [100]])
    await journal.close()
  })

  it('takes the oldest letters away in steps, not one by one', async () => {
    const [time, log] = [new FakeTime(), new CountingLog()]
    const journal = openMemoryJournal({ ...time, log, deadLetters: { count: 100 } })
    sendBad(createIngest({ journal, now: time.now, lost: assert.fail }), flood)
    time.advance()
    assert.ok(log.lookups <= 6, `${log.lookups} look-ups of the oldest letter`)
    assert.equal((await journal.deadLetters({ limit: 1000 })).items.length, 100)
    await journal.close()
  })

  it('of one consumer’s exhausted deliveries shares a transaction too', async () => {
    const [time, log] = [new FakeTime(), new CountingLog()]
    const journal = openMemoryJournal({ ...time, log })
    const spec = { name: 'c', ack: 'flow', maxDeliveries: 1, ackTimeoutMs: 1000, start: 'earliest' } as const
    const consumer = await journal.consume(spec, { deliver() {} })
    for (const n of range(1, 200)) journal.append(message(`d${n}`), () => {})
    time.advance(1000)
    assert.deepEqual([log.letterWrites, consumer.state().cursor], [[200], 200])
    await journal.close()
  })

  for (const ack of ['flow', 'delivery'] as const)
    it(`that cannot be written leaves its records open: they come again (${ack})`, async () => {
      const [time, log] = [new FakeTime(), new CountingLog()]
      const journal = openMemoryJournal({ ...time, log })
      const got: number[] = []
      const ended: Promise<unknown>[] = []
      const consumer: Consumer = await journal.consume(
        { name: 'c', ack, ackTimeoutMs: 1000, start: 'earliest' },
        {
          deliver(records) {
            const seqs = records.map(({ seq }) => seq)
            got.push(...seqs)
            ended.push(consumer.deadletter(seqs, { code: 'X', message: 'y' }).catch(error => error.code))
          },
        },
      )
      log.failing = true
      for (const n of range(1, 2)) journal.append(message(`d${n}`), () => {})
      time.advance()
      assert.deepEqual([got, consumer.state().cursor, consumer.state().inFlight], [[1, 2], 0, 2])
      log.failing = false
      time.advance(1000)
      assert.deepEqual(await Promise.all(ended), ['JOURNAL_FAILED', undefined])
      assert.deepEqual([got, consumer.state().cursor, log.letterWrites], [[1, 2, 1, 2], 2, [2]])
      await journal.close()
    })

  it('syncs the file of letters a few times', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'letter-flood-'))
    const time = new FakeTime()
    let journal: JournalPort | undefined
    try {
      journal = await openSqliteJournal({ ...time, folder, reserveBytes: 0, minFreeBytes: 0 })
      const before = commitsIn(join(folder, 'meta.db-wal'))
      // Few enough that the write-ahead file holds all of them: it would be checkpointed at 500 pages.
      sendBad(createIngest({ journal, now: time.now, lost: assert.fail }), 300)
      time.advance()
      assert.equal((await journal.deadLetters({ limit: 1 })).items[0]?.id, 300)
      assert.equal(commitsIn(join(folder, 'meta.db-wal')) - before, 1)
    } finally {
      await journal?.close()
      await rm(folder, { recursive: true, force: true })
    }
  })
})
