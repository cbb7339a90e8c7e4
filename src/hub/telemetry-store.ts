import type { Consumer, Delivered, JournalPort } from '../journal/journal-port.ts'
import type { WarmRow, WarmStore } from '../storage/warm-store.ts'
import { readingsOfRecord } from '../telemetry/record.ts'
import type { Problems } from './problems.ts'

const retryMs = 1000

/**
 * Feeds every reading of the journal to the warm store. The store keeps the position in the transaction of the rows, so each reading is stored once
 * whatever crashes; a store that fails is tried again and holds up nothing but itself.
 */
export async function storeTelemetry(parts: {
  journal: JournalPort
  warm: WarmStore
  problems: Problems
  schedule(ms: number, fn: () => void): () => void
}): Promise<{ close(): Promise<void> }> {
  const { journal, warm } = parts
  const { name, position } = await placeOf(warm, journal.metrics().headSeq)
  let stored = position
  let closed = false
  let chain = Promise.resolve()

  const store = async (records: Delivered[]): Promise<void> => {
    const rows: WarmRow[] = []
    let last = stored
    for (const record of records) {
      if (record.seq <= stored) continue
      last = Math.max(last, record.seq)
      const decoded = readingsOfRecord(record)
      if ('readings' in decoded) rows.push(...decoded.readings)
    }
    while (!closed) {
      try {
        if (last > stored) await warm.append(rows, { cursor: { consumer: name, seq: last } })
        stored = Math.max(stored, last)
        parts.problems.clear('warm')
        consumer.ack(records.map(r => r.seq))
        return
      } catch (error) {
        parts.problems.set('warm', error)
        await new Promise<void>(resolve => parts.schedule(retryMs, resolve))
      }
    }
  }

  const consumer: Consumer = await journal.consume(
    // A minute without an answer means a store that is being retried, not a lost record.
    { name, ack: 'flow', start: 'earliest', window: 2000, ackTimeoutMs: 3_600_000 },
    {
      deliver: records => {
        chain = chain.then(() => store(records))
      },
    },
  )
  return {
    async close() {
      await Promise.race([chain, new Promise<void>(resolve => parts.schedule(3000, resolve))])
      closed = true
      await consumer.close()
    },
  }
}

/** A journal that began anew counts from 1 again: below the old position the warm store would take its records for repeats, so they get a new name. */
async function placeOf(warm: WarmStore, headSeq: number): Promise<{ name: string; position: number }> {
  for (let i = 1; ; i++) {
    const name = i === 1 ? '$warm' : `$warm-${i}`
    const position = await warm.cursor(name)
    if (position <= headSeq) return { name, position }
  }
}
