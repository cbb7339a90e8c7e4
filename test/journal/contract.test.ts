import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openMemoryJournal } from '../../src/stores/memory/journal.ts'
import { MemoryJournalLog } from '../../src/stores/memory/journal-log.ts'
import { openSqliteJournal } from '../../src/stores/sqlite/journal.ts'
import { journalContract } from '../contracts/journal.ts'

journalContract('memory', async () => {
  const log = new MemoryJournalLog()
  return {
    open: async ({ now, clock, schedule }, events, o) =>
      openMemoryJournal({ full: 'block', ...o, log, now, clock, schedule, onEvent: event => events.push(event) }),
    dispose: async () => {},
  }
})

journalContract('sqlite', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'journal-'))
  return {
    open: ({ now, clock, schedule }, events, o) =>
      openSqliteJournal({
        maxBytes: 1024 ** 3,
        ...o,
        folder,
        now,
        clock,
        schedule,
        reserveBytes: 0,
        minFreeBytes: 0,
        onEvent: event => events.push(event),
      }),
    dispose: () => rm(folder, { recursive: true, force: true }),
  }
})
