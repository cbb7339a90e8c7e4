import type { BulkResult, BulkSecrets } from './bulk-port.ts'
import { csvLine } from '../codec/csv-writer.ts'

const columns = ['row', 'id', 'result', 'code', 'message'] as const

export const reportHeader = csvLine(columns)

export const reportLines = (results: readonly BulkResult[]): string =>
  results.map(result => csvLine(columns.map(name => result[name]))).join('')

/** JSON lines: a key that begins with + would be changed by what makes CSV safe. */
export const secretLines = (secrets: readonly BulkSecrets[]): string =>
  secrets.map(entry => `${JSON.stringify(entry)}\n`).join('')
