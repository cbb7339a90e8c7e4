import { charsetOf, wideOf } from '../telemetry/unicode.ts'
import { type Codec, codecLimits } from './codec.ts'
import { CsvReader } from './csv-reader.ts'
import { csvLine } from './csv-writer.ts'
import { encodableOf } from './encodable.ts'
import { beyondLimit, malformed, truncated, unfit } from './fault.ts'
import { assertInput } from './input.ts'
import { plainOf, setOwn } from './plain.ts'
import { utf8Fault } from './utf8.ts'

export type CsvType = 'text' | 'number' | 'boolean' | 'time'

export interface CsvOptions {
  /** Names of the columns; without them the first row has them. On writing they are the order, and say what is written. */
  columns?: readonly string[]
  /** With `columns`: whether a row of names comes first all the same. Default: there is one if `columns` are not given. */
  header?: boolean
  /** One character; default `,`, and `;` where the decimal sign is a comma. */
  separator?: string
  /** Sign before the fraction of a number, `.` or `,`. */
  decimal?: '.' | ','
  /** By column. `time` is text of ISO 8601, read as epoch ms. Without a type: a number where all digits survive, else text. */
  types?: Readonly<Record<string, CsvType>>
  /** On writing, an apostrophe before texts that a spreadsheet would run as a formula. Default true. */
  guarded?: boolean
}

const format = 'CSV'
const utf8 = new TextDecoder()
const number = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
const isoTime = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?$/
const mostColumns = 1000

