import assert from 'node:assert/strict'
import { kinds } from '../../src/journal/journal-port.ts'
import { FakeTime } from '../journal/fake-time.ts'
import { appendAll, collector, message, props, range } from '../journal/records.ts'
import { code, type JournalBench } from './journal-bench.ts'

export function journalConsumersContract(on: JournalBench): void {
  describe('consumers', () => {
    it('start at the head, at the oldest, at a time or at a seq', async () => {
      on.write(5)
      on.time.advance(1000)
      const from = on.time.now()
      on.write(5)
      const starts = [undefined, 'latest', 'earliest', { seq: 4 }, { time: from }, { time: 0 }, { seq: 99 }] as const
      const seen = await Promise.all(
        starts.map(async (begin, i) => {
          const events = collector()
          await on.journal.consume({ name: `c${i}`, ...(begin && { start: begin }) }, events)
          return events
        }),
      )
      on.write(1)
      assert.deepEqual(
        seen.map(events => events.seqs()[0]),
        [11, 11, 1, 4, 6, 1, 11],
      )
      assert.ok(seen.every(events => events.seqs().at(-1) === 11))
    })

    it('of mode `delivery` are acknowledged when deliver has returned', async () => {
      const events = collector()
      const consumer = await on.journal.consume({ name: 'c', start: 'earliest' }, events)
      on.write(600)
      assert.deepEqual(events.seqs(), range(1, 600))
      assert.ok(events.batches.every(batch => batch.length <= 256))
      assert.deepEqual(
        { cursor: consumer.state().cursor, inFlight: consumer.state().inFlight, lag: consumer.state().lag },
        { cursor: 600, inFlight: 0, lag: 0 },
      )
    })

    it('of mode `flow` get a window of records; the cursor moves over the unbroken run of acknowledgements', async () => {
      const events = collector()
      const consumer = await on.journal.consume({ name: 'c', ack: 'flow', window: 4, start: 'earliest' }, events)
      on.write(10)
      assert.deepEqual(events.seqs(), [1, 2, 3, 4])
      consumer.ack([2, 3, 99])
      on.time.advance()
      assert.deepEqual(events.seqs(), [1, 2, 3, 4, 5, 6])
      assert.equal(consumer.state().cursor, 0)
      consumer.ack([1, 1])
      assert.equal(consumer.state().cursor, 3)
    })

    it('hold at most their window of bytes, but take a record of any size', async () => {
      const events = collector()
      const consumer = await on.journal.consume({ name: 'c', ack: 'flow', windowBytes: 1000, start: 'earliest' }, events)
      appendAll(on.journal, [message('d', 'x'.repeat(5000)), message('d', 'y')])
      on.time.advance()
      assert.deepEqual(events.seqs(), [1])
      consumer.ack([1])
      on.time.advance()
      assert.deepEqual(events.seqs(), [1, 2])
    })

    it('get a record again after the time to acknowledge it, and a dead letter after the last delivery', async () => {
      const events = collector()
      await on.journal.consume({ name: 'c', ack: 'flow', ackTimeoutMs: 1000, maxDeliveries: 3, start: 'earliest' }, events)
      on.write(1)
      on.time.advance(10_000)
      assert.deepEqual(
        events.got.map(({ seq, deliveries }) => [seq, deliveries]),
        [
          [1, 1],
          [1, 2],
          [1, 3],
        ],
      )
      const { items } = await on.journal.deadLetters({ limit: 10 })
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
      const [state] = on.journal.metrics().consumers
      assert.deepEqual([state?.cursor, state?.dead, state?.redelivered], [1, 1, 2])
    })

    it('can ask for a record again after a delay', async () => {
      const events = collector()
      const consumer = await on.journal.consume({ name: 'c', ack: 'flow', start: 'earliest' }, events)
      on.write(2)
      consumer.retry([1], 500)
      on.time.advance(499)
      assert.deepEqual(events.seqs(), [1, 2])
      on.time.advance(1)
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
      const consumer = await on.journal.consume({ name: 'c', ack: 'flow', start: 'earliest' }, collector())
      on.write(2)
      const ended = consumer.deadletter([1], { code: 'READING_VALUES', message: 'no object', node: 'n1' })
      assert.equal(consumer.state().cursor, 0)
      on.time.advance()
      await ended
      assert.equal(consumer.state().cursor, 1)
      const [letter] = (await on.journal.deadLetters({ limit: 1 })).items
      assert.deepEqual(
        [letter?.reason, letter?.code, letter?.node, String(Buffer.from(letter!.payload))],
        ['flow', 'READING_VALUES', 'n1', '1'],
      )
      assert.deepEqual(on.typesOf(), ['deadletter'])
    })

    it('with strictOrder hold the later records of a device, not those of others', async () => {
      const events = collector()
      const consumer = await on.journal.consume({ name: 'c', ack: 'flow', strictOrder: true, start: 'earliest' }, events)
      appendAll(
        on.journal,
        ['a', 'a', 'b', 'a', 'b', ''].map(device => message(device)),
      )
      on.time.advance()
      assert.deepEqual(events.seqs(), [1, 3, 6])
      consumer.ack([2])
      on.time.advance()
      assert.deepEqual(events.seqs(), [1, 3, 6])
      consumer.ack([1])
      on.time.advance()
      assert.deepEqual(events.seqs(), [1, 3, 6, 2])
      consumer.ack([3, 2])
      on.time.advance()
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
        seen.map(({ name, filter, events }) => on.journal.consume({ name, filter, start: 'earliest' }, events)),
      )
      appendAll(on.journal, [
        message('a', '1', { props: props({ stream: 's1' }) }),
        message('b', '2', { topic: 'devices/b/events', kind: kinds.injected }),
        message('a', '3', { topic: 'exact/topic', props: props({ stream: 's2' }) }),
        message('a', '4', { kind: kinds.lifecycle }),
      ])
      on.time.advance()
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
        on.journal.consume({ name: 'bad', filter: { topics: ['a/#/b'] } }, collector()),
        code('REQUEST_INVALID'),
      )
    })

    it('say of each record whether they want it; what comes again and what cannot be judged is handed over', async () => {
      const asked: number[] = []
      const events = collector()
      const wants = ({ seq }: { seq: number }): boolean => {
        asked.push(seq)
        if (seq === 3) throw new Error('cannot tell')
        return seq === 2
      }
      const consumer = await on.journal.consume({ name: 'c', ack: 'flow', start: 'earliest' }, { ...events, wants })
      appendAll(on.journal, [
        message('a', '1'),
        message('a', '2'),
        message('a', '3'),
        message('a', '4'),
        message('a', '5', { kind: kinds.lifecycle }),
      ])
      on.time.advance()
      assert.deepEqual(
        [events.seqs(), asked],
        [
          [2, 3],
          [1, 2, 3, 4],
        ],
      )
      assert.equal(consumer.state().passedOver, 2)
      const ended = consumer.deadletter([2], { code: 'X', message: 'y' })
      on.time.advance()
      await ended
      const replayed = on.journal.replayDeadLetter((await on.journal.deadLetters({ limit: 1 })).items[0]!.id)
      on.time.advance()
      await replayed
      assert.deepEqual([events.seqs(), asked.length], [[2, 3, 6], 4])
      consumer.ack([3, 6])
      assert.equal(consumer.state().cursor, 6)
    })

    it('filter the same when they read from the files', async () => {
      on.write(3, 'a')
      appendAll(on.journal, [
        message('a', 'x', { props: props({ stream: 's' }) }),
        message('b', 'y', { props: props({ stream: 's' }) }),
      ])
      on.time.advance()
      await on.reopen()
      const events = collector()
      await on.journal.consume({ name: 'c', start: 'earliest', filter: { devices: ['a'], streams: ['s'] } }, events)
      on.time.advance()
      assert.deepEqual(events.seqs(), [4])
      assert.deepEqual(events.got[0]?.props, props({ stream: 's' }))
    })

    it('are never called from inside a call, and never from append or ack', async () => {
      let depth = 0
      let deepest = 0
      const later: (() => void)[] = []
      const consumer = await on.journal.consume(
        { name: 'c', ack: 'flow', window: 2, start: 'earliest' },
        {
          deliver(records) {
            deepest = Math.max(deepest, ++depth)
            consumer.ack(records.map(({ seq }) => seq))
            if (records[0]!.seq < 10) on.journal.append(message('d'), () => {})
            consumer.retry([1], 0)
            later.push(() => consumer.pause(false))
            depth--
          },
        },
      )
      on.write(5)
      for (const each of later) each()
      on.time.advance(100)
      assert.equal(deepest, 1)
      assert.equal(consumer.state().lag, 0)
    })

    it('that throw get the same records again, and a dead letter in the end', async () => {
      let calls = 0
      const consumer = await on.journal.consume(
        { name: 'c', start: 'earliest', maxDeliveries: 2 },
        {
          deliver() {
            calls++
            throw new TypeError('mine')
          },
        },
      )
      on.write(1)
      on.time.advance(5000)
      assert.equal(calls, 2)
      assert.equal(consumer.state().dead, 1)
      assert.deepEqual(on.typesOf(), ['fault', 'fault', 'deadletter'])
    })

    it('get nothing while paused', async () => {
      const events = collector()
      const consumer = await on.journal.consume({ name: 'c', ack: 'flow', ackTimeoutMs: 100, start: 'earliest' }, events)
      consumer.pause(true)
      on.write(2)
      on.time.advance(10_000)
      assert.equal(events.got.length, 0)
      consumer.pause(false)
      on.time.advance()
      assert.deepEqual(events.seqs(), [1, 2])
      consumer.pause(true)
      on.time.advance(1000)
      assert.equal(events.got.length, 2)
    })

    it('go on after their cursor when they come back, here and after a restart', async () => {
      const first = await on.journal.consume({ name: 'c', ack: 'flow', start: 'earliest' }, collector())
      on.write(5)
      first.ack([1, 2, 4])
      await first.close()
      const second = collector()
      const again = await on.journal.consume({ name: 'c', ack: 'flow', start: 'latest' }, second)
      on.time.advance()
      assert.deepEqual(second.seqs(), [3, 4, 5])
      again.ack([3])
      await on.reopen()
      const third = collector()
      await on.journal.consume({ name: 'c', ack: 'flow' }, third)
      on.time.advance()
      assert.deepEqual(third.seqs(), [4, 5])
    })

    it('of one name exist once: JOURNAL_CONSUMER_EXISTS until the first is closed', async () => {
      const first = await on.journal.consume({ name: 'c' }, collector())
      await assert.rejects(on.journal.consume({ name: 'c' }, collector()), code('JOURNAL_CONSUMER_EXISTS'))
      await assert.rejects(on.journal.forget('c'), code('JOURNAL_CONSUMER_EXISTS'))
      await first.close()
      await first.close()
      await (await on.journal.consume({ name: 'c' }, collector())).close()
    })

    it('are told apart from bad ones: REQUEST_INVALID', async () => {
      for (const spec of [{ name: '' }, { name: 'a/b' }, { name: 'c', window: 0 }, { name: 'c', ackTimeoutMs: Number.NaN }])
        await assert.rejects(on.journal.consume(spec, collector()), code('REQUEST_INVALID'))
    })

    it('that are forgotten begin anew', async () => {
      const consumer = await on.journal.consume({ name: 'c', start: 'earliest' }, collector())
      on.write(3)
      await consumer.close()
      await on.journal.forget('c')
      assert.deepEqual(on.journal.metrics().consumers, [])
      const events = collector()
      await on.journal.consume({ name: 'c', start: 'earliest' }, events)
      on.time.advance()
      assert.deepEqual(events.seqs(), [1, 2, 3])
    })

    it('start at the lowest of cursor and pins named like them', async () => {
      const consumer = await on.journal.consume({ name: 'c', start: 'earliest' }, collector())
      on.write(10)
      await on.journal.pin('c/window', 6)
      await on.journal.pin('c', 8)
      await on.journal.pin('cc/other', 1)
      await consumer.close()
      await on.reopen()
      const events = collector()
      const again = await on.journal.consume({ name: 'c' }, events)
      on.time.advance()
      assert.deepEqual(events.seqs(), [7, 8, 9, 10])
      await again.close()
      await on.journal.pin('c/window', undefined)
      const later = collector()
      await on.journal.consume({ name: 'c' }, later)
      on.time.advance()
      assert.deepEqual(later.seqs(), [9, 10])
    })

    it('far behind read the files in batches and lose nothing while new records come', async () => {
      on.write(6000)
      const events = collector()
      await on.journal.consume({ name: 'c', start: 'earliest' }, events)
      on.write(1000)
      on.time.advance(10)
      assert.deepEqual(events.seqs(), range(1, 7000))
    })

    describe('with a linger time', () => {
      const lingering = { name: 'c', ack: 'flow', start: 'earliest', window: 10, batch: 4, lingerMs: 50 } as const
      const sizes = (batches: unknown[][]): number[] => batches.map(batch => batch.length)

      it('get new records in whole batches at once, the rest when its first has waited that long', async () => {
        const events = collector()
        const consumer = await on.journal.consume(lingering, events)
        on.write(3)
        on.time.advance(20)
        assert.deepEqual(sizes(events.batches), [])
        assert.equal(consumer.state().inFlight, 3)
        on.write(2)
        assert.deepEqual(events.seqs(), [1, 2, 3, 4])
        on.time.advance(49)
        assert.deepEqual(sizes(events.batches), [4])
        on.time.advance(1)
        assert.deepEqual(sizes(events.batches), [4, 1])
        consumer.ack(range(1, 5))
        on.write(9)
        assert.deepEqual(sizes(events.batches), [4, 1, 8])
        on.time.advance(50)
        assert.deepEqual(events.seqs(), range(1, 14))
      })

      it('do not wait where nothing can join: at a full window, or one of bytes', async () => {
        const events = collector()
        await on.journal.consume({ ...lingering, batch: 100 }, events)
        on.write(9)
        assert.deepEqual(sizes(events.batches), [])
        on.write(3)
        assert.deepEqual(sizes(events.batches), [10])
        const large = collector()
        await on.journal.consume({ ...lingering, name: 'large', windowBytes: 1000, start: 'latest' }, large)
        appendAll(on.journal, [message('d', 'x'.repeat(600)), message('d', 'y'.repeat(600))])
        on.time.advance()
        assert.deepEqual(sizes(large.batches), [1])
      })

      it('count the time to acknowledge from when they were handed over, and cannot acknowledge before', async () => {
        const events = collector()
        const consumer = await on.journal.consume({ ...lingering, ackTimeoutMs: 30 }, events)
        on.write(1)
        consumer.ack([1])
        consumer.retry([1], 0)
        await consumer.deadletter([1], { code: 'X', message: '' })
        on.time.advance(49)
        assert.deepEqual(events.batches, [])
        assert.equal(consumer.state().cursor, 0)
        on.time.advance(1)
        assert.equal(events.got.length, 1)
        on.time.advance(29)
        assert.equal(events.got.length, 1)
        on.time.advance(1)
        assert.deepEqual(
          events.got.map(({ deliveries }) => deliveries),
          [1, 2],
        )
      })

      it('get nothing while paused, nothing after the close, and all of it again from the next one', async () => {
        const events = collector()
        const consumer = await on.journal.consume(lingering, events)
        on.write(2)
        consumer.pause(true)
        on.time.advance(500)
        assert.deepEqual(events.batches, [])
        consumer.pause(false)
        on.time.advance()
        assert.deepEqual(events.seqs(), [1, 2])
        on.write(1)
        await consumer.close()
        on.time.advance(500)
        assert.deepEqual(events.seqs(), [1, 2])
        const again = collector()
        await on.journal.consume(lingering, again)
        on.time.advance(50)
        assert.deepEqual(again.seqs(), [1, 2, 3])
      })

      for (const ack of ['delivery', 'flow'] as const)
        it(`keep the order of a device, mode ${ack}`, async () => {
          const events = collector(records => {
            if (events.got.length < 3) throw new Error('not yet')
            consumer.ack(records.map(({ seq }) => seq))
          })
          const consumer = await on.journal.consume({ ...lingering, ack, strictOrder: true }, events)
          on.write(3, 'a')
          on.write(3, 'b')
          on.time.advance(10_000)
          for (const device of ['a', 'b']) {
            const seqs = events.got.filter(record => record.device === device).map(({ seq }) => seq)
            assert.deepEqual(
              seqs.toSorted((x, y) => x - y),
              seqs,
            )
          }
          assert.equal(consumer.state().cursor, 6)
        })

      it('of no valid time or batch are refused: REQUEST_INVALID', async () => {
        for (const wrong of [{ lingerMs: -1 }, { lingerMs: 0.5 }, { batch: 0 }])
          await assert.rejects(on.journal.consume({ ...lingering, ...wrong }, collector()), code('REQUEST_INVALID'))
      })
    })

    it('write their cursors after 200 ms or 500 acknowledgements', async () => {
      await on.journal.consume({ name: 'c', start: 'earliest' }, collector())
      on.write(600)
      const cursor = async (): Promise<number> => {
        // Another on.journal over the same content sees what is durable; the first one is left as a crash would leave it.
        const other = await on.subject.open(new FakeTime(), [], {})
        const [state] = other.metrics().consumers
        await other.close()
        return state!.cursor
      }
      assert.ok((await cursor()) >= 500)
      on.time.advance(200)
      assert.equal(await cursor(), 600)
    })
  })
}
