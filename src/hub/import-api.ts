import { setImmediate as nextTurn } from 'node:timers/promises'
import { LoomError } from '../errors.ts'
import { runImport } from '../provisioning/bulk-import.ts'
import type { Operations, OperationView, RunningOperation } from '../provisioning/bulk-operations.ts'
import { type BulkOperation, bulkOperations, type BulkWriter } from '../provisioning/bulk-port.ts'
import type { Deed } from './audit-trail.ts'
import { ImportKeep } from './import-keep.ts'
import { checkedFormat, countRows, digestOf, type ImportFile, type ImportFormat, rowsOf } from './import-source.ts'

export interface ImportsParts {
  /** over the store that `writer` writes identities to */
  operations: Operations
  writer: BulkWriter
  now: () => number
  /** the audit record of what has no transaction of its own */
  note(deed: Deed): void
  /** After each batch: the registry has changed. */
  changed(): void
  /** for secrets, and as much again for reports; default 64 MiB */
  keepBytes?: number
  /** after the end of an import, default 10 minutes */
  keepMs?: number
  /** default 1,000,000 */
  mostRows?: number
  batchRows?: number
}

export type StartImport = ImportFile & {
  format: ImportFormat
  /** default `upsert` */
  op?: BulkOperation
  dryRun?: boolean
  /** rows, if they are known: those of `text` are counted */
  total?: number
  by: string
}

export interface ImportView {
  operation: OperationView
  /** rows whose secrets wait to be fetched */
  secrets: number
}

/** Imports of devices. Their reports and secrets are in memory only and go with the hub. */
export interface Imports {
  /** Returns at once. REQUEST_INVALID, PROV_THROTTLED; what is wrong with the file is the error of the operation. */
  start(o: StartImport): Promise<ImportView>
  /** Goes on with the same file, given again, after a stop or crash. NOT_FOUND, OPERATION_STATE (also for another file), PROV_THROTTLED. */
  resume(o: ImportFile & { id: string; by: string }): Promise<ImportView>
  get(o: { id: string }): Promise<ImportView | undefined>
  /** Newest first; a page may be short. */
  list(o?: { limit?: number; cursor?: string }): Promise<{ items: ImportView[]; next?: string }>
  /** What is done stays done. NOT_FOUND, OPERATION_STATE. */
  cancel(o: { id: string; by: string }): Promise<void>
  /** CSV, a line a row so far, `omitted` lines for which there was no room. NOT_FOUND ten minutes after the end. */
  report(o: { id: string }): { csv: string; omitted: number }
  /** JSON lines `{row, id, secrets}`, each given out once; of a running import those made so far. NOT_FOUND if there are none (any more). */
  secrets(o: { id: string; by: string }): { lines: string; rows: number }
  /** Resolves when the import has ended, whichever way. */
  ended(o: { id: string }): Promise<void>
  /** Forgets reports and secrets in time; due each minute. */
  expire(now: number): void
}

const kind = 'devices.import'
const mebibyte = 1024 ** 2
/** More than the secrets of a row take: key, certificate, chain and root, each once. */
const rowSecretBytes = 12_288

