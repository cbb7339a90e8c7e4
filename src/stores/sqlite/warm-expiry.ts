import type { DatabaseSync } from 'node:sqlite'
import { cutoffOf } from '../../storage/retention.ts'
import type { Pace } from '../../storage/warm-query.ts'
import type { RetentionClass } from '../../storage/warm-store.ts'
import { databaseError, type Statements } from './database.ts'
import { rollback } from './group-commit.ts'
import type { WarmWriter } from './warm-writer.ts'

const sliceRows = 500
const seriesAtOnce = 200

/** Deletes what is past its class's retention in transactions of a few milliseconds; resolves with the rows deleted. */
export async function expireRows(o: {
  db: DatabaseSync
  path: string
  statements: Statements
  writer: WarmWriter
  now: number
  keepDays: Partial<Record<RetentionClass, number>>
  pace: Pace
}): Promise<number> {
  const { db, path, statements, writer, now, keepDays, pace } = o
  let total = 0
  for (let sid = 0; ; ) {
    const batch = statements
      .of('SELECT sid, class FROM series WHERE sid > ? ORDER BY sid LIMIT ?')
      .all(sid, seriesAtOnce) as unknown as { sid: number; class: RetentionClass }[]
    if (!batch.length) return total
    for (const series of batch) {
      const cutoff = cutoffOf(series.class, now, keepDays)
      for (let more = true; more; ) {
        const dropped = dropSlice({ db, path, statements, writer, sid: series.sid, cutoff })
        total += dropped
        more = dropped >= sliceRows
        if (dropped || pace.due()) await pace.pause()
      }
    }
    sid = batch.at(-1)!.sid
  }
}

function dropSlice(o: {
  db: DatabaseSync
  path: string
  statements: Statements
  writer: WarmWriter
  sid: number
  cutoff: number
}): number {
  const { db, path, statements, writer, sid, cutoff } = o
  const end = statements
    .of('SELECT time FROM rows WHERE sid = ? AND time < ? ORDER BY time LIMIT 1 OFFSET ?')
    .get(sid, cutoff, sliceRows)
  const until = end ? Number(end.time) + 1 : cutoff
  if (!statements.of('SELECT 1 FROM rows WHERE sid = ? AND time < ? LIMIT 1').get(sid, until)) return 0
  try {
    db.exec('BEGIN IMMEDIATE')
    const dropped = Number(statements.of('DELETE FROM rows WHERE sid = ? AND time < ?').run(sid, until).changes)
    const note = writer.dropped(dropped)
    db.exec('COMMIT')
    note.committed()
    return dropped
  } catch (error) {
    rollback(db)
    throw databaseError(error, path)
  }
}
