import { CsvReader } from '../codec/csv-reader.ts'
import { LoomError } from '../errors.ts'

/** `bytes`: of the rows as JSON. */
export const referenceLimits = {
  tables: 100,
  rows: 100_000,
  bytes: 16_777_216,
  rowBytes: 65_536,
  keyChars: 256,
  /** keys of one lookup, devices of one question about devices */
  asked: 10_000,
} as const

/** Rows as they are given: text, or values. */
export type ReferenceRows =
  | { text: string; format: 'csv' | 'jsonl' | 'json' }
  /** A list of objects, or an object of rows by key. */
  | { rows: unknown }

export interface ReferenceContent {
  /** name of the column whose values are the keys; '' where the keys are given apart */
  key: string
  columns: string[]
  /** by key */
  rows: Map<string, unknown>
  bytes: number
}

const encoder = new TextEncoder()

export const isTableName = (name: unknown): name is string => typeof name === 'string' && /^[A-Za-z][\w-]{0,63}$/.test(name)

/** Keys are compared as texts: 7 and '7' are one. Undefined for what is no key. */
export function referenceKey(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  return typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value)) ? String(value) : undefined
}

/**
 * The rows of a table by key. `key` is a column, by default the first. Fields of CSV are numbers where all digits survive, `true` and `false` Booleans, else text; empty ones are absent.
 * REFERENCE_INVALID with the row at fault as position, from 1; REFERENCE_LIMIT.
 */
export function readReference(given: ReferenceRows, key?: string): ReferenceContent {
  const content: ReferenceContent = { key: key ?? '', columns: [], rows: new Map(), bytes: 0 }
  if ('rows' in given) takeValues(content, given.rows)
  else if (given.format === 'csv') takeCsv(content, given.text)
  else if (given.format === 'json') takeValues(content, parsed(given.text, 0))
  else {
    const lines = given.text.split('\n')
    takeList(
      content,
      lines.flatMap((line, i) => (line.trim() === '' ? [] : [parsed(line, i + 1)])),
    )
  }
  return content
}

function takeValues(content: ReferenceContent, value: unknown): void {
  if (Array.isArray(value)) {
    takeList(content, value)
    return
  }
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value))
    throw invalid('rows are a list of objects, or an object of rows by key', 0)
  if (content.key) throw invalid(`rows by key have no column ${content.key.slice(0, 60)} for it`, 0)
  for (const [i, [key, row]] of Object.entries(value).entries()) put(content, key, row, i + 1)
}

function takeList(content: ReferenceContent, list: readonly unknown[]): void {
  const columns = new Set<string>()
  list.forEach((row, i) => {
    if (typeof row !== 'object' || row === null || Array.isArray(row)) throw invalid('a row is an object', i + 1)
    for (const column of Object.keys(row)) columns.add(column)
    content.key ||= Object.keys(row)[0] ?? ''
    const value = Object.hasOwn(row, content.key) ? (row as Record<string, unknown>)[content.key] : undefined
    put(content, keyOf(value, content.key, i + 1), row, i + 1)
  })
  content.columns = [...columns]
}

function takeCsv(content: ReferenceContent, text: string): void {
  const reader = new CsvReader({ columns: 1000 })
  let names: string[] | undefined
  for (const row of [...reader.push(text), ...reader.end()]) {
    if ('fault' in row) throw invalid(row.fault, row.line)
    if (!names) {
      names = namesOf(row.fields)
      content.columns = names
      content.key ||= names[0]!
      if (!names.includes(content.key)) throw invalid(`there is no column ${content.key.slice(0, 60)}`, row.line)
      continue
    }
    if (row.fields.length > names.length) throw invalid(`${row.fields.length} fields for ${names.length} columns`, row.line)
    const fields = row.fields.flatMap((field, i): [string, unknown][] => (field === '' ? [] : [[names![i]!, fieldValue(field)]]))
    const key = row.fields[names.indexOf(content.key)]
    put(content, keyOf(key || undefined, content.key, row.line), Object.fromEntries(fields), row.line)
  }
  if (!names) throw invalid('there is no line with the names of the columns', 1)
}

function namesOf(fields: readonly string[]): string[] {
  const names = fields.map(name => name.trim())
  const wrong = names.findIndex((name, i) => name === '' || names.indexOf(name) < i)
  if (wrong >= 0) throw invalid(`column ${wrong + 1} has no name of its own`, 1)
  return names
}

function fieldValue(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true'
  const digits = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/.test(text) && text.replace(/\D/g, '').length <= 15
  return digits ? Number(text) : text
}

function put(content: ReferenceContent, key: string, row: unknown, at: number): void {
  const { rows } = content
  if (key.length > referenceLimits.keyChars) throw beyond(`a key of more than ${referenceLimits.keyChars} characters`, at)
  if (rows.has(key)) throw invalid('an earlier row has the same key', at)
  const bytes = encoder.encode(JSON.stringify(row) ?? '').length
  if (bytes > referenceLimits.rowBytes) throw beyond(`a row of more than ${referenceLimits.rowBytes} bytes`, at)
  content.bytes += bytes
  if (content.bytes > referenceLimits.bytes) throw beyond(`more than ${referenceLimits.bytes} bytes`, at)
  if (rows.size === referenceLimits.rows) throw beyond(`more than ${referenceLimits.rows} rows`, at)
  rows.set(key, row)
}

function keyOf(value: unknown, column: string, at: number): string {
  const key = referenceKey(value)
  if (key === undefined) throw invalid(`no text or number in column ${column.slice(0, 60)}, which is the key`, at)
  return key
}

function parsed(text: string, row: number): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new LoomError('REFERENCE_INVALID', row ? `row ${row} is no JSON` : 'the text is no JSON', { cause, position: row })
  }
}

const at = (row: number): string => (row ? `row ${row}: ` : '')
const invalid = (detail: string, row: number): LoomError =>
  new LoomError('REFERENCE_INVALID', at(row) + detail, { position: row })
const beyond = (detail: string, row: number): LoomError => new LoomError('REFERENCE_LIMIT', at(row) + detail, { position: row })
