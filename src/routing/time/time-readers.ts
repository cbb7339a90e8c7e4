import { offsetOfName } from './abbreviations.ts'
import { months, shortened, weekdays } from './names.ts'
import type { TimeFields } from './resolve-time.ts'
import { offsetOf, zoneOf } from './zone.ts'

/** Takes its part of the text from `at` into the fields; returns where it ends, `undefined` if the text does not fit. */
export type Reader = (text: string, at: number, fields: TimeFields) => number | undefined

type NumberField = Exclude<keyof TimeFields, 'era' | 'zone'>

interface Digits {
  field: NumberField
  least: number
  most: number
  negative?: boolean
  /** added to what is read: 2000 for years of two digits */
  base?: number
}

/** `undefined` if the pattern has a letter, or a number of one, that is not known. */
export function readersOf(pattern: string): Reader[] | undefined {
  const runs = [...pattern.matchAll(/([A-Za-z])\1*|''|'((?:[^']|'')+)'|[^A-Za-z'[\]{}#]+|./gs)]
  const parts: (Reader | Digits)[] = []
  for (const [run, letter, quoted] of runs) {
    if (letter === undefined) {
      // Reserved signs, and a quote that nothing closes.
      if (/^(?:'|[[\]{}#])$/.test(run)) return undefined
      parts.push(literal(run === "''" ? "'" : (quoted?.replaceAll("''", "'") ?? run)))
    } else {
      const part = partOf(letter, run.length)
      if (!part) return undefined
      parts.push(part)
    }
  }
  return parts.map((part, i) => (typeof part === 'function' ? part : digits(part, widthAfter(parts, i))))
}

/** Digits that directly following numbers of a fixed width need: in `Hmm` the hour leaves two. */
function widthAfter(parts: readonly (Reader | Digits)[], at: number): number {
  let width = 0
  for (const part of parts.slice(at + 1)) {
    if (typeof part === 'function' || part.least !== part.most) break
    width += part.most
  }
  return width
}

const literal =
  (literal: string): Reader =>
  (text, at) =>
    text.startsWith(literal, at) ? at + literal.length : undefined

function digits({ field, least, most, negative = false, base = 0 }: Digits, after: number): Reader {
  return (text, start, fields) => {
    const minus = negative && text[start] === '-'
    const from = minus ? start + 1 : start
    let end = from
    while (end < text.length && end - from < most + after && isDigit(text, end)) end++
    const length = Math.min(Math.max(least, end - from - after), most)
    if (end - from < length || length === 0) return undefined
    const value = Number(text.slice(from, from + length)) + base
    return set(fields, field, minus ? -value : value) ? from + length : undefined
  }
}

const isDigit = (text: string, at: number): boolean => text[at]! >= '0' && text[at]! <= '9'

/** A field that stands twice must be the same. */
function set<F extends keyof TimeFields>(fields: TimeFields, field: F, value: NonNullable<TimeFields[F]>): boolean {
  const before = fields[field]
  fields[field] = value
  return before === undefined || before === value
}

function fraction(count: number): Reader {
  return (text, at, fields) => {
    const found = text.slice(at, at + count)
    return /^\d+$/.test(found) && found.length === count && set(fields, 'nano', Number(found.padEnd(9, '0')))
      ? at + count
      : undefined
  }
}

function name(field: NumberField, names: readonly string[], first: number): Reader {
  return (text, at, fields) => {
    const found = names.findIndex(each => text.startsWith(each, at))
    return found !== -1 && set(fields, field, found + first) ? at + names[found]!.length : undefined
  }
}

function era(names: readonly [string, string]): Reader {
  return (text, at, fields) => {
    const found = names.findIndex(each => text.startsWith(each, at))
    return found !== -1 && set(fields, 'era', found === 0 ? 'BC' : 'AD') ? at + names[found]!.length : undefined
  }
}

/** With `zulu`, a `Z` is zero. */
function offset(pattern: RegExp, zulu: boolean): Reader {
  const sticky = new RegExp(pattern.source, 'y')
  return (text, at, fields) => {
    if (zulu && text[at] === 'Z') return set(fields, 'offset', 0) ? at + 1 : undefined
    sticky.lastIndex = at
    const found = sticky.exec(text)?.[0]
    const ms = found === undefined ? undefined : found === 'GMT' ? 0 : offsetOf(found.replace('GMT', ''))
    return ms !== undefined && set(fields, 'offset', ms) ? at + found!.length : undefined
  }
}

const zoneText = /(?:UTC|GMT|UT)?[+-]\d\d?(?::?\d\d(?::?\d\d)?)?|[A-Za-z][A-Za-z0-9_-]*(?:\/[A-Za-z0-9_+-]+)*/y
const longZone = /[A-Z][A-Za-z-]*(?: [A-Z][a-z]+)* Time/y

const zone: Reader = (text, at, fields) => {
  for (const pattern of [longZone, zoneText]) {
    pattern.lastIndex = at
    const found = pattern.exec(text)?.[0]
    if (found === undefined || (pattern === longZone && offsetOfName(found) === undefined)) continue
    const zone = zoneOf(found)
    return zone && set(fields, 'zone', zone) ? at + found.length : undefined
  }
  return undefined
}

const twoDigits: Readonly<Record<string, NumberField>> = {
  d: 'day',
  H: 'hour',
  h: 'clockHourOfHalf',
  K: 'hourOfHalf',
  k: 'clockHour',
  m: 'minute',
  s: 'second',
}

function partOf(letter: string, count: number): Reader | Digits | undefined {
  const field = twoDigits[letter]
  if (field !== undefined)
    return count === 1 ? { field, least: 1, most: 19, negative: true } : count === 2 ? { field, least: 2, most: 2 } : undefined
  switch (letter) {
    case 'y':
    case 'u':
      return yearOf(letter === 'y' ? 'yearOfEra' : 'year', count)
    case 'M':
      return monthOf(count)
    case 'S':
      return count <= 9 ? fraction(count) : undefined
    case 'n':
      return count <= 19 ? { field: 'nano', least: count, most: 19, negative: true } : undefined
    case 'a':
      return count === 1 ? name('half', ['AM', 'PM'], 0) : undefined
    case 'E':
      return count > 4 ? undefined : name('weekday', count === 4 ? weekdays : weekdays.map(shortened), 1)
    case 'G':
      return count <= 3 ? era(['BC', 'AD']) : count === 4 ? era(['Before Christ', 'Anno Domini']) : undefined
    case 'z':
      return count <= 4 ? zone : undefined
    case 'V':
      return count === 2 ? zone : undefined
    case 'X':
    case 'x':
      return count <= 5 ? offset(offsets[count - 1]!, letter === 'X') : undefined
    case 'Z':
      return count <= 3
        ? offset(offsets[1]!, false)
        : count === 4
          ? offset(/GMT(?:[+-]\d\d?(?::\d\d(?::\d\d)?)?)?/, false)
          : count === 5
            ? offset(offsets[4]!, true)
            : undefined
    default:
      return undefined
  }
}

/** By the number of letters `x`; more than two digits of hours only with minutes. */
const offsets = [
  /[+-]\d\d(?:\d\d)?/,
  /[+-]\d\d\d\d/,
  /[+-]\d\d:\d\d/,
  /[+-]\d\d\d\d(?:\d\d)?/,
  /[+-]\d\d:\d\d(?::\d\d)?/,
] as const

/** Two letters are a year from 2000 on; four, and more, that many digits. */
function yearOf(field: 'year' | 'yearOfEra', count: number): Digits | undefined {
  if (count > 19) return undefined
  if (count === 2) return { field, least: 2, most: 2, base: 2000 }
  return { field, least: count, most: count < 4 ? 19 : count, negative: true }
}

function monthOf(count: number): Reader | Digits | undefined {
  if (count === 1) return { field: 'month', least: 1, most: 19, negative: true }
  if (count === 2) return { field: 'month', least: 2, most: 2 }
  return count === 3 ? name('month', months.map(shortened), 1) : count === 4 ? name('month', months, 1) : undefined
}
