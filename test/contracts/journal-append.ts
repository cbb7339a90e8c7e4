import assert from 'node:assert/strict'
import { flags, kinds } from '../../src/journal/journal-port.ts'
import { appendAll, collector, message, numbered, range } from '../journal/records.ts'
import { code, type JournalBench } from './journal-bench.ts'

export function journalAppendContract(on: JournalBench): void {
  describe('append', () => {
    it('numbers records from 1 without holes and calls back in order, after the commit', () => {
      const outcomes = appendAll(on.journal, numbered(2500))
      assert.equal(outcomes.length, 0)
      assert.equal(on.journal.metrics().pending, 2500)
      on.time.advance(100)
      assert.deepEqual(
        outcomes.map(({ seq }) => seq),
        range(1, 2500),
      )
      const { appended, commits, headSeq, oldestSeq, pending, pendingBytes, state } = on.journal.metrics()
      assert.deepEqual(
        { appended, headSeq, oldestSeq, pending, pendingBytes, state },
        { appended: 2500, headSeq: 2500, oldestSeq: 1, pending: 0, pendingBytes: 0, state: 'ok' },
      )
      assert.equal(commits, 3)
    })

    it('keeps a transaction below 1 MiB, but writes a record of any size', () => {
      const big = Buffer.alloc(700_000)
      const outcomes = appendAll(
        on.journal,
        [1, 2, 3].map(() => message('d', '', { payload: big })),
      )
      on.time.advance(100)
      assert.equal(outcomes.length, 3)
      assert.equal(on.journal.metrics().commits, 3)
    })

    it('keeps every field', async () => {
      const whole = message('d1', 'body', {
        kind: kinds.twin,
        qos: 2,
        flags: flags.will | flags.dup,
        props: { v: 1, p: { a: 'ü' }, s: { b: '2' }, e: { stream: 's', seq: 7 } },
      })
      appendAll(on.journal, [whole])
      on.time.advance()
      await on.reopen()
      const [record] = await on.journal.read({ from: 1, limit: 10 })
      assert.deepEqual({ ...record, payload: Buffer.from(record!.payload) }, { ...whole, seq: 1, at: record!.at })
    })

    it('never lets `at` decrease when the clock jumps back, not even over a restart', async () => {
      on.write(1)
      on.time.jump(-3_600_000)
      on.write(1)
      await on.reopen()
      on.write(1)
      on.time.jump(7_200_000)
      on.write(1)
      const at = (await on.journal.read({ from: 1, limit: 10 })).map(record => record.at)
      assert.equal(at[0], at[1])
      assert.equal(at[1], at[2])
      assert.equal(at[3], on.time.now())
    })

    it('goes on with the next seq after a restart', async () => {
      on.write(3)
      await on.reopen()
      on.write(2)
      assert.deepEqual(
        (await on.journal.read({ from: 0, limit: 10 })).map(({ seq }) => seq),
        range(1, 5),
      )
    })

    it('stores a record with a known idempotency key once, and answers with the first seq', async () => {
      const keyed = (text: string) => message('d', text, { idempotencyKey: `key-${text}` })
      const first = appendAll(on.journal, [keyed('a'), keyed('b'), keyed('a')])
      on.time.advance()
      assert.deepEqual(
        first.map(({ seq }) => seq),
        [1, 2, 1],
      )
      await on.reopen()
      const second = appendAll(on.journal, [message('d', 'c'), keyed('b')])
      on.time.advance()
      assert.deepEqual(
        second.map(({ seq }) => seq),
        [3, 2],
      )
      assert.equal(on.journal.metrics().headSeq, 3)
    })

    it('fails exactly the records of a commit that is held and then fails; the next one gets their seq', async () => {
      const held: { resolve(): void; reject(error: Error): void }[] = []
      await on.start({ hold: () => new Promise<void>((resolve, reject) => held.push({ resolve, reject })) })
      const lost = appendAll(on.journal, numbered(3))
      on.time.advance(1000)
      const kept = appendAll(on.journal, numbered(2))
      on.time.advance(1000)
      assert.equal(lost.length, 0)
      held[0]!.reject(new Error('the disk is gone'))
      await new Promise(setImmediate)
      assert.deepEqual(
        lost.map(({ error }) => error?.code),
        ['JOURNAL_FAILED', 'JOURNAL_FAILED', 'JOURNAL_FAILED'],
      )
      assert.equal(kept.length, 0)
      on.time.advance(1000)
      held[1]!.resolve()
      await new Promise(setImmediate)
      assert.deepEqual(kept, [
        { error: undefined, seq: 1 },
        { error: undefined, seq: 2 },
      ])
      assert.deepEqual(
        (await on.journal.read({ from: 1, limit: 10 })).map(({ payload }) => String(Buffer.from(payload))),
        ['1', '2'],
      )
    })

    it('refuses what would wait beyond its bound, in order', async () => {
      await on.start({ maxPendingBytes: 1000 })
      const outcomes = appendAll(on.journal, [message('d', 'x'.repeat(500)), message('d', 'y'.repeat(600)), message('d', 'z')])
      on.time.advance()
      assert.deepEqual(
        outcomes.map(({ error, seq }) => error?.code ?? seq),
        [1, 'JOURNAL_FULL', 2],
      )
    })

    it('reports a callback that throws and calls the others', () => {
      let called = 0
      on.journal.append(message('d'), () => {
        throw new TypeError('mine')
      })
      on.journal.append(message('d'), () => called++)
      on.time.advance()
      assert.equal(called, 1)
      assert.deepEqual(on.typesOf(), ['fault'])
    })

    it('commits what waits when it closes, and refuses what comes later with JOURNAL_CLOSED', async () => {
      const before = appendAll(on.journal, numbered(2))
      await on.journal.close()
      assert.deepEqual(
        before.map(({ seq }) => seq),
        [1, 2],
      )
      const after = appendAll(on.journal, numbered(1))
      assert.equal(after.length, 0)
      on.time.advance()
      assert.equal(after[0]?.error?.code, 'JOURNAL_CLOSED')
      await assert.rejects(on.journal.consume({ name: 'c' }, collector()), code('JOURNAL_CLOSED'))
    })
  })
}
