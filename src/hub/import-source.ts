import { createHash } from 'node:crypto'
import { LoomError } from '../errors.ts'
import { type BulkLine, type Chunks, readCsvDevices, readJsonDevices } from '../provisioning/bulk-reader.ts'
import { CsvReader } from '../codec/csv-reader.ts'

export const importFormats = ['csv', 'jsonl'] as const
export type ImportFormat = (typeof importFormats)[number]

/** A file as a whole, or as it comes. */
export type ImportFile = { text: string; chunks?: undefined } | { chunks: Chunks; text?: undefined }

const sliceChars = 65_536

export const rowsOf = (format: ImportFormat, file: ImportFile): AsyncGenerator<BulkLine> => {
  const chunks = file.text === undefined ? file.chunks : slices(file.text)
  return format === 'csv' ? readCsvDevices(chunks) : readJsonDevices(chunks)
}

/** So that no more than the rows of a slice are in memory as objects. */
function* slices(text: string): Generator<string> {
  for (let at = 0; at < text.length; at += sliceChars) yield text.slice(at, at + sliceChars)
}

/** By which a file is recognised when an import of it goes on. Undefined for one that is still coming. */
export const digestOf = ({ text }: ImportFile): string | undefined =>
  text === undefined ? undefined : createHash('sha256').update(text).digest('base64url')

/** Rows of a whole file, counted before the work for its progress. */
export async function countRows(format: ImportFormat, text: string, pause: () => Promise<void>): Promise<number> {
  const reader = new CsvReader()
  let rows = format === 'csv' ? -1 : 0
  let rest = ''
  for (const slice of slices(text)) {
    if (format === 'csv') rows += reader.push(slice).length
    else {
      const lines = (rest + slice).split('\n')
      rest = lines.pop() ?? ''
      rows += lines.filter(line => line.trim() !== '').length
    }
    await pause()
  }
  if (format === 'csv') rows += reader.end().length
  else if (rest.trim() !== '') rows++
  return Math.max(rows, 0)
}

/** REQUEST_INVALID. */
export function checkedFormat(format: unknown): ImportFormat {
  const known = importFormats.find(name => name === format)
  if (known) return known
  throw new LoomError('REQUEST_INVALID', `format ${JSON.stringify(format)?.slice(0, 40)}`, {
    hint: `formats are ${importFormats.join(' and ')}`,
  })
}
