import assert from 'node:assert/strict'
import type { JournalEvent } from '../../src/journal/journal-event.ts'
import type { JournalOptions } from '../../src/journal/journal.ts'
import { flags, type JournalPort, kinds, replayFor } from '../../src/journal/journal-port.ts'
import { FakeTime } from '../journal/fake-time.ts'
import { appendAll, collector, message, numbered, props, range } from '../journal/records.ts'

export interface JournalSubject {
  /** Opens over the same content each time; `o` overrides small test limits. */
  open(time: FakeTime, events: JournalEvent[], o: Partial<JournalOptions>): Promise<JournalPort>
  /** Removes the content. */
  dispose(): Promise<void>
}

const code = (wanted: string) => (error: unknown) => (error as { code?: string }).code === wanted
const day = 86_400_000

/** What every journal must do, with time in the test's hands. `make` gives a fresh, empty content. */
export function journalContract(name: string, make: () => Promise<JournalSubject>): void {
  describe(`journal on ${name}`, () => {
    let time: FakeTime
    let subject: JournalSubject
    let journal: JournalPort
    let events: JournalEvent[]
    const reopen = async (o: Partial<JournalOptions> = {}): Promise<void> => {
      await journal.close()
      journal = await subject.open(time, events, o)
    }
    const start = async (o: Partial<JournalOptions>): Promise<void> => {
      await journal.close()
      await subject.dispose()
      subject = await make()
      events = []
      journal = await subject.open(time, events, o)
    }
    const write = (count: number, device = 'd1'): void => {
      const outcomes = appendAll(journal, numbered(count, device))
      time.advance()
      assert.equal(outcomes.filter(({ error }) => !error).length, count)
    }
    const typesOf = (): string[] => events.map(({ type }) => type)

    beforeEach(async () => {
      time = new FakeTime()
      subject = await make()
      events = []
      journal = await subject.open(time, events, {})
    })
    afterEach(async () => {
      await journal.close()
      await subject.dispose()
    })

    describe('append', () => {
      it('numbers records from 1 without holes and calls back in order, after the commit', () => {
        const outcomes = appendAll(journal, numbered(2500))
        assert.equal(outcomes.length, 0)
        assert.equal(journal.metrics().pending, 2500)
        time.advance(100)
        assert.deepEqual(
          outcomes.map(({ seq }) => seq),
          range(1, 2500),
        )
        const { appended, commits, headSeq, oldestSeq, pending, pendingBytes, state } = journal.metrics()
        assert.deepEqual(
          { appended, headSeq, oldestSeq, pending, pendingBytes, state },
          { appended: 2500, headSeq: 2500, oldestSeq: 1, pending: 0, pendingBytes: 0, state: 'ok' },
        )
        assert.equal(commits, 3)
      })

      it('keeps a transaction below 1 MiB, but writes a record of any size', () => {
        const big = Buffer.alloc(700_000)
        const outcomes = appendAll(
          journal,
          [1, 2, 3].map(() => message('d', '', { payload: big })),
        )
        time.advance(100)
        assert.equal(outcomes.length, 3)
        assert.equal(journal.metrics().commits, 3)
      })

      it('keeps every field', async () => {
        const whole = message('d1', 'body', {
          kind: kinds.twin,
          qos: 2,
          flags: flags.will | flags.dup,
          props: { v: 1, p: { a: 'ü' }, s: { b: '2' }, e: { stream: 's', seq: 7 } },
        })
        appendAll(journal, [whole])
        time.advance()
        await reopen()
        const [record] = await journal.read({ from: 1, limit: 10 })
        assert.deepEqual({ ...record, payload: Buffer.from(record!.payload) }, { ...whole, seq: 1, at: record!.at })
      })

      it('never lets `at` decrease when the clock jumps back, not even over a restart', async () => {
        write(1)
        time.jump(-3_600_000)
        write(1)
        await reopen()
        write(1)
        time.jump(7_200_000)
        write(1)
        const at = (await journal.read({ from: 1, limit: 10 })).map(record => record.at)
        assert.equal(at[0], at[1])
        assert.equal(at[1], at[2])
        assert.equal(at[3], time.now())
      })

      it('goes on with the next seq after a restart', async () => {
        write(3)
        await reopen()
        write(2)
        assert.deepEqual(
          (await journal.read({ from: 0, limit: 10 })).map(({ seq }) => seq),
          range(1, 5),
        )
      })

      it('stores a record with a known idempotency key once, and answers with the first seq', async () => {
        const keyed = (text: string) => message('d', text, { idempotencyKey: `key-${text}` })
        const first = appendAll(journal, [keyed('a'), keyed('b'), keyed('a')])
        time.advance()
        assert.deepEqual(
          first.map(({ seq }) => seq),
          [1, 2, 1],
        )
        await reopen()
        const second = appendAll(journal, [message('d', 'c'), keyed('b')])
        time.advance()
        assert.deepEqual(
          second.map(({ seq }) => seq),
          [3, 2],
        )
        assert.equal(journal.metrics().headSeq, 3)
      })

      it('fails exactly the records of a commit that is held and then fails; the next one gets their seq', async () => {
        const held: { resolve(): void; reject(error: Error): void }[] = []
        await start({ hold: () => new Promise<void>((resolve, reject) => held.push({ resolve, reject })) })
        const lost = appendAll(journal, numbered(3))
        time.advance(1000)
        const kept = appendAll(journal, numbered(2))
        time.advance(1000)
        assert.equal(lost.length, 0)
        held[0]!.reject(new Error('the disk is gone'))
        await new Promise(setImmediate)
        assert.deepEqual(
          lost.map(({ error }) => error?.code),
          ['JOURNAL_FAILED', 'JOURNAL_FAILED', 'JOURNAL_FAILED'],
        )
        assert.equal(kept.length, 0)
        time.advance(1000)
        held[1]!.resolve()
        await new Promise(setImmediate)
        assert.deepEqual(kept, [
          { error: undefined, seq: 1 },
          { error: undefined, seq: 2 },
        ])
        assert.deepEqual(
          (await journal.read({ from: 1, limit: 10 })).map(({ payload }) => String(Buffer.from(payload))),
          ['1', '2'],
        )
      })

      it('refuses what would wait beyond its bound, in order', async () => {
        await start({ maxPendingBytes: 1000 })
        const outcomes = appendAll(journal, [message('d', 'x'.repeat(500)), message('d', 'y'.repeat(600)), message('d', 'z')])
        time.advance()
        assert.deepEqual(
          outcomes.map(({ error, seq }) => error?.code ?? seq),
          [1, 'JOURNAL_FULL', 2],
        )
      })

      it('reports a callback that throws and calls the others', () => {
        let called = 0
        journal.append(message('d'), () => {
          throw new TypeError('mine')
        })
        journal.append(message('d'), () => called++)
        time.advance()
        assert.equal(called, 1)
        assert.deepEqual(typesOf(), ['fault'])
      })

      it('commits what waits when it closes, and refuses what comes later with JOURNAL_CLOSED', async () => {
        const before = appendAll(journal, numbered(2))
        await journal.close()
        assert.deepEqual(
          before.map(({ seq }) => seq),
          [1, 2],
        )
        const after = appendAll(journal, numbered(1))
        assert.equal(after.length, 0)
        time.advance()
        assert.equal(after[0]?.error?.code, 'JOURNAL_CLOSED')
        await assert.rejects(journal.consume({ name: 'c' }, collector()), code('JOURNAL_CLOSED'))
      })
    })

    describe('consumers', () => {
      it('start at the head, at the oldest, at a time or at a seq', async () => {
        write(5)
        time.advance(1000)
        const from = time.now()
        write(5)
        const starts = [undefined, 'latest', 'earliest', { seq: 4 }, { time: from }, { time: 0 }, { seq: 99 }] as const
        const seen = await Promise.all(
          starts.map(async (begin, i) => {
            const events = collector()
            await journal.consume({ name: `c${i}`, ...(begin && { start: begin }) }, events)
            return events
          }),
        )
        write(1)
        assert.deepEqual(
          seen.map(events => events.seqs()[0]),
          [11, 11, 1, 4, 6, 1, 11],
        )
        assert.ok(seen.every(events => events.seqs().at(-1) === 11))
      })

      it('of mode `delivery` are acknowledged when deliver has returned', async () => {
        const events = collector()
        const consumer = await journal.consume({ name: 'c', start: 'earliest' }, events)
        write(600)
        assert.deepEqual(events.seqs(), range(1, 600))
        assert.ok(events.batches.every(batch => batch.length <= 256))
        assert.deepEqual(
          { cursor: consumer.state().cursor, inFlight: consumer.state().inFlight, lag: consumer.state().lag },
          { cursor: 600, inFlight: 0, lag: 0 },
        )
      })

      it('of mode `flow` get a window of records; the cursor moves over the unbroken run of acknowledgements', async () => {
        const events = collector()
        const consumer = await journal.consume({ name: 'c', ack: 'flow', window: 4, start: 'earliest' }, events)
        write(10)
        assert.deepEqual(events.seqs(), [1, 2, 3, 4])
        consumer.ack([2, 3, 99])
        time.advance()
        assert.deepEqual(events.seqs(), [1, 2, 3, 4, 5, 6])
        assert.equal(consumer.state().cursor, 0)
        consumer.ack([1, 1])
        assert.equal(consumer.state().cursor, 3)
      })

      it('hold at most their window of bytes, but take a record of any size', async () => {
        const events = collector()
        const consumer = await journal.consume({ name: 'c', ack: 'flow', windowBytes: 1000, start: 'earliest' }, events)
        appendAll(journal, [message('d', 'x'.repeat(5000)), message('d', 'y')])
        time.advance()
        assert.deepEqual(events.seqs(), [1])
        consumer.ack([1])
        time.advance()
        assert.deepEqual(events.seqs(), [1, 2])
      })

      it('get a record again after the time to acknowledge it, and a dead letter after the last delivery', async () => {
        const events = collector()
        await journal.consume({ name: 'c', ack: 'flow', ackTimeoutMs: 1000, maxDeliveries: 3, start: 'earliest' }, events)
        write(1)
        time.advance(10_000)
        assert.deepEqual(
          events.got.map(({ seq, deliveries }) => [seq, deliveries]),
          [
            [1, 1],
            [1, 2],
            [1, 3],
          ],
        )
        const { items } = await journal.deadLetters({ limit: 10 })
        assert.deepEqual(
          items.map(({ reason, code, consumer, jseq, stage, tries, state, device }) => ({
            reason,
            code,
            consumer,
            jseq,
            stage,
            tries,
            state,
            device,
          })),
          [
            {
              reason: 'deliveries',
              code: 'DELIVERY_EXHAUSTED',
              consumer: 'c',
              jseq: 1,
              stage: 'flow',
              tries: 3,
              state: 'open',
              device: 'd1',
            },
          ],
        )
        const [state] = journal.metrics().consumers
        assert.deepEqual([state?.cursor, state?.dead, state?.redelivered], [1, 1, 2])
      })

      it('can ask for a record again after a delay', async () => {
        const events = collector()
        const consumer = await journal.consume({ name: 'c', ack: 'flow', start: 'earliest' }, events)
        write(2)
        consumer.retry([1], 500)
        time.advance(499)
        assert.deepEqual(events.seqs(), [1, 2])
        time.advance(1)
        assert.deepEqual(
          events.got.map(({ seq, deliveries }) => [seq, deliveries]),
          [
            [1, 1],
            [2, 1],
            [1, 2],
          ],
        )
      })

      it('can end a record as a dead letter, which counts as acknowledged', async () => {
        const consumer = await journal.consume({ name: 'c', ack: 'flow', start: 'earliest' }, collector())
        write(2)
        await consumer.deadletter([1], { code: 'READING_VALUES', message: 'no object', node: 'n1' })
        assert.equal(consumer.state().cursor, 1)
        const [letter] = (await journal.deadLetters({ limit: 1 })).items
        assert.deepEqual(
          [letter?.reason, letter?.code, letter?.node, String(Buffer.from(letter!.payload))],
          ['flow', 'READING_VALUES', 'n1', '1'],
        )
        assert.deepEqual(typesOf(), ['deadletter'])
      })

      it('with strictOrder hold the later records of a device, not those of others', async () => {
        const events = collector()
        const consumer = await journal.consume({ name: 'c', ack: 'flow', strictOrder: true, start: 'earliest' }, events)
        appendAll(
          journal,
          ['a', 'a', 'b', 'a', 'b', ''].map(device => message(device)),
        )
        time.advance()
        assert.deepEqual(events.seqs(), [1, 3, 6])
        consumer.ack([2])
        time.advance()
        assert.deepEqual(events.seqs(), [1, 3, 6])
        consumer.ack([1])
        time.advance()
        assert.deepEqual(events.seqs(), [1, 3, 6, 2])
        consumer.ack([3, 2])
        time.advance()
        assert.deepEqual(events.seqs(), [1, 3, 6, 2, 4, 5])
        assert.equal(consumer.state().cursor, 3)
      })

      it('see only what their filter names; the cursor passes over the rest', async () => {
        const filters = {
          all: {},
          empty: { devices: [], topics: [], streams: [], kinds: [] },
          devices: { devices: ['a'] },
          topics: { topics: ['devices/+/events', 'exact/topic'] },
          streams: { streams: ['s1', ''] },
          kinds: { kinds: [kinds.lifecycle] },
          both: { devices: ['a'], streams: ['s1'] },
        }
        const seen = Object.entries(filters).map(([name, filter]) => ({ name, filter, events: collector() }))
        const consumers = await Promise.all(
          seen.map(({ name, filter, events }) => journal.consume({ name, filter, start: 'earliest' }, events)),
        )
        appendAll(journal, [
          message('a', '1', { props: props({ stream: 's1' }) }),
          message('b', '2', { topic: 'devices/b/events', kind: kinds.injected }),
          message('a', '3', { topic: 'exact/topic', props: props({ stream: 's2' }) }),
          message('a', '4', { kind: kinds.lifecycle }),
        ])
        time.advance()
        const got = Object.fromEntries(seen.map(({ name, events }) => [name, events.seqs()]))
        assert.deepEqual(got, {
          all: [1, 2, 3],
          empty: [1, 2, 3],
          devices: [1, 3],
          topics: [2, 3],
          streams: [1, 2],
          kinds: [4],
          both: [1],
        })
        assert.ok(consumers.every(consumer => consumer.state().cursor === 4))
        await assert.rejects(
          journal.consume({ name: 'bad', filter: { topics: ['a/#/b'] } }, collector()),
          code('REQUEST_INVALID'),
        )
      })

      it('filter the same when they read from the files', async () => {
        write(3, 'a')
        appendAll(journal, [
          message('a', 'x', { props: props({ stream: 's' }) }),
          message('b', 'y', { props: props({ stream: 's' }) }),
        ])
        time.advance()
        await reopen()
        const events = collector()
        await journal.consume({ name: 'c', start: 'earliest', filter: { devices: ['a'], streams: ['s'] } }, events)
        time.advance()
        assert.deepEqual(events.seqs(), [4])
        assert.deepEqual(events.got[0]?.props, props({ stream: 's' }))
      })

      it('are never called from inside a call, and never from append or ack', async () => {
        let depth = 0
        let deepest = 0
        const later: (() => void)[] = []
        const consumer = await journal.consume(
          { name: 'c', ack: 'flow', window: 2, start: 'earliest' },
          {
            deliver(records) {
              deepest = Math.max(deepest, ++depth)
              consumer.ack(records.map(({ seq }) => seq))
              if (records[0]!.seq < 10) journal.append(message('d'), () => {})
              consumer.retry([1], 0)
              later.push(() => consumer.pause(false))
              depth--
            },
          },
        )
        write(5)
        for (const each of later) each()
        time.advance(100)
        assert.equal(deepest, 1)
        assert.equal(consumer.state().lag, 0)
      })

      it('that throw get the same records again, and a dead letter in the end', async () => {
        let calls = 0
        const consumer = await journal.consume(
          { name: 'c', start: 'earliest', maxDeliveries: 2 },
          {
            deliver() {
              calls++
              throw new TypeError('mine')
            },
          },
        )
        write(1)
        time.advance(5000)
        assert.equal(calls, 2)
        assert.equal(consumer.state().dead, 1)
        assert.deepEqual(typesOf(), ['fault', 'fault', 'deadletter'])
      })

      it('get nothing while paused', async () => {
        const events = collector()
        const consumer = await journal.consume({ name: 'c', ack: 'flow', ackTimeoutMs: 100, start: 'earliest' }, events)
        consumer.pause(true)
        write(2)
        time.advance(10_000)
        assert.equal(events.got.length, 0)
        consumer.pause(false)
        time.advance()
        assert.deepEqual(events.seqs(), [1, 2])
        consumer.pause(true)
        time.advance(1000)
        assert.equal(events.got.length, 2)
      })

      it('go on after their cursor when they come back, here and after a restart', async () => {
        const first = await journal.consume({ name: 'c', ack: 'flow', start: 'earliest' }, collector())
        write(5)
        first.ack([1, 2, 4])
        await first.close()
        const second = collector()
        const again = await journal.consume({ name: 'c', ack: 'flow', start: 'latest' }, second)
        time.advance()
        assert.deepEqual(second.seqs(), [3, 4, 5])
        again.ack([3])
        await reopen()
        const third = collector()
        await journal.consume({ name: 'c', ack: 'flow' }, third)
        time.advance()
        assert.deepEqual(third.seqs(), [4, 5])
      })

      it('of one name exist once: JOURNAL_CONSUMER_EXISTS until the first is closed', async () => {
        const first = await journal.consume({ name: 'c' }, collector())
        await assert.rejects(journal.consume({ name: 'c' }, collector()), code('JOURNAL_CONSUMER_EXISTS'))
        await assert.rejects(journal.forget('c'), code('JOURNAL_CONSUMER_EXISTS'))
        await first.close()
        await first.close()
        await (await journal.consume({ name: 'c' }, collector())).close()
      })

      it('are told apart from bad ones: REQUEST_INVALID', async () => {
        for (const spec of [{ name: '' }, { name: 'a/b' }, { name: 'c', window: 0 }, { name: 'c', ackTimeoutMs: Number.NaN }])
          await assert.rejects(journal.consume(spec, collector()), code('REQUEST_INVALID'))
      })

      it('that are forgotten begin anew', async () => {
        const consumer = await journal.consume({ name: 'c', start: 'earliest' }, collector())
        write(3)
        await consumer.close()
        await journal.forget('c')
        assert.deepEqual(journal.metrics().consumers, [])
        const events = collector()
        await journal.consume({ name: 'c', start: 'earliest' }, events)
        time.advance()
        assert.deepEqual(events.seqs(), [1, 2, 3])
      })

      it('start at the lowest of cursor and pins named like them', async () => {
        const consumer = await journal.consume({ name: 'c', start: 'earliest' }, collector())
        write(10)
        await journal.pin('c/window', 6)
        await journal.pin('c', 8)
        await journal.pin('cc/other', 1)
        await consumer.close()
        await reopen()
        const events = collector()
        const again = await journal.consume({ name: 'c' }, events)
        time.advance()
        assert.deepEqual(events.seqs(), [7, 8, 9, 10])
        await again.close()
        await journal.pin('c/window', undefined)
        const later = collector()
        await journal.consume({ name: 'c' }, later)
        time.advance()
        assert.deepEqual(later.seqs(), [9, 10])
      })

      it('far behind read the files in batches and lose nothing while new records come', async () => {
        write(6000)
        const events = collector()
        await journal.consume({ name: 'c', start: 'earliest' }, events)
        write(1000)
        time.advance(10)
        assert.deepEqual(events.seqs(), range(1, 7000))
      })

      it('write their cursors after 200 ms or 500 acknowledgements', async () => {
        await journal.consume({ name: 'c', start: 'earliest' }, collector())
        write(600)
        const cursor = async (): Promise<number> => {
          // Another journal over the same content sees what is durable; the first one is left as a crash would leave it.
          const other = await subject.open(new FakeTime(), [], {})
          const [state] = other.metrics().consumers
          await other.close()
          return state!.cursor
        }
        assert.ok((await cursor()) >= 500)
        time.advance(200)
        assert.equal(await cursor(), 600)
      })
    })

    describe('retention', () => {
      const small = { segmentBytes: 65_536, maxBytes: 4 * 1024 * 1024 }
      const fill = (count: number): void => {
        for (let i = 0; i < count; i++) {
          appendAll(journal, [message('d', 'x'.repeat(20_000))])
          time.advance(1)
        }
      }

      it('trims segments that are older than `keepMs` and below every cursor and pin', async () => {
        await start({ ...small, keepMs: day / 2 })
        const consumer = await journal.consume({ name: 'c', ack: 'flow', ackTimeoutMs: day, start: 'earliest' }, collector())
        fill(30)
        consumer.ack(range(1, 20))
        time.advance(day / 2 - 60_000)
        assert.equal(journal.metrics().oldestSeq, 1)
        await journal.pin('w', 8)
        time.advance(120_000)
        const held = journal.metrics().oldestSeq
        assert.ok(held > 1 && held <= 9, `oldest ${held}`)
        await journal.pin('w', undefined)
        time.advance(60_000)
        const free = journal.metrics().oldestSeq
        assert.ok(free > held && free <= 21, `oldest ${free}`)
        await assert.rejects(
          journal.read({ from: 1, limit: 1 }),
          (error: any) => error.code === 'JOURNAL_TRIMMED' && error.position === free,
        )
        assert.equal((await journal.read({ from: 0, limit: 1 }))[0]?.seq, free)
        for (const begin of [{ seq: 1 }, { time: time.now() - day }])
          await assert.rejects(journal.consume({ name: 'late', start: begin }, collector()), code('JOURNAL_TRIMMED'))
        await reopen({ ...small, keepMs: day / 2 })
        assert.equal(journal.metrics().oldestSeq, free)
      })

      it('calls a consumer stale after 7 days unseen; it holds nothing any more and hears of the gap', async () => {
        await start({ ...small, keepMs: 1000 })
        const consumer = await journal.consume({ name: 'c', start: 'earliest' }, collector())
        await consumer.close()
        await journal.pin('c/window', 0)
        fill(30)
        for (let i = 0; i < 7; i++) time.advance(day - 1000)
        assert.deepEqual(
          typesOf().filter(type => type === 'stale'),
          [],
        )
        assert.equal(journal.metrics().oldestSeq, 1)
        time.advance(60_000)
        assert.deepEqual(
          typesOf().filter(type => type === 'stale'),
          ['stale'],
        )
        time.advance(60_000)
        const oldest = journal.metrics().oldestSeq
        assert.ok(oldest > 20)
        const events = collector()
        const again = await journal.consume({ name: 'c' }, events)
        fill(1)
        assert.deepEqual(events.gaps, [{ from: 1, to: oldest - 1, reason: 'trimmed' }])
        assert.equal(events.seqs().at(-1), 31)
        assert.equal(again.state().gaps, 1)
      })

      it('waits ten minutes with retention after the clock leapt forward by more than a day', async () => {
        await start({ ...small, keepMs: 1000 })
        fill(30)
        time.advance(31_000)
        const before = journal.metrics().oldestSeq
        fill(30)
        time.jump(3 * day)
        time.advance(590_000)
        assert.equal(journal.metrics().oldestSeq, before)
        time.advance(60_000)
        assert.ok(journal.metrics().oldestSeq > before)
      })

      it('gives up segments nobody needs before it refuses anything', async () => {
        await start({ segmentBytes: 262_144, maxBytes: 1024 * 1024 })
        await journal.consume({ name: 'c', start: 'earliest' }, collector())
        fill(200)
        assert.equal(journal.metrics().headSeq, 200)
        assert.ok(journal.metrics().oldestSeq > 1)
        assert.ok(journal.metrics().diskBytes <= 1024 * 1024)
        assert.ok(events.every(event => event.type === 'trimmed' && event.reason === 'limit'))
      })

      it('with `block` refuses at its limit with JOURNAL_FULL until the consumer has caught up', async () => {
        await start({ segmentBytes: 262_144, maxBytes: 1024 * 1024, full: 'block' })
        const seen = collector()
        const consumer = await journal.consume({ name: 'c', ack: 'flow', window: 5, start: 'earliest' }, seen)
        fill(100)
        const { headSeq, diskBytes, state, pending } = journal.metrics()
        assert.ok(headSeq < 100 && headSeq > 20, `head ${headSeq}`)
        assert.ok(diskBytes <= 1024 * 1024)
        assert.deepEqual([state, pending], ['full', 0])
        const refused = appendAll(
          journal,
          numbered(1).map(record => ({ ...record, payload: Buffer.alloc(50_000) })),
        )
        time.advance()
        assert.equal(refused[0]?.error?.code, 'JOURNAL_FULL')
        for (let i = 0; i < 100 && consumer.state().cursor < headSeq; i++) {
          consumer.ack(seen.seqs())
          time.advance()
        }
        assert.deepEqual(seen.seqs(), range(1, headSeq))
        time.advance(2000)
        assert.equal(journal.metrics().state, 'ok')
        fill(1)
        assert.equal(journal.metrics().headSeq, headSeq + 1)
        assert.deepEqual(
          typesOf().filter(type => type !== 'trimmed'),
          ['full', 'recovered'],
        )
      })

      it('with `drop` removes the oldest segment and tells laggards what they missed', async () => {
        await start({ segmentBytes: 262_144, maxBytes: 1024 * 1024, full: 'drop' })
        const seen = collector()
        const consumer = await journal.consume({ name: 'c', ack: 'flow', window: 5, start: 'earliest' }, seen)
        fill(100)
        const { headSeq, oldestSeq, dropped, state } = journal.metrics()
        assert.deepEqual([headSeq, state], [100, 'ok'])
        assert.equal(dropped, oldestSeq - 1)
        assert.ok(oldestSeq > 6)
        for (let i = 0; i < 100 && consumer.state().cursor < 100; i++) {
          consumer.ack(seen.seqs())
          time.advance()
        }
        assert.deepEqual(seen.gaps, [{ from: 6, to: oldestSeq - 1, reason: 'dropped' }])
        assert.deepEqual(seen.seqs(), [...range(1, 5), ...range(oldestSeq, 100)])
        await reopen()
        const late = collector()
        await journal.pin('late', 0)
        await journal.consume({ name: 'late', start: 'earliest' }, late)
        time.advance()
        assert.equal(late.seqs()[0], oldestSeq)
      })
    })

    describe('dead letters', () => {
      const letter = (n: number, over = {}) => ({
        reason: 'undecodable',
        code: 'TELEMETRY_UNDECODABLE',
        message: `m${n}`,
        device: 'd1',
        topic: 't',
        properties: { n: String(n) },
        payload: Buffer.from(`p${n}`),
        stage: 'ingest',
        tries: 1,
        ...over,
      })

      it('are listed in pages, newest first, by state', async () => {
        const ids: number[] = []
        for (let n = 1; n <= 5; n++) ids.push(await journal.addDeadLetter(letter(n)))
        await reopen()
        const first = await journal.deadLetters({ limit: 2 })
        const second = await journal.deadLetters({ limit: 10, cursor: first.next! })
        assert.deepEqual(
          [...first.items, ...second.items].map(({ message }) => message),
          ['m5', 'm4', 'm3', 'm2', 'm1'],
        )
        assert.equal(second.next, undefined)
        const { payload, ...rest } = first.items[0]!
        assert.equal(String(Buffer.from(payload)), 'p5')
        assert.deepEqual(rest, {
          id: ids[4],
          at: time.now(),
          reason: 'undecodable',
          code: 'TELEMETRY_UNDECODABLE',
          message: 'm5',
          device: 'd1',
          topic: 't',
          properties: { n: '5' },
          stage: 'ingest',
          tries: 1,
          state: 'open',
        })
        await journal.discardDeadLetter(ids[0]!)
        assert.deepEqual(
          (await journal.deadLetters({ limit: 10, state: 'discarded' })).items.map(({ id }) => id),
          [ids[0]],
        )
        await assert.rejects(journal.discardDeadLetter(999), code('NOT_FOUND'))
        await assert.rejects(journal.replayDeadLetter(999), code('NOT_FOUND'))
        await assert.rejects(journal.deadLetters({ limit: 1, cursor: 'x' }), code('REQUEST_INVALID'))
      })

      it('go again to the consumer they name and to no other, with all of their properties', async () => {
        const [mine, other] = [collector(), collector()]
        const consumer = await journal.consume(
          { name: 'mine', ack: 'flow', start: 'earliest', filter: { kinds: [kinds.lifecycle] } },
          mine,
        )
        await journal.consume({ name: 'other', start: 'earliest' }, other)
        appendAll(journal, [message('d1', 'body', { kind: kinds.lifecycle, props: props({ stream: 's', time: 5 }, { a: 'b' }) })])
        time.advance()
        await consumer.deadletter([1], { code: 'X', message: 'y' })
        const [{ id }] = (await journal.deadLetters({ limit: 1 })).items as unknown as [{ id: number }]
        const replayed = journal.replayDeadLetter(id)
        time.advance()
        assert.deepEqual(await replayed, { seq: 2 })
        assert.deepEqual(mine.seqs(), [1, 2])
        assert.deepEqual(other.seqs(), [])
        const record = mine.got[1]!
        assert.deepEqual([record.kind, record.device, String(Buffer.from(record.payload))], [kinds.injected, 'd1', 'body'])
        assert.deepEqual(record.props, { v: 1, p: { a: 'b' }, s: { [replayFor]: 'mine' }, e: { stream: 's', time: 5 } })
        assert.equal((await journal.deadLetters({ limit: 1 })).items[0]?.state, 'replayed')
      })

      it('that name no consumer go to all, with the properties of their record', async () => {
        const events = collector()
        await journal.consume({ name: 'c' }, events)
        appendAll(journal, [message('d1', 'body', { props: props({ stream: 's' }) })])
        time.advance()
        const id = await journal.addDeadLetter(letter(1, { jseq: 1 }))
        const replayed = journal.replayDeadLetter(id)
        time.advance()
        await replayed
        assert.deepEqual(events.seqs(), [1, 2])
        assert.equal(events.got[1]?.props.e.stream, 's')
      })

      it('cannot be forged by a property: only the flag makes a record one consumer’s', async () => {
        const events = collector()
        await journal.consume({ name: 'c' }, events)
        appendAll(journal, [message('d', 'x', { props: { v: 1, p: {}, s: { [replayFor]: 'other' }, e: {} } })])
        time.advance()
        assert.deepEqual(events.seqs(), [1])
      })

      it('are kept 30 days, and up to a number and a size', async () => {
        await start({ deadLetters: { keepMs: 30 * day, count: 3, bytes: 2000 } })
        for (let n = 1; n <= 5; n++) await journal.addDeadLetter(letter(n))
        const messages = async () => (await journal.deadLetters({ limit: 10 })).items.map(({ message }) => message)
        assert.deepEqual(await messages(), ['m5', 'm4', 'm3'])
        await journal.addDeadLetter(letter(6, { payload: Buffer.alloc(1700) }))
        assert.deepEqual(await messages(), ['m6', 'm5'])
        time.advance(31 * day)
        assert.deepEqual(await messages(), [])
      })
    })
  })
}
