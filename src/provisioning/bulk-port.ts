import type { CredentialRequest, DeviceSecrets } from '../identity/credential-types.ts'
import type { ErrorCode } from '../errors.ts'
import type { Write } from '../storage/state-store.ts'

/** `create`: one that exists fails; `upsert`: it is changed where it differs; `delete`: one that does not exist is unchanged. */
export const bulkOperations = ['create', 'upsert', 'delete'] as const
export type BulkOperation = (typeof bulkOperations)[number]

/** One row, checked. Members that are absent are not changed. */
export interface BulkDevice {
  /** from 1, the header and empty lines not counted */
  row: number
  id: string
  enabled?: boolean
  model?: string
  tags?: Record<string, unknown>
  attributes?: Record<string, string>
  desired?: Record<string, unknown>
  groups?: string[]
  policies?: string[]
  credential?: CredentialRequest
}

export interface BulkResult {
  row: number
  id: string
  result: 'created' | 'updated' | 'unchanged' | 'deleted' | 'failed'
  code?: ErrorCode
  message?: string
}

export interface BulkSecrets {
  row: number
  id: string
  secrets: DeviceSecrets
}

export interface BulkWriting {
  op: BulkOperation
  /** says what would become of the rows, and writes nothing */
  dryRun: boolean
  by: string
  /** further documents of the same store, in the transaction of these rows */
  also: readonly Write[]
  /** to be awaited after every 50 rows of work, so that others have their turn */
  pause(): Promise<void>
}

/** The registry side of an import. */
export interface BulkWriter {
  /**
   * At most 500 rows of different devices in one transaction; one result for each, in order. A row that cannot be is `failed` and does not stop the others. A rejection
   * means that nothing of them was written. Key material made here comes beside the result, once. `unchanged`: everything the row says is so already; a credential it asks to
   * be made is made only for a device that is new.
   */
  write(rows: readonly BulkDevice[], o: BulkWriting): Promise<readonly (BulkResult & { secrets?: DeviceSecrets })[]>
}
