import { Lru } from '../../identity/lru.ts'
import { type DateFields, fieldsOf } from './fields.ts'
import { months, shortened, weekdays } from './names.ts'
import { offsetText, type Zone } from './zone.ts'

/** A part of the text, from the fields and from the zone at the instant. */
type Part = (fields: DateFields, zone: Zone, ms: number) => string

const longestPattern = 256
/** Width of one letter run, so that padding stays small. */
const mostLetters = 32
const latestMs = 8.64e15
const patterns = new Lru<string, readonly Part[] | 'invalid'>(64)

/** A time in the letters of Joda-Time's `DateTimeFormat`, names in English. `undefined` for a letter that it does not know and a time without a date. */
export function formatTime(pattern: string, ms: number, zone: Zone): string | undefined {
  if (pattern.length > longestPattern || !(Math.abs(ms) <= latestMs)) return undefined
  const parts = partsOf(pattern)
  if (!parts) return undefined
  const local = ms + zone.offsetAt(ms)
  if (Math.abs(local) > latestMs) return undefined
  const fields = fieldsOf(local)
  return parts.map(part => part(fields, zone, ms)).join('')
}

function partsOf(pattern: string): readonly Part[] | undefined {
  const known = patterns.get(pattern)
  if (known) return known === 'invalid' ? undefined : known
  const parts = readParts(pattern)
  patterns.set(pattern, parts ?? 'invalid')
  return parts
}

function readParts(pattern: string): readonly Part[] | undefined {
  const parts: Part[] = []
  // A run of a letter, a quote, a quoted text, which the end may close, or anything else.
  for (const [run, letter, quoted] of pattern.matchAll(/([A-Za-z])\1*|''|'((?:[^']|'')*)(?:'|$)|[^A-Za-z']+/g)) {
    if (letter === undefined) {
      const text = run === "''" ? "'" : (quoted?.replaceAll("''", "'") ?? run)
      parts.push(() => text)
      continue
    }
    const part = run.length > mostLetters ? undefined : partOf(letter, run.length)
    if (!part) return undefined
    parts.push(part)
  }
  return parts
}

const padded = (value: number, width: number): string =>
  value < 0 ? `-${String(-value).padStart(width, '0')}` : String(value).padStart(width, '0')

const number =
  (width: number, value: (fields: DateFields) => number): Part =>
  fields =>
    padded(value(fields), width)

/** Two letters are the last two digits. */
const year = (width: number, value: (fields: DateFields) => number): Part =>
  number(width, fields => (width === 2 ? Math.abs(value(fields)) % 100 : value(fields)))

const eraYear = ({ year }: DateFields): number => (year > 0 ? year : 1 - year)

/** A clock that shows `most` instead of 0. */
const clock = (hour: number, most: number): number => hour % most || most

function partOf(letter: string, width: number): Part | undefined {
  const named = (name: string, full: boolean): string => (full ? name : shortened(name))
  switch (letter) {
    case 'G':
      return ({ year }) => (year > 0 ? 'AD' : 'BC')
    case 'C':
      return number(width, fields => Math.floor(eraYear(fields) / 100))
    case 'Y':
      return year(width, eraYear)
    case 'y':
      return year(width, fields => fields.year)
    case 'x':
      return year(width, fields => fields.weekYear)
    case 'w':
      return number(width, fields => fields.week)
    case 'e':
      return number(width, fields => fields.weekday)
    case 'E':
      return ({ weekday }) => named(weekdays[weekday - 1]!, width > 3)
    case 'D':
      return number(width, fields => fields.dayOfYear)
    case 'M':
      return width > 2 ? ({ month }) => named(months[month - 1]!, width > 3) : number(width, fields => fields.month)
    case 'd':
      return number(width, fields => fields.day)
    case 'a':
      return ({ hour }) => (hour < 12 ? 'AM' : 'PM')
    case 'K':
      return number(width, ({ hour }) => hour % 12)
    case 'h':
      return number(width, ({ hour }) => clock(hour, 12))
    case 'H':
      return number(width, fields => fields.hour)
    case 'k':
      return number(width, ({ hour }) => clock(hour, 24))
    case 'm':
      return number(width, fields => fields.minute)
    case 's':
      return number(width, fields => fields.second)
    case 'S':
      return ({ milli }) => padded(milli, 3).slice(0, width).padEnd(width, '0')
    case 'z':
      return (_, zone, ms) => (width > 3 ? zone.longName(ms) : zone.shortName(ms))
    case 'Z':
      return width > 2 ? (_, zone) => zone.id : (_, zone, ms) => offsetText(zone.offsetAt(ms), width === 2)
    default:
      return undefined
  }
}
