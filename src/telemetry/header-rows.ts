import { timeOf } from './time.ts'

type Members = Readonly<Record<string, unknown>>

/** What stands in the message once and in each reading: JSON text of header and columns, times the rows. */
const repeatedChars = 4 * 1_048_576

/** Names, of header and rows, of what belongs to the reading and not to its values. */
const ofReading: ReadonlySet<string> = new Set(['time', 'seq', 'stream', 'schema', 'props'])

/**
 * The readings `{values, time?, seq?, stream?, schema?, props?}` of a batch `{header, rows}`, rows being objects, or `{header?, columns, rows}`, rows being lists in the order of the
 * columns; what the header has is in each, and gives way to the row. Undefined for all else, and for an object with any other member. At most
 * `most` rows. `timeMember`: another name for the time.
 */
export function readingsOfRows(value: unknown, most: number, timeMember = ''): Members[] | { undecodable: string } | undefined {
  if (!isBatch(value)) return undefined
  const { header = {}, columns, rows } = value
  if (rows.length > most) return { undecodable: `${rows.length} readings in one message, at most ${most}` }
  if (rows.length * JSON.stringify([header, columns]).length > repeatedChars)
    return { undecodable: `header and columns, in each of ${rows.length} rows, are more than ${repeatedChars} characters` }
  const readings: Members[] = []
  for (const [i, row] of rows.entries()) {
    const members = columns ? byColumn(columns, row) : row
    if (!isObject(members))
      return { undecodable: `row ${i} of the batch is not ${columns ? 'a list by its columns' : 'an object'}` }
    readings.push(readingOf({ ...header, ...members }, timeMember))
  }
  return readings
}

interface Batch {
  header?: Members
  columns?: readonly string[]
  rows: readonly unknown[]
}

function isBatch(value: unknown): value is Batch {
  if (!isObject(value) || !Array.isArray(value.rows) || !value.rows.every(row => typeof row === 'object' && row !== null))
    return false
  const { header, columns, rows: _, ...others } = value
  if (Object.keys(others).length > 0 || (header === undefined && columns === undefined)) return false
  return (header === undefined || isObject(header)) && (columns === undefined || areNames(columns))
}

const areNames = (columns: unknown): boolean =>
  Array.isArray(columns) &&
  columns.every(name => typeof name === 'string' && name !== '') &&
  new Set(columns).size === columns.length

/** What is null, or behind the end of the row, is no value. */
function byColumn(columns: readonly string[], row: unknown): Members | undefined {
  if (!Array.isArray(row) || row.length > columns.length) return undefined
  return Object.fromEntries(columns.map((name, i) => [name, row[i]]).filter(([, value]) => value !== undefined && value !== null))
}

function readingOf(members: Members, timeMember: string): Members {
  const own: [string, unknown][] = []
  const values: [string, unknown][] = []
  for (const [name, member] of Object.entries(members)) {
    if (timeMember && name === timeMember && timeOf(member) !== undefined) own.push(['time', member])
    else if (ofReading.has(name) && !(timeMember && name === 'time')) own.push([name, member])
    else values.push([name, member])
  }
  return { ...Object.fromEntries(own), values: Object.fromEntries(values) }
}

const isObject = (value: unknown): value is Members => typeof value === 'object' && value !== null && !Array.isArray(value)
