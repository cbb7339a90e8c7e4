import assert from 'node:assert/strict'
import { appendAll, collector, message, numbered, range } from '../journal/records.ts'
import { code, dayMs, type JournalBench } from './journal-bench.ts'

export function journalRetentionContract(on: JournalBench): void {
  describe('retention', () => {
    const small = { segmentBytes: 65_536, maxBytes: 4 * 1024 * 1024 }
    const fill = (count: number): void => {
      for (let i = 0; i < count; i++) {
        appendAll(on.journal, [message('d', 'x'.repeat(20_000))])
        on.time.advance(1)
      }
    }

    it('trims segments that are older than `keepMs` and below every cursor and pin', async () => {
      await on.start({ ...small, keepMs: dayMs / 2 })
      const consumer = await on.journal.consume({ name: 'c', ack: 'flow', ackTimeoutMs: dayMs, start: 'earliest' }, collector())
      fill(30)
      consumer.ack(range(1, 20))
      on.time.advance(dayMs / 2 - 60_000)
      assert.equal(on.journal.metrics().oldestSeq, 1)
      await on.journal.pin('w', 8)
      on.time.advance(120_000)
      const held = on.journal.metrics().oldestSeq
      assert.ok(held > 1 && held <= 9, `oldest ${held}`)
      await on.journal.pin('w', undefined)
      on.time.advance(60_000)
      const free = on.journal.metrics().oldestSeq
      assert.ok(free > held && free <= 21, `oldest ${free}`)
      await assert.rejects(
        on.journal.read({ from: 1, limit: 1 }),
        (error: any) => error.code === 'JOURNAL_TRIMMED' && error.position === free,
      )
      assert.equal((await on.journal.read({ from: 0, limit: 1 }))[0]?.seq, free)
      for (const begin of [{ seq: 1 }, { time: on.time.now() - dayMs }])
        await assert.rejects(on.journal.consume({ name: 'late', start: begin }, collector()), code('JOURNAL_TRIMMED'))
      await on.reopen({ ...small, keepMs: dayMs / 2 })
      assert.equal(on.journal.metrics().oldestSeq, free)
    })

    it('calls a consumer stale after 7 days unseen; it holds nothing any more and hears of the gap', async () => {
      await on.start({ ...small, keepMs: 1000 })
      const consumer = await on.journal.consume({ name: 'c', start: 'earliest' }, collector())
      await consumer.close()
      await on.journal.pin('c/window', 0)
      fill(30)
      for (let i = 0; i < 7; i++) on.time.advance(dayMs - 1000)
      assert.deepEqual(
        on.typesOf().filter(type => type === 'stale'),
        [],
      )
      assert.equal(on.journal.metrics().oldestSeq, 1)
      on.time.advance(60_000)
      assert.deepEqual(
        on.typesOf().filter(type => type === 'stale'),
        ['stale'],
      )
      on.time.advance(60_000)
      const oldest = on.journal.metrics().oldestSeq
      assert.ok(oldest > 20)
      const events = collector()
      const again = await on.journal.consume({ name: 'c' }, events)
      fill(1)
      assert.deepEqual(events.gaps, [{ from: 1, to: oldest - 1, reason: 'trimmed' }])
      assert.equal(events.seqs().at(-1), 31)
      assert.equal(again.state().gaps, 1)
    })

    it('waits ten minutes with retention after the clock leapt forward by more than a day', async () => {
      await on.start({ ...small, keepMs: 1000 })
      fill(30)
      on.time.advance(31_000)
      const before = on.journal.metrics().oldestSeq
      fill(30)
      on.time.jump(3 * dayMs)
      on.time.advance(590_000)
      assert.equal(on.journal.metrics().oldestSeq, before)
      on.time.advance(60_000)
      assert.ok(on.journal.metrics().oldestSeq > before)
    })

    it('gives up segments nobody needs before it refuses anything', async () => {
      await on.start({ segmentBytes: 262_144, maxBytes: 1024 * 1024 })
      await on.journal.consume({ name: 'c', start: 'earliest' }, collector())
      fill(200)
      assert.equal(on.journal.metrics().headSeq, 200)
      assert.ok(on.journal.metrics().oldestSeq > 1)
      assert.ok(on.journal.metrics().diskBytes <= 1024 * 1024)
      assert.ok(on.events.every(event => event.type === 'trimmed' && event.reason === 'limit'))
    })

    it('with `block` refuses at its limit with JOURNAL_FULL until the consumer has caught up', async () => {
      await on.start({ segmentBytes: 262_144, maxBytes: 1024 * 1024, full: 'block' })
      const seen = collector()
      const consumer = await on.journal.consume({ name: 'c', ack: 'flow', window: 5, start: 'earliest' }, seen)
      fill(100)
      const { headSeq, diskBytes, state, pending } = on.journal.metrics()
      assert.ok(headSeq < 100 && headSeq > 20, `head ${headSeq}`)
      assert.ok(diskBytes <= 1024 * 1024)
      assert.deepEqual([state, pending], ['full', 0])
      const refused = appendAll(
        on.journal,
        numbered(1).map(record => ({ ...record, payload: Buffer.alloc(50_000) })),
      )
      on.time.advance()
      assert.equal(refused[0]?.error?.code, 'JOURNAL_FULL')
      for (let i = 0; i < 100 && consumer.state().cursor < headSeq; i++) {
        consumer.ack(seen.seqs())
        on.time.advance()
      }
      assert.deepEqual(seen.seqs(), range(1, headSeq))
      on.time.advance(2000)
      assert.equal(on.journal.metrics().state, 'ok')
      fill(1)
      assert.equal(on.journal.metrics().headSeq, headSeq + 1)
      assert.deepEqual(
        on.typesOf().filter(type => type !== 'trimmed'),
        ['full', 'recovered'],
      )
    })

    it('with `drop` removes the oldest segment and tells laggards what they missed', async () => {
      await on.start({ segmentBytes: 262_144, maxBytes: 1024 * 1024, full: 'drop' })
      const seen = collector()
      const consumer = await on.journal.consume({ name: 'c', ack: 'flow', window: 5, start: 'earliest' }, seen)
      fill(100)
      const { headSeq, oldestSeq, dropped, state } = on.journal.metrics()
      assert.deepEqual([headSeq, state], [100, 'ok'])
      assert.equal(dropped, oldestSeq - 1)
      assert.ok(oldestSeq > 6)
      for (let i = 0; i < 100 && consumer.state().cursor < 100; i++) {
        consumer.ack(seen.seqs())
        on.time.advance()
      }
      assert.deepEqual(seen.gaps, [{ from: 6, to: oldestSeq - 1, reason: 'dropped' }])
      assert.deepEqual(seen.seqs(), [...range(1, 5), ...range(oldestSeq, 100)])
      await on.reopen()
      const late = collector()
      await on.journal.pin('late', 0)
      await on.journal.consume({ name: 'late', start: 'earliest' }, late)
      on.time.advance()
      assert.equal(late.seqs()[0], oldestSeq)
    })

    it('lists who holds records, live or not, and frees them as soon as one is forgotten with its pins', async () => {
      await on.start({ ...small, keepMs: 1000 })
      const [gone, live] = [
        await on.journal.consume({ name: 'gone', start: 'earliest' }, collector()),
        await on.journal.consume({ name: 'live', start: 'earliest' }, collector()),
      ]
      await gone.close()
      const seen = on.time.now()
      for (const pin of ['gone', 'gone/window', 'gone/other', 'goner']) await on.journal.pin(pin, 0)
      fill(30)
      on.time.advance(60_000)
      const listed = () => on.journal.metrics().consumers.map(({ name, live, cursor, lag }) => [name, live, cursor, lag])
      assert.deepEqual(listed(), [
        ['gone', false, 0, 30],
        ['live', true, 30, 0],
        ['goner', false, 0, 30],
      ])
      assert.equal(on.journal.metrics().consumers[0]?.seen, seen)
      assert.equal(on.journal.metrics().oldestSeq, 1)
      await assert.rejects(on.journal.forget('live'), code('JOURNAL_CONSUMER_EXISTS'))
      await on.journal.forget('goner')
      on.time.advance()
      assert.equal(on.journal.metrics().oldestSeq, 1)
      await on.journal.forget('gone')
      on.time.advance()
      const { oldestSeq } = on.journal.metrics()
      assert.ok(oldestSeq > 1, `oldest ${oldestSeq}`)
      await live.close()
      await on.reopen({ ...small, keepMs: 1000 })
      assert.deepEqual(listed(), [['live', false, 30, 0]])
    })

    it('takes records again at once when the consumer that held the full journal is forgotten', async () => {
      await on.start({ ...small, maxBytes: 1024 * 1024, full: 'block' })
      await (await on.journal.consume({ name: 'gone', start: 'earliest' }, collector())).close()
      await on.journal.pin('gone/window', 0)
      for (let i = 0; i < 100 && on.journal.metrics().state === 'ok'; i++) fill(1)
      assert.equal(on.journal.metrics().state, 'full')
      await on.journal.forget('gone')
      on.time.advance()
      assert.equal(on.journal.metrics().state, 'ok')
      on.write(1)
    })
  })
}
