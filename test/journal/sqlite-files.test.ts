import assert from 'node:assert/strict'
import {
  existsSync,
  openSync,
  closeSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Journal } from '../../src/journal/journal.ts'
import type { JournalEvent } from '../../src/journal/journal-event.ts'
import { openSqliteJournal } from '../../src/stores/sqlite/journal.ts'
import { SqliteSegments } from '../../src/stores/sqlite/journal-segments.ts'
import { FakeTime } from './fake-time.ts'
import { appendAll, collector, message, numbered, range } from './records.ts'
import { mountVolume, remountReadOnly, unmountVolume } from './volume.ts'

describe('journal files', () => {
  let folder: string
  let time: FakeTime
  let events: JournalEvent[]
  let opened: Journal[]
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'journal-files-'))
    time = new FakeTime()
    events = []
    opened = []
  })
  afterEach(async () => {
    for (const journal of opened) await journal.close().catch(() => {})
    await rm(folder, { recursive: true, force: true })
  })
  const open = async (o: Partial<Parameters<typeof openSqliteJournal>[0]> = {}): Promise<Journal> => {
    const { now, clock, schedule } = time
    const journal = await openSqliteJournal({
      folder,
      now,
      clock,
      schedule,
      reserveBytes: 0,
      minFreeBytes: 0,
      maxBytes: 1024 ** 3,
      segmentBytes: 65_536,
      onEvent: event => events.push(event),
      ...o,
    })
    opened.push(journal)
    return journal
  }
  const write = (journal: Journal, count: number, bytes = 5000): void => {
    for (let i = 0; i < count; i++) {
      appendAll(journal, [message('d', 'x'.repeat(bytes))])
      time.advance(1)
    }
  }
  const segments = (): string[] =>
    readdirSync(folder)
      .filter(name => /^\d+\.db$/.test(name))
      .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
  /** The folder as a crash would leave it: copied while the journal is open. */
  const crash = async (): Promise<void> => {
    const copy = `${folder}-copy`
    await cp(folder, copy, { recursive: true })
    for (const journal of opened.splice(0)) await journal.close()
    await rm(folder, { recursive: true })
    await cp(copy, folder, { recursive: true })
    await rm(copy, { recursive: true })
  }
  const scribble = (name: string, from: number, bytes: number): void => {
    const handle = openSync(join(folder, name), 'r+')
    writeSync(handle, Buffer.alloc(bytes, 0xa5), 0, bytes, from)
    closeSync(handle)
  }
  const corruptEvents = () => events.filter(event => event.type === 'corrupt')

  it('are written with synchronous=FULL in WAL mode, in every open segment', () => {
    const log = new SqliteSegments({ folder, segmentBytes: 65_536, now: time.now, unclean: false })
    const row = { at: 1, kind: 1, device: 'd', topic: 't', qos: 1, flags: 0, props: '{}', payload: Buffer.alloc(10) }
    for (const seq of range(1, 6)) {
      log.append([{ ...row, seq }])
      log.roll(seq + 1, 1, 1)
    }
    for (const seq of range(1, 6)) assert.equal(log.read(seq, 1, 1)[0]?.seq, seq)
    const settings = log.settings()
    assert.equal(settings.length, 5)
    for (const { synchronous, journalMode, autocheckpoint } of settings)
      assert.deepEqual([synchronous, journalMode, autocheckpoint], [2, 'wal', 4000])
    log.close()
  })

  it('begin a new segment at their size or after 24 h, named by its first seq, private to their owner', async () => {
    const journal = await open()
    write(journal, 30)
    assert.ok(segments().length > 2)
    const before = segments().length
    time.advance(86_400_000)
    write(journal, 1)
    assert.equal(segments().length, before + 1)
    const name = segments().at(-1)!
    assert.equal(name, '31.db')
    for (const each of readdirSync(folder)) assert.equal(statSync(join(folder, each)).mode & 0o777, 0o600, each)
    const db = new DatabaseSync(join(folder, name), { readOnly: true })
    assert.deepEqual(
      db
        .prepare("SELECT name FROM pragma_table_info('records')")
        .all()
        .map(row => row.name),
      ['seq', 'at', 'kind', 'device', 'topic', 'qos', 'flags', 'props', 'payload'],
    )
    assert.deepEqual(db.prepare("SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'records'").all(), [])
    db.close()
    assert.equal(
      journal.metrics().diskBytes,
      readdirSync(folder)
        .filter(each => /^\d+\.db(-wal)?$/.test(each))
        .reduce((sum, each) => sum + statSync(join(folder, each)).size, 0),
    )
  })

  it('are complete after a crash, without any repair', async () => {
    const journal = await open()
    await journal.consume({ name: 'c', start: 'earliest' }, collector())
    write(journal, 30)
    await crash()
    const again = await open()
    assert.deepEqual(
      (await again.read({ from: 1, limit: 100 })).map(({ seq }) => seq),
      range(1, 30),
    )
    assert.deepEqual(events, [])
  })

  it('lose only what was never committed when the write-ahead file is torn', async () => {
    const journal = await open({ segmentBytes: 1024 ** 2 })
    write(journal, 10)
    await crash()
    const wal = join(folder, '1.db-wal')
    truncateSync(wal, statSync(wal).size - 5000)
    const again = await open()
    const seqs = (await again.read({ from: 1, limit: 100 })).map(({ seq }) => seq)
    assert.deepEqual(seqs, range(1, 9))
    assert.deepEqual(corruptEvents(), [])
    write(again, 1)
    assert.equal(again.metrics().headSeq, 10)
  })

  it('of which the active one is damaged after an unclean stop: set aside, readable rows kept, seqs never given out twice', async () => {
    const journal = await open({ segmentBytes: 4 * 1024 ** 2 })
    const seen = collector()
    await journal.consume({ name: 'c', start: 'earliest', ack: 'flow' }, seen)
    appendAll(
      journal,
      numbered(2000).map(record => ({ ...record, payload: Buffer.alloc(300, 1) })),
    )
    time.advance(300)
    await journal.close()
    opened.pop()
    // Back to what a kill would leave: the mark of an orderly stop is gone.
    const meta = new DatabaseSync(join(folder, 'meta.db'))
    meta.exec('UPDATE stops SET orderly = 0')
    meta.close()
    scribble('1.db', 4096 * 60, 4096 * 3)
    const damaged = readFileSync(join(folder, '1.db'))

    const again = await open({ segmentBytes: 4 * 1024 ** 2 })
    const [event] = corruptEvents()
    assert.ok(event?.type === 'corrupt')
    assert.equal(event.file, '1.db.corrupt')
    assert.ok(event.kept > 1900 && event.kept < 2000, `kept ${event.kept}`)
    assert.deepEqual(readFileSync(join(folder, '1.db.corrupt')), damaged)
    const kept = (await again.read({ from: 1, limit: 5000 })).map(({ seq }) => seq)
    assert.equal(kept.length, event.kept)
    write(again, 1)
    const head = again.metrics().headSeq
    assert.ok(head > 2000)
    const lost = event.lost.flatMap(({ from, to }) => range(from, Math.min(to, 2000)))
    assert.deepEqual(
      [...kept, ...lost].sort((a, b) => a - b),
      range(1, 2000),
    )

    const late = collector()
    const consumer = await again.consume({ name: 'c', start: 'earliest', window: 5000 }, late)
    time.advance()
    assert.deepEqual(late.seqs(), [...kept, head])
    assert.deepEqual(
      late.gaps.map(({ from, to, reason }) => ({ from, to, reason })),
      event.lost.map(lost => ({ ...lost, reason: 'corrupt' })),
    )
    assert.equal(consumer.state().lag, 0)
    await again.close()
    opened.pop()
    events = []
    const third = await open({ segmentBytes: 4 * 1024 ** 2 })
    assert.equal(third.metrics().headSeq, head)
    assert.deepEqual(events, [])
  })

  it('of which the active one is damaged beside a full write-ahead file: its rows are kept, and it is not played into the new file', async () => {
    const small = (count: number) => numbered(count).map(record => ({ ...record, payload: Buffer.alloc(300, 1) }))
    const first = await open({ segmentBytes: 4 * 1024 ** 2 })
    appendAll(first, small(1000))
    time.advance(300)
    await first.close()
    opened.pop()
    const second = await open({ segmentBytes: 4 * 1024 ** 2 })
    appendAll(second, small(500))
    time.advance(300)
    await crash()
    scribble('1.db', 4096 * 30, 4096 * 2)
    const again = await open({ segmentBytes: 4 * 1024 ** 2 })
    const [event] = corruptEvents()
    assert.ok(event?.type === 'corrupt' && event.kept > 1450 && event.kept < 1500)
    assert.ok(existsSync(join(folder, '1.db.corrupt-wal')))
    const kept = (await again.read({ from: 1, limit: 5000 })).map(({ seq }) => seq)
    assert.deepEqual(kept.slice(-500), range(1001, 1500))
    assert.equal(kept.length, event.kept)
    const db = new DatabaseSync(join(folder, '1.db'), { readOnly: true })
    assert.deepEqual({ ...db.prepare('PRAGMA quick_check').get() }, { quick_check: 'ok' })
    db.close()
  })

  for (const [what, damage] of [
    ['overwritten from the start', (name: string) => scribble(name, 0, 8192)],
    ['cut to nothing', (name: string) => truncateSync(join(folder, name), 0)],
    ['cut in the middle of a page', (name: string) => truncateSync(join(folder, name), 10_000)],
  ] as const) {
    it(`of which the active one is ${what}: the rest serves, and no seq is given out twice`, async () => {
      const journal = await open()
      await journal.consume({ name: 'c', start: 'earliest' }, collector())
      write(journal, 30)
      await journal.close()
      opened.pop()
      const active = segments().at(-1)!
      damage(active)
      const again = await open()
      const first = Number.parseInt(active, 10)
      const kept = (await again.read({ from: 1, limit: 100 })).map(({ seq }) => seq)
      assert.deepEqual(kept.slice(0, first - 1), range(1, first - 1))
      write(again, 1)
      assert.ok(again.metrics().headSeq > 30)
      assert.equal(corruptEvents().length, 1)
      assert.ok(existsSync(join(folder, `${active}.corrupt`)))
    })
  }

  it('of which the active one turns out damaged while writing: nothing is acknowledged, and the next record goes to a new file', async () => {
    let error: Error | undefined
    const journal = await open({
      beforeCommit: () => {
        if (error) throw error
      },
    })
    const seen = collector()
    await journal.consume({ name: 'c', start: 'earliest' }, seen)
    write(journal, 5)
    error = Object.assign(new Error('database disk image is malformed'), { errcode: 11 })
    const lost = appendAll(journal, numbered(2))
    time.advance(100)
    assert.deepEqual(
      lost.map(({ error }) => error?.code),
      ['JOURNAL_CORRUPT', 'JOURNAL_CORRUPT'],
    )
    error = undefined
    const kept = appendAll(journal, numbered(1))
    time.advance(100)
    assert.deepEqual([kept[0]?.error, corruptEvents().length], [undefined, 1])
    assert.ok(kept[0]!.seq > 5)
    assert.deepEqual(seen.seqs(), [...range(1, 5), kept[0]!.seq])
    assert.deepEqual(seen.gaps, [{ from: 6, to: kept[0]!.seq - 1, reason: 'corrupt' }])
    assert.deepEqual(
      (await journal.read({ from: 1, limit: 10 })).map(({ seq }) => seq),
      seen.seqs(),
    )
  })

  it('of which a sealed one is found damaged while reading: consumers get the rest and hear of the hole', async () => {
    const journal = await open()
    for (let i = 0; i < 60; i++) {
      appendAll(
        journal,
        numbered(10).map(record => ({ ...record, payload: Buffer.alloc(300) })),
      )
      time.advance(1)
    }
    await journal.close()
    opened.pop()
    const sealed = segments()[1]!
    const [from, to] = [Number.parseInt(sealed, 10), Number.parseInt(segments()[2]!, 10) - 1]
    const size = statSync(join(folder, sealed)).size
    scribble(sealed, 4096 * 5, 4096 * 4)
    assert.equal(statSync(join(folder, sealed)).size, size)
    const again = await open()
    const seen = collector()
    await again.consume({ name: 'c', start: 'earliest' }, seen)
    time.advance()
    assert.equal(corruptEvents().length, 1)
    assert.ok(seen.gaps.length > 0)
    const missing = seen.gaps.flatMap(gap => range(gap.from, gap.to))
    assert.ok(missing.every(seq => seq >= from && seq <= to))
    assert.deepEqual(
      [...seen.seqs(), ...missing].sort((a, b) => a - b),
      range(1, 600),
    )
    assert.ok(seen.gaps.every(({ reason }) => reason === 'corrupt'))
  })

  it('whose meta.db is damaged: consumers start at the oldest record, so that they repeat and do not miss', async () => {
    const journal = await open()
    await journal.consume({ name: 'c' }, collector())
    write(journal, 20)
    await journal.close()
    opened.pop()
    writeFileSync(join(folder, 'meta.db'), Buffer.alloc(8192, 0xa5))
    const again = await open()
    const seen = collector()
    await again.consume({ name: 'c' }, seen)
    time.advance()
    assert.deepEqual(seen.seqs(), range(1, 20))
    assert.deepEqual(
      corruptEvents().map(event => event.type === 'corrupt' && event.file),
      ['meta.db.corrupt'],
    )
  })

  it('of a repair that a crash cut off between its renames are put in place at the next start', async () => {
    const journal = await open()
    write(journal, 3)
    await journal.close()
    opened.pop()
    await cp(join(folder, '1.db'), join(folder, '1.db.tmp'))
    await cp(join(folder, '1.db'), join(folder, '1.db.corrupt'))
    await rm(join(folder, '1.db'))
    await cp(join(folder, '1.db.tmp'), join(folder, '99.db.new'))
    const again = await open()
    assert.deepEqual(
      (await again.read({ from: 1, limit: 10 })).map(({ seq }) => seq),
      [1, 2, 3],
    )
    assert.deepEqual(
      readdirSync(folder).filter(name => /tmp|new/.test(name)),
      [],
    )
  })

  it('that vanish do not lead to seqs a consumer has seen already', async () => {
    const journal = await open()
    await journal.consume({ name: 'c', start: 'earliest' }, collector())
    write(journal, 5)
    await journal.close()
    opened.pop()
    for (const name of segments()) await rm(join(folder, name))
    const again = await open()
    const seen = collector()
    await again.consume({ name: 'c' }, seen)
    write(again, 1)
    assert.deepEqual(seen.seqs(), [6])
  })

  it('that cannot be written give STORE_READ_ONLY, new and old', async function () {
    const mount = join(folder, 'volume')
    await mkdir(mount)
    const refusal = mountVolume(mount, 'size=8m')
    if (refusal) {
      console.log(`      skipped: a volume cannot be mounted here (${refusal})`)
      this.skip()
    }
    try {
      await (await open({ folder: join(mount, 'old') })).close()
      remountReadOnly(mount)
      for (const name of ['old', 'new'])
        await assert.rejects(open({ folder: join(mount, name) }), (error: any) => error.code === 'STORE_READ_ONLY')
    } finally {
      unmountVolume(mount)
    }
  })
})
