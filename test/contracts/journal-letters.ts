import assert from 'node:assert/strict'
import { type JournalPort, kinds, type LetterFilter, replayFor, replayOf } from '../../src/journal/journal-port.ts'
import { replayedOf } from '../../src/journal/letter-record.ts'
import { appendAll, collector, message, props } from '../journal/records.ts'
import { code, dayMs, type JournalBench } from './journal-bench.ts'

export function journalLettersContract(on: JournalBench): void {
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

    const added = (...o: Parameters<JournalPort['addDeadLetter']>): Promise<number> => {
      const id = on.journal.addDeadLetter(...o)
      on.time.advance()
      return id
    }

    it('are listed in pages, newest first, by state', async () => {
      const ids: number[] = []
      for (let n = 1; n <= 5; n++) ids.push(await added(letter(n)))
      await on.reopen()
      const first = await on.journal.deadLetters({ limit: 2 })
      const second = await on.journal.deadLetters({ limit: 10, cursor: first.next! })
      assert.deepEqual(
        [...first.items, ...second.items].map(({ message }) => message),
        ['m5', 'm4', 'm3', 'm2', 'm1'],
      )
      assert.equal(second.next, undefined)
      const { payload, ...rest } = first.items[0]!
      assert.equal(String(Buffer.from(payload)), 'p5')
      assert.deepEqual(rest, {
        id: ids[4],
        at: on.time.now(),
        reason: 'undecodable',
        code: 'TELEMETRY_UNDECODABLE',
        message: 'm5',
        device: 'd1',
        topic: 't',
        properties: { n: '5' },
        stage: 'ingest',
        tries: 1,
        replays: 0,
        state: 'open',
      })
      await on.journal.discardDeadLetter(ids[0]!)
      assert.deepEqual(
        (await on.journal.deadLetters({ limit: 10, state: 'discarded' })).items.map(({ id }) => id),
        [ids[0]],
      )
      await assert.rejects(on.journal.discardDeadLetter(999), code('NOT_FOUND'))
      await assert.rejects(on.journal.replayDeadLetter(999), code('NOT_FOUND'))
      await assert.rejects(on.journal.deadLetters({ limit: 1, cursor: 'x' }), code('REQUEST_INVALID'))
    })

    it('go again to the consumer they name and to no other, with all of their properties', async () => {
      const [mine, other] = [collector(), collector()]
      const consumer = await on.journal.consume(
        { name: 'mine', ack: 'flow', start: 'earliest', filter: { kinds: [kinds.lifecycle] } },
        mine,
      )
      await on.journal.consume({ name: 'other', start: 'earliest' }, other)
      appendAll(on.journal, [
        message('d1', 'body', { kind: kinds.lifecycle, props: props({ stream: 's', time: 5 }, { a: 'b' }) }),
      ])
      on.time.advance()
      const ended = consumer.deadletter([1], { code: 'X', message: 'y' })
      on.time.advance()
      await ended
      const [{ id }] = (await on.journal.deadLetters({ limit: 1 })).items as unknown as [{ id: number }]
      const replayed = on.journal.replayDeadLetter(id)
      on.time.advance()
      assert.deepEqual(await replayed, { seq: 2 })
      assert.deepEqual(mine.seqs(), [1, 2])
      assert.deepEqual(other.seqs(), [])
      const record = mine.got[1]!
      assert.deepEqual([record.kind, record.device, String(Buffer.from(record.payload))], [kinds.injected, 'd1', 'body'])
      const { [replayOf]: of, ...system } = record.props.s
      assert.deepEqual([record.props.p, system, record.props.e], [{ a: 'b' }, { [replayFor]: 'mine' }, { stream: 's', time: 5 }])
      assert.deepEqual(JSON.parse(of!), { letter: id, times: 1, stage: 'flow' })
      const { state, replays } = (await on.journal.deadLetters({ limit: 1 })).items[0]!
      assert.deepEqual([state, replays], ['replayed', 1])
    })

    it('whose replay fails again are the same letter, open, with the last reason and all tries', async () => {
      const mine = collector()
      const consumer = await on.journal.consume({ name: 'mine', ack: 'flow', filter: { only: 'replays' } }, mine)
      appendAll(on.journal, [message('d1', 'for others')])
      on.time.advance()
      const id = await added(letter(1, { consumer: 'mine', node: 'n1', rule: 'hot', stage: 'action', key: 'k' }))
      for (const [times, seq] of [
        [1, 2],
        [2, 3],
      ] as const) {
        const replayed = on.journal.replayDeadLetter(id)
        on.time.advance()
        await replayed
        assert.deepEqual(mine.seqs(), [2, 3].slice(0, times))
        const record = mine.got.at(-1)!
        assert.deepEqual(replayedOf(record), { letter: id, times, stage: 'action', rule: 'hot', node: 'n1' })
        const ended = consumer.deadletter([seq], { code: 'ROUTE_ACTION', message: `failed ${times}`, node: 'n1' })
        on.time.advance()
        await ended
        const { items } = await on.journal.deadLetters({ limit: 10 })
        assert.equal(items.length, 1)
        const { message, state, replays, tries, rule, stage, key } = items[0]!
        assert.deepEqual(
          { message, state, replays, tries, rule, stage, key },
          { message: `failed ${times}`, state: 'open', replays: times, tries: 1 + times, rule: 'hot', stage: 'action', key: 'k' },
        )
      }
      assert.equal((await consumer.state()).cursor, 3)
    })

    it('that were shed while their replay was under way are written anew', async () => {
      const again = await added(letter(1, { letter: 999 }))
      assert.equal((await on.journal.deadLetters({ limit: 10 })).items[0]?.id, again)
    })

    it('are listed by what they have in common, page by page', async () => {
      for (let n = 1; n <= 9; n++) await added(letter(n, { rule: n % 3 ? 'a' : 'b', device: `d${n % 2}`, key: `k${n}` }))
      const all = async (filter: LetterFilter, limit = 2): Promise<string[]> => {
        const found: string[] = []
        let cursor: string | undefined
        do {
          const page = await on.journal.deadLetters({ ...filter, limit, ...(cursor !== undefined && { cursor }) })
          found.push(...page.items.map(({ key }) => key!))
          cursor = page.next
        } while (cursor !== undefined)
        return found
      }
      assert.deepEqual(await all({ rule: 'b' }), ['k9', 'k6', 'k3'])
      assert.deepEqual(await all({ rule: 'b', device: 'd1' }), ['k9', 'k3'])
      assert.deepEqual(await all({ key: 'k4' }), ['k4'])
      assert.deepEqual(await all({ reason: 'none' }), [])
      assert.deepEqual((await all({}, 3)).length, 9)
      assert.deepEqual(await all({ from: Date.now() + 10 * dayMs }), [])
    })

    it('that name no consumer go to all, with the properties of their record', async () => {
      const events = collector()
      await on.journal.consume({ name: 'c' }, events)
      appendAll(on.journal, [message('d1', 'body', { props: props({ stream: 's' }) })])
      on.time.advance()
      const id = await added(letter(1, { jseq: 1 }))
      const replayed = on.journal.replayDeadLetter(id)
      on.time.advance()
      await replayed
      assert.deepEqual(events.seqs(), [1, 2])
      assert.equal(events.got[1]?.props.e.stream, 's')
    })

    it('cannot be forged by a property: only the flag makes a record one consumer’s', async () => {
      const events = collector()
      await on.journal.consume({ name: 'c' }, events)
      appendAll(on.journal, [message('d', 'x', { props: { v: 1, p: {}, s: { [replayFor]: 'other' }, e: {} } })])
      on.time.advance()
      assert.deepEqual(events.seqs(), [1])
    })

    it('of one turn that are too many are refused, and those before them kept', async () => {
      await on.start({ deadLetters: { waiting: 3, waitingBytes: 2000 } })
      const outcomes = Promise.allSettled([1, 2, 3, 4].map(n => on.journal.addDeadLetter(letter(n))))
      on.time.advance()
      const large = { payload: Buffer.alloc(1900) }
      const sizes = Promise.allSettled([5, 6].map(n => on.journal.addDeadLetter(letter(n, large))))
      on.time.advance()
      for (const [all, refused] of [
        [await outcomes, 3],
        [await sizes, 1],
      ] as const) {
        const codes = all.map(outcome => (outcome.status === 'rejected' ? outcome.reason.code : undefined))
        assert.deepEqual(
          codes,
          codes.map((_, i) => (i === refused ? 'JOURNAL_FULL' : undefined)),
        )
      }
      const { items } = await on.journal.deadLetters({ limit: 10 })
      assert.deepEqual(
        items.map(({ message }) => message),
        ['m5', 'm3', 'm2', 'm1'],
      )
    })

    it('that wait are written when the journal closes, and a consumer’s before it does', async () => {
      const consumer = await on.journal.consume({ name: 'c', ack: 'flow', start: 'earliest' }, collector())
      on.write(2)
      const ended = consumer.deadletter([1, 2], { code: 'X', message: 'of the flow' })
      await consumer.close()
      await ended
      assert.equal(on.journal.metrics().consumers[0]?.cursor, 2)
      const id = on.journal.addDeadLetter(letter(1))
      await on.reopen()
      assert.equal(await id, 3)
      const { items } = await on.journal.deadLetters({ limit: 10 })
      assert.deepEqual(
        items.map(({ message }) => message),
        ['m1', 'of the flow', 'of the flow'],
      )
    })

    for (const again of [false, true])
      it(`are not handed over again while they are on their way to the disk${again ? ', nor retried' : ''}`, async () => {
        const events = collector()
        const consumer = await on.journal.consume({ name: 'c', ack: 'flow', start: 'earliest' }, events)
        on.write(1)
        // The consumer is woken before the letter is written.
        consumer.retry([1], 0)
        const twice = [1, 2].map(() => consumer.deadletter([1], { code: 'X', message: 'y' }))
        if (again) consumer.retry([1], 0)
        on.time.advance(120_000)
        await Promise.all(twice)
        assert.deepEqual(events.seqs(), [1])
        assert.deepEqual([consumer.state().dead, consumer.state().cursor], [1, 1])
        assert.equal((await on.journal.deadLetters({ limit: 10 })).items.length, 1)
      })

    it('are kept 30 days, and up to a number and a size', async () => {
      await on.start({ deadLetters: { keepMs: 30 * dayMs, count: 3, bytes: 2000 } })
      for (let n = 1; n <= 5; n++) await added(letter(n))
      const messages = async () => (await on.journal.deadLetters({ limit: 10 })).items.map(({ message }) => message)
      assert.deepEqual(await messages(), ['m5', 'm4', 'm3'])
      await added(letter(6, { payload: Buffer.alloc(1700) }))
      assert.deepEqual(await messages(), ['m6', 'm5'])
      on.time.advance(31 * dayMs)
      assert.deepEqual(await messages(), [])
    })
  })
}
