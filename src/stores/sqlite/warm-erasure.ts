import type { Pace } from '../../storage/warm-query.ts'
import { dropLatest, dropSeries, dropSlice, sliceRows } from './warm-expiry.ts'
import type { WarmParts } from './warm-file.ts'

/** Deletes the rows of a device in transactions of a few milliseconds, then its series with their last values; resolves with the rows deleted. */
export async function eraseDevice(parts: WarmParts, { device, pace }: { device: string; pace: Pace }): Promise<number> {
  // What waits for a commit was appended before.
  parts.writer.drain()
  const sids = parts.series.of([device], undefined).map(({ sid }) => sid)
  // Later appends bring last values of their own.
  overwriting(parts, () => dropLatest(parts, sids))
  let total = 0
  for (const sid of sids) {
    for (let more = true; more; ) {
      const dropped = overwriting(parts, () => dropSlice(parts, { sid, cutoff: Number.MAX_SAFE_INTEGER }))
      total += dropped
      more = dropped >= sliceRows
      if (more) await pace.pause()
    }
    overwriting(parts, () => dropSeries(parts, [sid]))
    if (pace.due()) await pace.pause()
  }
  return total
}

/** A deleted row is otherwise readable in the file until its page is used again. */
function overwriting<T>({ db }: WarmParts, work: () => T): T {
  db.exec('PRAGMA secure_delete = ON')
  try {
    return work()
  } finally {
    db.exec('PRAGMA secure_delete = OFF')
  }
}
