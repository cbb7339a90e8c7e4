import { type ErrorCode, errorData, LoomError } from '../../src/errors.ts'
import { checkCsr } from '../../src/pki/csr.ts'
import type { BulkDevice, BulkResult, BulkWriter, BulkWriting } from '../../src/provisioning/bulk-port.ts'
import type { StateStore, Stored, Write } from '../../src/storage/state-store.ts'
import { openMemoryStateStore } from '../../src/stores/memory/state-store.ts'

type Kept = Omit<BulkDevice, 'row' | 'credential'> & { lower: string }

/** A registry for tests, over a memory store. */
export async function bulkRegistry(existing?: StateStore) {
  const store = existing ?? (await openMemoryStateStore({ now: Date.now }))
  await store.declare('bulk_devices', { unique: ['lower'] })
  const calls: { rows: number; o: BulkWriting }[] = []
  const state: { fail?: LoomError } = {}
  const failed = ({ row, id }: BulkDevice, code: ErrorCode, message: string): BulkResult => ({
    row,
    id,
    result: 'failed',
    code,
    message,
  })

  const decide = (
    device: BulkDevice,
    there: Stored<Kept> | undefined,
    op: BulkWriting['op'],
  ): { result: BulkResult['result']; write?: Write } => {
    const { row: _, credential, id, ...rest } = device
    const version = there?.version ?? 'new'
    if (op === 'delete') {
      if (!there) return { result: 'unchanged' }
      return { result: 'deleted', write: { op: 'delete', coll: 'bulk_devices', id } }
    }
    if (there && (op === 'create' || there.id !== id)) throw new LoomError('IDENTITY_EXISTS', `"${id}"`)
    if (credential?.kind === 'x509' && credential.csrPem !== undefined) checkCsr(credential.csrPem, {})
    const doc = { ...there?.doc, ...rest, id, lower: id.toLowerCase() }
    if (there && JSON.stringify(doc) === JSON.stringify(there.doc)) return { result: 'unchanged' }
    return { result: there ? 'updated' : 'created', write: { op: 'put', coll: 'bulk_devices', id, doc, version } }
  }

  const writer: BulkWriter = {
    async write(rows, o) {
      calls.push({ rows: rows.length, o })
      if (state.fail) throw state.fail
      const writes: Write[] = []
      const results: Awaited<ReturnType<BulkWriter['write']>>[number][] = []
      for (const [i, device] of rows.entries()) {
        if (i % 50 === 49) await o.pause()
        const { row, id } = device
        const page = await store.query<Kept>('bulk_devices', { where: [['lower', '=', id.toLowerCase()]], limit: 1 })
        try {
          const { result, write } = decide(device, page.items[0], o.op)
          if (write) writes.push(write)
          const made = result === 'created' && device.credential?.kind === 'sas' && !o.dryRun
          results.push({
            row,
            id,
            result,
            ...(made && { secrets: { cid: 'c', kind: 'sas', primaryKey: `key-of-${id}`, caPem: '' } }),
          })
        } catch (error) {
          const { code, message } = errorData(error)
          results.push(failed(device, code, message))
        }
      }
      if (!o.dryRun) await store.tx([...writes, ...o.also], { by: o.by })
      return results
    },
  }
  return { store, calls, state, writer, count: () => store.count('bulk_devices') }
}
