import { basename } from 'node:path'
import { LoomError } from '../errors.ts'
import { CsvFault, CsvReader, type CsvRecord } from './csv.ts'
import type { Values } from './models/model.ts'

export interface RecordedRow {
  /** epoch ms UTC */
  time: number
  values: Values
}

export interface Recording {
  points: string[]
  /** in the order of their times, at least one */
  rows: RecordedRow[]
}

const timeNames = /^(time|timestamp|date|datetime|date_time|ts|epoch)$/i
const iso = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?(Z|[+-]\d\d:?\d\d)?$/i

/** ISO 8601 (UTC when it names no zone) or seconds or, from 1e11 up, milliseconds since 1970. undefined: neither. */
export function recordedTime(text: string): number | undefined {
  const trimmed = text.trim()
  if (/^\d+(\.\d+)?$/.test(trimmed)) {
    const number = Number(trimmed)
    return Math.round(number >= 1e11 ? number : number * 1000)
  }
  const [, zone] = iso.exec(trimmed) ?? [undefined, undefined]
  if (!iso.test(trimmed)) return undefined
  const whole = trimmed.replace(' ', 'T')
  const time = Date.parse(zone || whole.length === 10 ? whole : `${whole}Z`)
  return Number.isNaN(time) ? undefined : time
}

/** A number, true or false where the text is one; nothing for an empty field; else the text, at most 256 characters. */
export function recordedValue(text: string): number | boolean | string | undefined {
  const trimmed = text.trim()
  if (!trimmed) return undefined
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(trimmed)) return Number(trimmed)
  if (/^(true|false)$/i.test(trimmed)) return trimmed.toLowerCase() === 'true'
  return trimmed.slice(0, 256)
}

/**
 * Reads a recording: a header, a time column (`timeColumn`, else one with a usual name, else the first whose value is an ISO time), value columns.
 * `text` comes in parts; at most `rowLimit` rows are kept. SIMULATOR_RECORDING names file, line and column.
 */
export async function readRecording(
  text: AsyncIterable<string> | Iterable<string>,
  { name, timeColumn, rowLimit = 200_000 }: { name: string; timeColumn?: string; rowLimit?: number },
): Promise<Recording> {
  const file = basename(name)
  const refuse = (reason: string, line: number, column?: number | string, hint?: string): never => {
    const position = `line ${line}${column === undefined ? '' : `, column ${column}`}`
    throw new LoomError('SIMULATOR_RECORDING', `${file} ${position}: ${reason}`, { position, ...(hint && { hint }) })
  }
  let header: string[] | undefined
  let timeAt = -1
  const rows: RecordedRow[] = []

  const rowOf = ({ line, fields }: CsvRecord, columns: string[]): RecordedRow => {
    if (fields.length !== columns.length) refuse(`${fields.length} fields where the header has ${columns.length}`, line)
    if (timeAt < 0) timeAt = timeColumnOf(columns, fields, timeColumn, line, refuse)
    const text = fields[timeAt]!
    const time =
      recordedTime(text) ??
      refuse(`${JSON.stringify(text.slice(0, 40))} is no time`, line, JSON.stringify(columns[timeAt]), 'write ISO 8601 or epoch')
    if (rows.length && time < rows.at(-1)!.time)
      refuse('the time goes backwards', line, undefined, 'sort the file by its time column')
    if (rows.length >= rowLimit) refuse(`more than ${rowLimit} rows`, line, undefined, 'split the file')
    const values: Values = {}
    fields.forEach((field, i) => {
      const value = i === timeAt ? undefined : recordedValue(field)
      if (value !== undefined) values[columns[i]!] = value
    })
    return { time, values }
  }
  const take = (record: CsvRecord): void => {
    if (header) rows.push(rowOf(record, header))
    else header = headerOf(record.fields, record.line, refuse)
  }

  const reader = new CsvReader()
  try {
    for await (const part of text) reader.push(part).forEach(take)
    reader.end().forEach(take)
  } catch (thrown) {
    if (thrown instanceof CsvFault) return refuse(thrown.message, thrown.line, thrown.column)
    throw thrown
  }
  if (!header || !rows.length) return refuse('no row follows the header', 1)
  return { points: header.filter((_, i) => i !== timeAt), rows }
}

type Refuse = (reason: string, line: number, column?: number | string, hint?: string) => never

function headerOf(fields: string[], line: number, refuse: Refuse): string[] {
  const header = fields.map(field => field.trim())
  header.forEach((column, i) => {
    if (!column || column.length > 64) refuse('a column needs a name of 1 to 64 characters', line, i + 1)
    if (column === '__proto__' || header.indexOf(column) !== i) refuse(`the name ${JSON.stringify(column)} is taken`, line, i + 1)
  })
  if (header.length < 2) refuse('a time column and a value column are needed', line)
  return header
}

function timeColumnOf(header: string[], first: string[], wanted: string | undefined, line: number, refuse: Refuse): number {
  const named = wanted ? header.indexOf(wanted) : header.findIndex(column => timeNames.test(column))
  if (named >= 0) return named
  if (wanted) return refuse(`there is no column ${JSON.stringify(wanted)}`, 1)
  const found = first.findIndex(field => iso.test(field.trim()))
  return found >= 0 ? found : refuse('no column holds a time', line, undefined, 'name the time column')
}
