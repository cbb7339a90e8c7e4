import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { JournalEvent } from '../../src/journal/journal-event.ts'
import { openSqliteJournal } from '../../src/stores/sqlite/journal.ts'
import { defaultMaxBytes } from '../../src/stores/sqlite/journal-space.ts'
import { FakeTime } from './fake-time.ts'
import { appendAll, collector, message } from './records.ts'
import { mountVolume, unmountVolume } from './volume.ts'

describe('size of a journal without a limit of its own', () => {
  it('is 2 GiB or 20 % of the volume, the smaller, and 2 GiB if the volume tells no size', () => {
    const gibibyte = 1024 ** 3
    assert.deepEqual([100 * gibibyte, 10 * gibibyte, 5 * gibibyte, 0].map(defaultMaxBytes), [
      2 * gibibyte,
      2 * gibibyte,
      gibibyte,
      2 * gibibyte,
    ])
  })

  it('is what stops it on a small volume', async function () {
    const folder = await mkdtemp(join(tmpdir(), 'journal-size-'))
    const refusal = mountVolume(folder, 'size=20m')
    if (refusal) {
      await rm(folder, { recursive: true, force: true })
      console.log(`      skipped: a small volume cannot be mounted here (${refusal})`)
      this.skip()
    }
    try {
      const time = new FakeTime()
      const events: JournalEvent[] = []
      const onEvent = (event: JournalEvent): void => void events.push(event)
      const journal = await openSqliteJournal({
        ...time,
        folder,
        maxBytes: undefined,
        segmentBytes: 65_536,
        reserveBytes: 0,
        minFreeBytes: 0,
        onEvent,
      })
      await journal.consume({ name: 'c', ack: 'flow', window: 1, start: 'earliest' }, collector())
      for (let i = 0; i < 2000 && journal.metrics().state === 'ok'; i++) {
        appendAll(journal, [message('d', 'x'.repeat(5000))])
        time.advance(1)
      }
      const full = events.find(event => event.type === 'full')
      assert.ok(full?.type === 'full')
      assert.deepEqual([full.reason, full.message.includes(`${4 * 1024 * 1024} bytes`)], ['limit', true])
      await journal.close()
    } finally {
      unmountVolume(folder)
      await rm(folder, { recursive: true, force: true })
    }
  })
})
