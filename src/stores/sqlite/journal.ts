import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { Journal, type JournalOptions } from '../../journal/journal.ts'
import type { Damage, Schedule } from '../../journal/segment-port.ts'
import { makeFolder } from '../folder.ts'
import { systemSchedule } from '../journal-schedule.ts'
import { SqliteJournalMeta } from './journal-meta.ts'
import { SqliteSegments } from './journal-segments.ts'
import { defaultMaxBytes, volumeBytes, volumeSpace } from './journal-space.ts'

export interface SqliteJournalOptions
  extends Partial<
    Pick<JournalOptions, 'full' | 'keepMs' | 'segmentBytes' | 'onEvent' | 'hold' | 'maxPendingBytes' | 'deadLetters' | 'clock'>
  > {
  /** Size of all files; undefined: 2 GiB or 20 % of the volume, the smaller. */
  maxBytes?: number | undefined
  /** Holds `{firstSeq}.db` and `meta.db`; created 0700. One journal at a time: the caller holds a lock. */
  folder: string
  /** epoch ms */
  now: () => number
  schedule?: Schedule
  /** Room kept for cursors and trimming on a full disk; default 32 MiB, 0 = none. */
  reserveBytes?: number
  /** Default `reserve.bin` in the folder. */
  reserveFile?: string
  /** Alarm below this; default the larger of 512 MiB and 5 % of the volume. */
  minFreeBytes?: number
  /** Called inside each transaction before COMMIT; a throw rolls it back. For tests of disks that fail. */
  beforeCommit?: (rows: number) => void
}

/**
 * A journal in SQLite files: 2 GiB or 20 % of the volume, 24 h, segments of 128 MiB unless said otherwise. After an unclean stop the active files are
 * checked; damaged ones are set aside as `.corrupt` and what they still yield is kept (event `corrupt`). STORE_READ_ONLY, JOURNAL_FULL.
 */
export async function openSqliteJournal(o: SqliteJournalOptions): Promise<Journal> {
  const { folder, now } = o
  const segmentBytes = o.segmentBytes ?? 128 * 1024 ** 2
  makeFolder(folder)
  const { meta, cursorsLost, damage: metaDamage } = SqliteJournalMeta.open(join(folder, 'meta.db'))
  let log: SqliteSegments | undefined
  try {
    const unclean = !meta.orderly || metaDamage !== undefined
    log = new SqliteSegments({ folder, segmentBytes, now, unclean, beforeCommit: o.beforeCommit })
    const damage: Damage[] = [...(metaDamage ? [{ ...metaDamage, lost: [] }] : []), ...log.damage]
    const { reserveBytes = 32 * 1024 ** 2, reserveFile = join(folder, 'reserve.bin'), minFreeBytes } = o
    const space = volumeSpace({ folder, reserveFile, reserveBytes, minFreeBytes })
    return new Journal(log, meta, space, {
      now,
      clock: o.clock ?? (() => performance.now()),
      schedule: o.schedule ?? systemSchedule,
      maxBytes: o.maxBytes ?? defaultMaxBytes(volumeBytes(folder)),
      full: o.full ?? 'block',
      keepMs: o.keepMs ?? 86_400_000,
      segmentBytes,
      onEvent: o.onEvent,
      hold: o.hold,
      maxPendingBytes: o.maxPendingBytes,
      deadLetters: o.deadLetters,
      damage,
      cursorsLost,
    })
  } catch (error) {
    log?.close()
    meta.abandon()
    throw error
  }
}
