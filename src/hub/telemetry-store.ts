import { LoomError } from '../errors.ts'
import type { Consumer, Delivered, JournalPort } from '../journal/journal-port.ts'
import type { WarmRow, WarmStore } from '../storage/warm-store.ts'
import { readingsOfRecord } from '../telemetry/record.ts'
import type { Problems } from './problems.ts'

const retryMs = 1000
/** Rows of one transaction: more are decoded only once these are stored. */
const sliceRows = 2000
/**
 * A transaction costs as much as many rows, and rows of one series that come together share its pages: readings can be queried so much later. More records
 * at once would hold up the connections for longer.
 */
const lot = { batch: 1000, lingerMs: 500 }
/** Trying again helps against a full or closed store; not where the record itself is to blame, or the place in a damaged file that it belongs to. */
const isFinal = (error: unknown): boolean =>
  !(error instanceof LoomError) || error.code.startsWith('READING_') || error.code === 'STORE_CORRUPT'

/**
 * Feeds every reading of the journal to the warm store. The store keeps the position in the transaction of the rows, so each reading is stored once
 * whatever crashes; a store that fails is tried again and holds up nothing but itself. A record that cannot be stored for its own sake becomes a dead letter.
 */
export async function storeTelemetry(parts: {
  journal: JournalPort
  warm: Pick<WarmStore, 'append' | 'cursor'>
  problems: Problems
  schedule(ms: number, fn: () => void): () => void
}): Promise<{ close(): Promise<void> }> {
  const { journal, warm, problems } = parts
  const { name, position } = await placeOf(warm, journal.metrics().headSeq)
  let stored = position
  let closed = false
  let chain = Promise.resolve()

  const append = async (records: readonly Delivered[], rows: readonly WarmRow[]): Promise<void> => {
    const seq = records.at(-1)!.seq
    if (seq > stored) await warm.append(rows, { cursor: { consumer: name, seq } })
    stored = Math.max(stored, seq)
    problems.clear('warm')
    consumer.ack(records.map(record => record.seq))
  }
  /** Tries until it is stored, or the record is put aside. */
  const settle = async (records: readonly Delivered[], rows: readonly WarmRow[]): Promise<void> => {
    while (!closed) {
      try {
        return await append(records, rows)
      } catch (error) {
        if (error instanceof LoomError && error.code === 'STORE_CORRUPT') problems.set('warm file', error)
        if (isFinal(error)) {
          if (records.length === 1) return consumer.deadletter([records[0]!.seq], { code: 'NODE_FAULT', message: String(error) })
          for (const record of records) await settle([record], rowsOf(record))
          return
        }
        problems.set('warm', error)
        await new Promise<void>(resolve => parts.schedule(retryMs, resolve))
      }
    }
  }
  const rowsOf = (record: Delivered): WarmRow[] => {
    if (record.seq <= stored) return []
    const decoded = readingsOfRecord(record)
    return 'readings' in decoded ? decoded.readings : []
  }
  const store = async (records: Delivered[]): Promise<void> => {
    for (let from = 0; from < records.length && !closed; ) {
      const rows: WarmRow[] = []
      let to = from
      while (to < records.length && rows.length < sliceRows) for (const row of rowsOf(records[to++]!)) rows.push(row)
      await settle(records.slice(from, to), rows)
      from = to
    }
  }

  const consumer: Consumer = await journal.consume(
    // A minute without an answer means a store that is being retried, not a lost record.
    { name, ack: 'flow', start: 'earliest', window: 2 * lot.batch, ...lot, ackTimeoutMs: 3_600_000 },
    {
      deliver: records => {
        chain = chain.then(() => store(records)).catch(error => problems.set('warm', error))
      },
    },
  )
  return {
    async close() {
      await Promise.race([chain, new Promise<void>(resolve => parts.schedule(1000, resolve))])
      closed = true
      await consumer.close()
    },
  }
}

/** A journal that began anew counts from 1 again: below the old position the warm store would take its records for repeats, so they get a new name. */
async function placeOf(warm: Pick<WarmStore, 'cursor'>, headSeq: number): Promise<{ name: string; position: number }> {
  for (let i = 1; ; i++) {
    const name = i === 1 ? '$warm' : `$warm-${i}`
    const position = await warm.cursor(name)
    if (position <= headSeq) return { name, position }
  }
}
