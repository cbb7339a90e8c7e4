import { type ErrorCode, errorData, LoomError, withoutSecrets } from '../errors.ts'
import type { BulkDevice } from './bulk-port.ts'
import { checkRow, memberNames, pathOf, put } from './bulk-row.ts'
import { CsvReader, type CsvRow } from '../codec/csv-reader.ts'
import { isObject } from './enrolment-values.ts'

/** A row of the file, checked, or why it is none. */
export type BulkLine = { row: number; device: BulkDevice } | { row: number; id: string; code: ErrorCode; message: string }

export type Chunks = AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>

const lineChars = 65_536

/**
 * Devices from CSV with a header (`id,model,enabled,tags.site,attributes.x,desired.y,groups,policies,kind,csr,..`), one row in memory. Empty cells say nothing; all values are texts. Rejects with
 * IMPORT_HEADER_INVALID before the first row.
 */
export async function* readCsvDevices(chunks: Chunks): AsyncGenerator<BulkLine> {
  const reader = new CsvReader()
  let header: string[][] | undefined
  let row = 0
  const linesOf = function* (rows: readonly CsvRow[]): Generator<BulkLine> {
    for (const found of rows) {
      if (!header) header = headerOf(found)
      else yield csvLineOf(++row, found, header)
    }
  }
  for await (const text of texts(chunks)) yield* linesOf(reader.push(text))
  yield* linesOf(reader.end())
  if (!header) throw new LoomError('IMPORT_HEADER_INVALID', 'the file is empty')
}

/** Devices from JSON lines: one object a line, members as the columns of CSV, `tags`, `attributes` and `desired` also as objects. */
export async function* readJsonDevices(chunks: Chunks): AsyncGenerator<BulkLine> {
  let rest = ''
  let skipping = false
  let row = 0
  for await (const text of texts(chunks)) {
    let from = 0
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', from)) {
      const line = rest + text.slice(from, at)
      from = at + 1
      rest = ''
      if (skipping) skipping = false
      else if (line.length > lineChars) yield tooLong(++row)
      else if (line.trim() !== '') yield jsonLineOf(++row, line)
    }
    if (!skipping) rest += text.slice(from)
    if (rest.length > lineChars) {
      yield tooLong(++row)
      rest = ''
      skipping = true
    }
  }
  if (rest.trim() !== '') yield jsonLineOf(++row, rest)
}

/** UTF-8 over chunk borders, without the byte order mark. */
async function* texts(chunks: Chunks): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let first = true
  const clean = (text: string): string => {
    if (!first || text === '') return text
    first = false
    return text.startsWith('\uFEFF') ? text.slice(1) : text
  }
  for await (const chunk of chunks)
    yield typeof chunk === 'string' ? clean(chunk) : clean(decoder.decode(chunk, { stream: true }))
  yield clean(decoder.decode())
}

function headerOf(found: CsvRow): string[][] {
  if ('fault' in found) throw new LoomError('IMPORT_HEADER_INVALID', found.fault, { position: found.line })
  const seen = new Set<string>()
  const header = found.fields.map((name, at) => {
    const path = pathOf(name)
    const place = { position: at + 1 }
    if (!path)
      // A file without a header has a key or password in the place of a name.
      throw new LoomError('IMPORT_HEADER_INVALID', `column ${at + 1} has another name`, {
        ...place,
        hint: `columns are ${memberNames.join(', ')}, tags.*, attributes.*, desired.*`,
      })
    const key = path.join('.')
    if (seen.has(key)) throw new LoomError('IMPORT_HEADER_INVALID', `column "${key.slice(0, 60)}" comes twice`, place)
    seen.add(key)
    return path
  })
  for (const path of header)
    for (let length = 1; length < path.length; length++) {
      const part = path.slice(0, length).join('.')
      if (seen.has(part))
        throw new LoomError('IMPORT_HEADER_INVALID', `columns "${part}" and "${path.join('.').slice(0, 60)}" exclude each other`)
    }
  if (!seen.has('id')) throw new LoomError('IMPORT_HEADER_INVALID', 'no column id', { hint: 'the first line names the columns' })
  return header
}

function csvLineOf(row: number, found: CsvRow, header: readonly string[][]): BulkLine {
  if ('fault' in found) return { row, id: '', code: 'IMPORT_ROW_INVALID', message: `line ${found.line}: ${found.fault}` }
  const { fields, line } = found
  const members: Record<string, unknown> = {}
  header.forEach((path, at) => {
    const value = fields[at]
    if (value !== undefined && value !== '') put(members, path, value)
  })
  const checked = lineOf(row, members)
  if (fields.length <= header.length) return checked
  const message = `line ${line}: ${fields.length} fields under ${header.length} columns`
  return { row, id: idOf(members), code: 'IMPORT_ROW_INVALID', message }
}

function jsonLineOf(row: number, line: string): BulkLine {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return { row, id: '', code: 'IMPORT_ROW_INVALID', message: 'the line is no JSON' }
  }
  if (!isObject(value)) return { row, id: '', code: 'IMPORT_ROW_INVALID', message: 'the line is no JSON object' }
  const members: Record<string, unknown> = {}
  for (const [name, member] of Object.entries(value)) {
    if (member === null) continue
    const path = ['tags', 'attributes', 'desired'].includes(name) ? [name] : pathOf(name)
    if (!path)
      return {
        row,
        id: idOf(value),
        code: 'IMPORT_ROW_INVALID',
        message: `no member ${JSON.stringify(withoutSecrets(name.slice(0, 60)))}`,
      }
    put(members, path, member)
  }
  return lineOf(row, members)
}

function lineOf(row: number, members: Record<string, unknown>): BulkLine {
  try {
    return { row, device: checkRow(row, members) }
  } catch (error) {
    const { code, message } = errorData(error)
    return { row, id: idOf(members), code, message }
  }
}

const tooLong = (row: number): BulkLine => ({
  row,
  id: '',
  code: 'IMPORT_ROW_INVALID',
  message: `longer than ${lineChars} characters`,
})

const idOf = ({ id }: Record<string, unknown>): string => (typeof id === 'string' ? withoutSecrets(id.slice(0, 128)) : '')
