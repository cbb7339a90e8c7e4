import { performance } from 'node:perf_hooks'
import { Journal, type JournalOptions } from '../../journal/journal.ts'
import type { Schedule } from '../../journal/segment-port.ts'
import { systemSchedule } from '../journal-schedule.ts'
import { MemoryJournalLog } from './journal-log.ts'

export interface MemoryJournalOptions
  extends Partial<
    Pick<JournalOptions, 'full' | 'keepMs' | 'segmentBytes' | 'onEvent' | 'hold' | 'maxPendingBytes' | 'deadLetters' | 'clock'>
  > {
  /** undefined: 64 MiB */
  maxBytes?: number | undefined
  /** epoch ms */
  now: () => number
  schedule?: Schedule
  /** The content of an earlier journal, to go on with. */
  log?: MemoryJournalLog
}

/** A journal that ends with the process: 64 MiB, 24 h unless said otherwise, oldest records dropped when full. */
export function openMemoryJournal(o: MemoryJournalOptions): Journal {
  const { now, log = new MemoryJournalLog() } = o
  return new Journal(log, log, undefined, {
    now,
    clock: o.clock ?? (() => performance.now()),
    schedule: o.schedule ?? systemSchedule,
    maxBytes: o.maxBytes ?? 64 * 1024 ** 2,
    full: o.full ?? 'drop',
    keepMs: o.keepMs ?? 86_400_000,
    segmentBytes: o.segmentBytes ?? 4 * 1024 ** 2,
    onEvent: o.onEvent,
    hold: o.hold,
    maxPendingBytes: o.maxPendingBytes,
    deadLetters: o.deadLetters,
  })
}
