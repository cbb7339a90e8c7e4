import assert from 'node:assert/strict'
import { FakeTime } from '../journal/fake-time.ts'
import { appendAll, numbered } from '../journal/records.ts'
import { journalAppendContract } from './journal-append.ts'
import type { JournalBench, JournalSubject } from './journal-bench.ts'
import { journalConsumersContract } from './journal-consumers.ts'
import { journalLettersContract } from './journal-letters.ts'
import { journalRetentionContract } from './journal-retention.ts'

/** What every journal must do, with time in the test's hands. `make` gives a fresh, empty content. */
export function journalContract(name: string, make: () => Promise<JournalSubject>): void {
  describe(`journal on ${name}`, () => {
    const on = {
      async reopen(o = {}) {
        await on.journal.close()
        on.journal = await on.subject.open(on.time, on.events, o)
      },
      async start(o) {
        await on.journal.close()
        await on.subject.dispose()
        on.subject = await make()
        on.events = []
        on.journal = await on.subject.open(on.time, on.events, o)
      },
      write(count, device = 'd1') {
        const outcomes = appendAll(on.journal, numbered(count, device))
        on.time.advance()
        assert.equal(outcomes.filter(({ error }) => !error).length, count)
      },
      typesOf: () => on.events.map(({ type }) => type),
    } as JournalBench

    beforeEach(async () => {
      on.time = new FakeTime()
      on.subject = await make()
      on.events = []
      on.journal = await on.subject.open(on.time, on.events, {})
    })
    afterEach(async () => {
      await on.journal.close()
      await on.subject.dispose()
    })

    journalAppendContract(on)
    journalConsumersContract(on)
    journalRetentionContract(on)
    journalLettersContract(on)
  })
}
