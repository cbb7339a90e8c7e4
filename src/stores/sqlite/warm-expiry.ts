import { cutoffOf } from '../../storage/retention.ts'
import type { Pace } from '../../storage/warm-query.ts'
import type { RetentionClass } from '../../storage/warm-store.ts'
import { isDamage } from './database.ts'
import type { WarmParts } from './warm-file.ts'
import { inTransaction } from './warm-transaction.ts'

export const sliceRows = 500
const seriesAtOnce = 200

interface Due {
  sid: number
  /** times before it are past their retention */
  cutoff: number
}

/**
 * Deletes what is past its class's retention in transactions of a few milliseconds; resolves with the rows deleted. Damage in one series does not keep the
 * others: it is thrown at the end.
 */
export async function expireRows(
  parts: WarmParts,
  { now, keepDays, pace }: { now: number; keepDays: Partial<Record<RetentionClass, number>>; pace: Pace },
): Promise<number> {
  let total = 0
  let damage: unknown
  await flushAll(parts, pace)
  for (let sid = 0; ; ) {
    const batch = parts.statements
      .of('SELECT sid, class FROM series WHERE sid > ? ORDER BY sid LIMIT ?')
      .all(sid, seriesAtOnce) as unknown as { sid: number; class: RetentionClass }[]
    if (!batch.length) break
    const empty: number[] = []
    for (const series of batch) {
      const due = { sid: series.sid, cutoff: cutoffOf(series.class, now, keepDays) }
      try {
        for (let more = true; more; ) {
          const dropped = dropSlice(parts, due)
          total += dropped
          more = dropped >= sliceRows
          if (dropped || pace.due()) await pace.pause()
        }
        if (isEmpty(parts, due)) empty.push(due.sid)
      } catch (error) {
        if (!isDamage(error)) throw error
        damage ??= error
      }
    }
    dropSeries(parts, empty)
    sid = batch.at(-1)!.sid
  }
  if (damage) throw damage
  return total
}

/** Drops the last values of the devices, in transactions of a few milliseconds. */
export async function forgetLatest(
  parts: WarmParts,
  { devices, pace }: { devices: readonly string[]; pace: Pace },
): Promise<void> {
  // What waits for a commit was appended before.
  parts.writer.drain()
  for (let from = 0; from < devices.length; from += seriesAtOnce) {
    const all = parts.series.of(devices.slice(from, from + seriesAtOnce), undefined)
    dropLatest(
      parts,
      all.map(({ sid }) => sid),
    )
    if (pace.due()) await pace.pause()
  }
}

/** In one transaction. */
export function dropLatest(parts: WarmParts, sids: readonly number[]): void {
  if (sids.length)
    changeLatest(parts, () => {
      for (const sid of sids) parts.unwritten.drop(sid)
    })
}

/** Writes last values that are in memory only, in one transaction. */
export function flushLatest(parts: WarmParts, sids: readonly number[]): void {
  if (sids.length) changeLatest(parts, () => parts.unwritten.flush(sids))
}

/** Before rows go that could give them again. */
async function flushAll(parts: WarmParts, pace: Pace): Promise<void> {
  const { sids } = parts.unwritten
  for (let from = 0; from < sids.length; from += seriesAtOnce) {
    flushLatest(parts, sids.slice(from, from + seriesAtOnce))
    if (pace.due()) await pace.pause()
  }
}

/** Once more without the series that showed damage. */
function changeLatest(parts: WarmParts, work: () => void): void {
  const { unwritten } = parts
  for (;;) {
    const { lost } = unwritten
    try {
      inTransaction(parts, work)
      break
    } catch (error) {
      unwritten.undone()
      if (unwritten.lost === lost) throw error
    }
  }
  unwritten.committed()
}

/** At most some hundred rows, the oldest first; resolves with their number, fewer than `sliceRows` once none is left. */
export function dropSlice(parts: WarmParts, { sid, cutoff }: Due): number {
  const { statements, writer } = parts
  const end = statements
    .of('SELECT time FROM rows WHERE sid = ? AND time < ? ORDER BY time LIMIT 1 OFFSET ?')
    .get(sid, cutoff, sliceRows)
  const until = end ? Number(end.time) + 1 : cutoff
  if (!statements.of('SELECT 1 FROM rows WHERE sid = ? AND time < ? LIMIT 1').get(sid, until)) return 0
  const { dropped, note } = inTransaction(parts, () => {
    const dropped = Number(statements.of('DELETE FROM rows WHERE sid = ? AND time < ?').run(sid, until).changes)
    return { dropped, note: writer.dropped(dropped) }
  })
  note.committed()
  return dropped
}

/** Without a row, and without a value within its retention: the device is gone, or the stream was renamed. */
function isEmpty({ statements, unwritten }: WarmParts, { sid, cutoff }: Due): boolean {
  return (
    !unwritten.has(sid) &&
    !statements.of('SELECT 1 FROM rows WHERE sid = ? LIMIT 1').get(sid) &&
    !statements.of('SELECT 1 FROM latest_values WHERE sid = ? AND time >= ? LIMIT 1').get(sid, cutoff)
  )
}

/** With their last values. Those that an append filled since they were found empty stay. */
export function dropSeries(parts: WarmParts, empty: readonly number[]): void {
  const { statements, series, unwritten } = parts
  const row = statements.of('SELECT 1 FROM rows WHERE sid = ? LIMIT 1')
  const gone = empty.filter(sid => !row.get(sid))
  if (!gone.length) return
  changeLatest(parts, () => {
    for (const sid of gone) {
      unwritten.drop(sid)
      series.drop(sid)
    }
  })
  series.forget()
}