/** CSV (RFC 4180): a list of objects by column. Empty fields are absent members, not zero. CODEC_INVALID for a field that is not of its column's type. */
export function csvCodec(options: CsvOptions = {}): Codec {
  const { columns, decimal = '.', separator = decimal === ',' ? ';' : ',', guarded = true } = options
  const { header = columns === undefined, types = {} } = options
  if (separator.length !== 1 || separator === decimal || /["\r\n]/.test(separator))
    throw unfit(format, 'separator', `${JSON.stringify(separator.slice(0, 20))} cannot part fields here`)
  if (!columns && !header) throw unfit(format, 'columns', 'without a row of names they must be given')
  if (columns?.length === 0 || new Set(columns).size !== (columns?.length ?? 0))
    throw unfit(format, 'columns', 'names that are missing or there twice')

  const typedValue = (text: string, name: string, path: string): unknown => {
    const type = Object.hasOwn(types, name) ? types[name] : undefined
    if (type === 'text') return text
    const trimmed = text.trim()
    if (type === 'boolean') {
      if (/^(?:true|1)$/i.test(trimmed)) return true
      if (/^(?:false|0)$/i.test(trimmed)) return false
      throw unfit(format, path, `${JSON.stringify(text.slice(0, 40))} is neither true nor false`)
    }
    if (type === 'time') {
      const time = isoTime.test(trimmed) ? Date.parse(trimmed) : Number.NaN
      if (Number.isNaN(time)) throw unfit(format, path, `${JSON.stringify(text.slice(0, 40))} is no time`)
      return time
    }
    const written = decimal === ',' ? trimmed.replace(',', '.') : trimmed
    const readable = number.test(written) && !(decimal === ',' && trimmed.includes('.'))
    const value = readable ? Number(written) : Number.NaN
    if (type === 'number') {
      if (!Number.isFinite(value)) throw unfit(format, path, `${JSON.stringify(text.slice(0, 40))} is no number`)
      return value
    }
    return Number.isFinite(value) && keepsDigits(written) ? value : text
  }

  const objectOf = (fields: readonly string[], names: readonly string[], row: number): Record<string, unknown> => {
    const object: Record<string, unknown> = {}
    for (const [i, text] of fields.entries())
      if (text !== '') setOwn(object, names[i]!, typedValue(text, names[i]!, `[${row}].${names[i]}`))
    return object
  }

  return {
    name: 'csv',
    decode(bytes, context) {
      assertInput(format, bytes, context)
      if (wideOf(bytes, charsetOf(context))) throw malformed(format, 0, 'a text that is not UTF-8')
      let names = header ? undefined : columns
      let left = codecLimits.elements
      const objects: Record<string, unknown>[] = []
      for (const row of rowsOf(bytes, separator)) {
        left -= row.fields.length
        if (left < 0) throw beyondLimit(format, lineStart(bytes, row.line), `more than ${codecLimits.elements} fields`)
        if (!names) {
          names = columns ?? namesOf(row.fields, bytes)
          continue
        }
        if (row.fields.length > names.length)
          throw malformed(
            format,
            lineStart(bytes, row.line),
            `line ${row.line} has ${row.fields.length} fields for ${names.length} columns`,
          )
        objects.push(objectOf(row.fields, names, objects.length))
      }
      return objects
    },
    encode(value) {
      const rows = asRows(plainOf(encodableOf(format, value)))
      const names = columns ?? [...new Set(rows.flatMap(row => Object.keys(row)))]
      const line = (fields: readonly (string | number | undefined)[]): string => csvLine(fields, { separator, guarded })
      const fieldOf = (row: Record<string, unknown>, name: string, i: number): string | number | undefined => {
        const member = Object.hasOwn(row, name) ? row[name] : undefined
        if (member === undefined || member === null) return undefined
        if (typeof member === 'object') throw unfit(format, `[${i}].${name}`, 'a field holds no object or list')
        if (Object.hasOwn(types, name) && types[name] === 'time' && typeof member === 'number')
          return new Date(member).toISOString()
        return typeof member === 'number' && decimal === ',' ? String(member).replace('.', ',') : String(member)
      }
      const lines = rows.map((row, i) => line(names.map(name => fieldOf(row, name, i))))
      return Buffer.from((header ? line(names) : '') + lines.join(''))
    },
  }
}

/** `007` and 16 digits are no numbers to calculate with. */
const keepsDigits = (text: string): boolean => text.replace(/[eE].*$/, '').replace(/^-?0?\.?0*|\./g, '').length <= 15

function namesOf(fields: readonly string[], bytes: Uint8Array): readonly string[] {
  const names = fields.map(name => name.trim())
  const wrong = names.findIndex((name, i) => name === '' || names.indexOf(name) < i)
  if (wrong >= 0) throw malformed(format, lineStart(bytes, 1), `column ${wrong + 1} has no name of its own`)
  return names
}

function* rowsOf(bytes: Uint8Array, separator: string): Generator<{ line: number; fields: string[] }> {
  const fault = utf8Fault(bytes)
  if (fault !== undefined) throw malformed(format, fault, 'a text that is not UTF-8')
  const reader = new CsvReader({ separator, columns: mostColumns })
  // In parts, so that a limit ends it before all of it is fields.
  const text = utf8.decode(bytes)
  for (let at = 0; at <= text.length; at += 65_536) {
    const last = at + 65_536 > text.length
    for (const row of [...reader.push(text.slice(at, at + 65_536)), ...(last ? reader.end() : [])]) {
      if ('fields' in row) yield row
      else if (row.fault === 'a quote is never closed') throw truncated(format, bytes.length)
      else if (row.fault.includes('more than')) throw beyondLimit(format, lineStart(bytes, row.line), row.fault)
      else throw malformed(format, lineStart(bytes, row.line), `line ${row.line}: ${row.fault}`)
    }
  }
}

/** Offset of the line with that number, from 1. */
function lineStart(bytes: Uint8Array, line: number): number {
  let at = 0
  for (let i = 1; i < line; i++) at = bytes.indexOf(10, at) + 1
  return at
}

function asRows(value: unknown): Record<string, unknown>[] {
  const rows = Array.isArray(value) ? value : [value]
  const wrong = rows.findIndex(row => typeof row !== 'object' || row === null || Array.isArray(row))
  if (wrong >= 0) throw unfit(format, `[${wrong}]`, 'a row is an object by columns')
  return rows as Record<string, unknown>[]
}