export function createImports(parts: ImportsParts): Imports {
  const { operations, writer, now, note } = parts
  const keepBytes = parts.keepBytes ?? 64 * mebibyte
  const keep = new ImportKeep({ reportBytes: keepBytes, secretBytes: keepBytes, keptMs: parts.keepMs ?? 600_000 })
  const pause = (): Promise<void> => nextTurn()

  const viewOf = (operation: OperationView): ImportView => ({ operation, secrets: keep.waiting(operation.id) })
  const found = async (id: string): Promise<OperationView> => {
    const operation = await operations.get(id)
    if (operation?.kind !== kind) throw new LoomError('NOT_FOUND', `import ${JSON.stringify(String(id).slice(0, 80))}`)
    return operation
  }
  /** Refuses a batch before it is written if its secrets would find no room: they would be lost. */
  const careful: BulkWriter = {
    write(rows, o) {
      const wanted = o.dryRun || o.op === 'delete' ? 0 : rows.filter(({ credential }) => credential).length
      if (wanted && !keep.hasRoom(wanted * rowSecretBytes))
        throw new LoomError('IMPORT_LIMIT', `secrets of ${keepBytes} bytes wait to be fetched`, {
          hint: 'fetch them, then resume the import',
        })
      return writer.write(rows, o)
    },
  }

  const work = (o: StartImport, op: BulkOperation) => async (operation: RunningOperation) => {
    const { id, from } = operation
    const { format, dryRun = false, by } = o
    let total = o.total
    keep.open(id)
    try {
      if (o.text !== undefined) total = await countRows(format, o.text, pause)
      if (total !== undefined) await operation.progress({ done: from, failed: 0, total })
      return await runImport({
        rows: rowsOf(format, o),
        op,
        dryRun,
        by,
        writer: careful,
        from,
        ...(parts.mostRows !== undefined && { mostRows: parts.mostRows }),
        ...(parts.batchRows !== undefined && { batchRows: parts.batchRows }),
        results: results => keep.addReport(id, results),
        secrets: secrets => keep.addSecrets(id, secrets),
        async progress({ done, failed }) {
          if (!dryRun) parts.changed()
          await operation.progress({ done, failed })
        },
        checkpoint: done => operation.checkpoint(done),
        cancelled: () => operation.cancelled(),
        pause,
      })
    } finally {
      keep.end(id, now())
    }
  }

  return {
    async start(o) {
      const { by, dryRun = false } = o
      const format = checkedFormat(o.format)
      const op = checkedOperation(o.op ?? 'upsert')
      const digest = digestOf(checkedFile(o))
      const detail = { format, op, dryRun, ...(digest !== undefined && { digest }) }
      const total = o.total === undefined ? {} : { total: o.total }
      const operation = await operations.start({ kind, by, detail, resumable: !dryRun, ...total }, work(o, op))
      note({ by, action: 'devices.import', target: operation.id, detail })
      return viewOf(operation)
    },
    async resume({ id, by, ...file }) {
      const { detail, total } = await found(id)
      const { format, op, digest } = detail as { format: ImportFormat; op: BulkOperation; digest?: string }
      const given = digestOf(checkedFile(file))
      if (digest !== undefined && given !== digest)
        throw new LoomError('OPERATION_STATE', `"${id}" read another file`, { hint: 'give the same text again' })
      const again = { ...file, format, by, ...(total !== undefined && { total }) }
      const operation = await operations.resume(id, work(again, op))
      note({ by, action: 'devices.import', target: id, detail: { resumed: operation.done } })
      return viewOf(operation)
    },
    async get({ id }) {
      const operation = await operations.get(id)
      return operation?.kind === kind ? viewOf(operation) : undefined
    },
    async list(o) {
      const { items, next } = await operations.list(o)
      return { items: items.filter(one => one.kind === kind).map(viewOf), ...(next !== undefined && { next }) }
    },
    async cancel({ id, by }) {
      await found(id)
      await operations.cancel(id)
      note({ by, action: 'devices.import.cancel', target: id })
    },
    report({ id }) {
      keep.expire(now())
      const report = keep.report(id)
      if (!report) throw gone(id, 'report')
      return report
    },
    secrets({ id, by }) {
      keep.expire(now())
      const secrets = keep.takeSecrets(id)
      if (!secrets) throw gone(id, 'secrets')
      note({ by, action: 'devices.import.secrets', target: id, detail: { rows: secrets.rows } })
      return secrets
    },
    ended: ({ id }) => operations.ended(id),
    expire: at => keep.expire(at),
  }
}

const gone = (id: string, what: string): LoomError =>
  new LoomError('NOT_FOUND', `${what} of import ${JSON.stringify(String(id).slice(0, 80))}`, {
    hint: 'they are kept for ten minutes after its end; secrets are given out once',
  })

function checkedOperation(op: unknown): BulkOperation {
  const known = bulkOperations.find(name => name === op)
  if (known) return known
  throw new LoomError('REQUEST_INVALID', `op ${JSON.stringify(op)?.slice(0, 40)}`, { hint: `it is ${bulkOperations.join(', ')}` })
}

function checkedFile(file: ImportFile): ImportFile {
  if ((typeof file.text === 'string') !== (file.chunks !== undefined)) return file
  throw new LoomError('REQUEST_INVALID', 'the file', { hint: 'give text or chunks' })
}
