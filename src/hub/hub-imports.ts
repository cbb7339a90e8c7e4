import type { BulkOperation } from '../provisioning/bulk-port.ts'
import type { ImportView } from './import-api.ts'

/** Imports of many devices. REQUEST_INVALID, PROV_THROTTLED, NOT_FOUND, OPERATION_STATE. */
export interface ImportsApi {
  /** Returns at once; what is wrong with the file is the error of the operation, what is wrong with a row is in the report. */
  start(o: { text: string; format: 'csv' | 'jsonl'; op?: BulkOperation; dryRun?: boolean; by?: string }): Promise<ImportView>
  /** Goes on with the same file, given again, after a stop or crash. */
  resume(o: { id: string; text: string; by?: string }): Promise<ImportView>
  get(o: { id: string }): Promise<ImportView | undefined>
  /** Newest first. */
  list(o: { limit?: number; cursor?: string }): Promise<{ items: ImportView[]; next?: string }>
  /** What is done stays done. */
  cancel(o: { id: string; by?: string }): Promise<void>
  /** CSV, a line a row; kept for ten minutes after the end. */
  report(o: { id: string }): Promise<{ csv: string; omitted: number }>
  /** JSON lines `{row, id, secrets}`, each given out once. */
  secrets(o: { id: string; by?: string }): Promise<{ lines: string; rows: number }>
}

export type { ImportView } from './import-api.ts'
