import { LoomError } from '../errors.ts'
import type { Write } from '../storage/state-store.ts'
import type { BulkDevice, BulkOperation, BulkResult, BulkSecrets, BulkWriter } from './bulk-port.ts'
import type { BulkLine } from './bulk-reader.ts'
import { SeenIds } from './bulk-seen.ts'

export interface ImportTotals {
  /** rows dealt with, those before `from` included */
  done: number
  created: number
  updated: number
  unchanged: number
  deleted: number
  failed: number
}

export interface ImportOptions {
  rows: AsyncIterable<BulkLine>
  op: BulkOperation
  dryRun?: boolean
  by: string
  writer: BulkWriter
  /** rows that an earlier run dealt with: they are read again, for duplicates, and not written */
  from?: number
  /** rows in a transaction, 1 to 500 (default) */
  batchRows?: number
  /** default 1,000,000; IMPORT_LIMIT */
  mostRows?: number
  /** in the order of the rows, batch by batch */
  results(results: readonly BulkResult[]): void | Promise<void>
  /** Key material that was made, once; told before the results of the same rows. */
  secrets(secrets: readonly BulkSecrets[]): void | Promise<void>
  /** after each batch */
  progress?(totals: ImportTotals): void | Promise<void>
  /** What tells, in the transaction of a batch, how many rows are done with it. */
  checkpoint?(done: number): readonly Write[]
  cancelled?(): boolean
  /** lets others have their turn */
  pause(): Promise<void>
}

const pauseRows = 50
const mostInBatch = 500

/**
 * Brings rows to the registry, a batch in a transaction; no more than one batch is in memory. Rows that cannot be read, are wrong or come twice are failed results and stop nothing.
 * Rejects with what the writer or a sink rejects with, after which `from` continues; IMPORT_LIMIT. `complete`: false if it was cancelled.
 */
export async function runImport(o: ImportOptions): Promise<ImportTotals & { complete: boolean }> {
  const { op, dryRun = false, by, writer, from = 0, mostRows = 1_000_000 } = o
  const batchRows = Math.min(Math.max(1, o.batchRows ?? mostInBatch), mostInBatch)
  const totals: ImportTotals = { done: from, created: 0, updated: 0, unchanged: 0, deleted: 0, failed: 0 }
  const seen = new SeenIds()
  let batch: (BulkDevice | BulkResult)[] = []

  const flush = async (): Promise<void> => {
    if (batch.length === 0) return
    const rows = batch
    batch = []
    const done = totals.done + rows.length
    const devices = rows.filter(row => !('result' in row))
    const also = dryRun ? [] : (o.checkpoint?.(done) ?? [])
    const written = devices.length > 0 ? await writer.write(devices, { op, dryRun, by, also, pause: o.pause }) : []
    if (written.length !== devices.length) throw new TypeError(`${written.length} results for ${devices.length} rows`)
    const secrets = written.flatMap(({ row, id, secrets }) => (secrets ? [{ row, id, secrets }] : []))
    if (secrets.length > 0) await o.secrets(secrets)
    let next = 0
    const results = rows.map(row => ('result' in row ? row : withoutSecrets(written[next++]!)))
    for (const { result } of results) totals[result]++
    totals.done = done
    await o.results(results)
    await o.progress?.({ ...totals })
  }

  let count = 0
  for await (const line of o.rows) {
    if (++count > mostRows) {
      await flush()
      throw new LoomError('IMPORT_LIMIT', `more than ${mostRows} rows`, { hint: 'split the file' })
    }
    if (count % pauseRows === 0) await o.pause()
    const row = 'device' in line ? unlessSeen(seen, line.device) : failed(line)
    if (count <= from) continue
    if (o.cancelled?.()) return { ...totals, complete: false }
    batch.push(row)
    if (batch.length >= batchRows) await flush()
  }
  await flush()
  return { ...totals, complete: true }
}

const failed = ({ row, id, code, message }: Extract<BulkLine, { code: unknown }>): BulkResult => ({
  row,
  id,
  result: 'failed',
  code,
  message,
})

function unlessSeen(seen: SeenIds, device: BulkDevice): BulkDevice | BulkResult {
  const { row, id } = device
  const before = seen.add(id, row)
  if (before === undefined) return device
  const { code, message } = new LoomError('IMPORT_DUPLICATE', `"${id}" is in row ${before}`)
  return { row, id, result: 'failed', code, message }
}

/** Members picked one by one: whatever else a writer says stays out of reports. */
const withoutSecrets = ({ row, id, result, code, message }: BulkResult): BulkResult => ({
  row,
  id,
  result,
  ...(code !== undefined && { code }),
  ...(message !== undefined && { message }),
})
