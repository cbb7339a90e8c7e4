import { addressBytes, isWithin, networkOf } from './policy-address.ts'
import { globMatches, globOf, type GlobPart } from './policy-glob.ts'

/** What is expected, ready to compare, or undefined if the text is none of that type. */
type Prepare = (expected: readonly GlobPart[]) => ((actual: string) => boolean) | undefined

export interface Operator {
  /** `string`: its expected values may hold variables */
  type: 'string' | 'bool' | 'address' | 'number' | 'date'
  /** `*` and `?` in expected values are wildcards */
  wild?: true
  /** True if none of the expected values may match. */
  negated?: true
  prepare: Prepare
}

const textOf = (parts: readonly GlobPart[]): string => parts.map(part => (typeof part === 'string' ? part : part.wild)).join('')

/** A finite number; '' and blanks are none. */
const numberOf = (text: string): number | undefined =>
  /^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$/.test(text) ? Number(text) : undefined

const iso = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d))?$/

/** Epoch ms of an ISO 8601 text with zone, a date (UTC), or seconds since 1970. */
export function dateOf(text: string): number | undefined {
  const seconds = numberOf(text)
  const ms = seconds === undefined ? (iso.test(text) ? Date.parse(text) : Number.NaN) : seconds * 1000
  return Number.isFinite(ms) ? ms : undefined
}

const ordered =
  (read: (text: string) => number | undefined, compare: (actual: number, expected: number) => boolean): Prepare =>
  parts => {
    const expected = read(textOf(parts))
    if (expected === undefined) return undefined
    return text => {
      const actual = read(text)
      return actual !== undefined && compare(actual, expected)
    }
  }

const comparisons: Readonly<Record<string, (actual: number, expected: number) => boolean>> = {
  Equals: (a, b) => a === b,
  LessThan: (a, b) => a < b,
  LessThanEquals: (a, b) => a <= b,
  GreaterThan: (a, b) => a > b,
  GreaterThanEquals: (a, b) => a >= b,
}

const equals: Prepare = parts => {
  const expected = textOf(parts)
  return actual => actual === expected
}
const equalsIgnoringCase: Prepare = parts => {
  const expected = textOf(parts).toLowerCase()
  return actual => actual.toLowerCase() === expected
}
const like: Prepare = parts => {
  const glob = globOf(parts)
  return actual => globMatches(glob, actual)
}
const within: Prepare = parts => {
  const network = networkOf(textOf(parts))
  if (!network) return undefined
  return text => {
    const actual = addressBytes(text)
    return actual !== undefined && isWithin(actual, network)
  }
}
const bool: Prepare = parts => {
  const expected = textOf(parts).toLowerCase()
  return expected === 'true' || expected === 'false' ? actual => actual.toLowerCase() === expected : undefined
}

const ofNumbers = (name: string, type: 'number' | 'date', read: (text: string) => number | undefined): [string, Operator][] => [
  ...Object.entries(comparisons).map(([suffix, compare]): [string, Operator] => [
    name + suffix,
    { type, prepare: ordered(read, compare) },
  ]),
  [`${name}NotEquals`, { type, negated: true, prepare: ordered(read, comparisons.Equals!) }],
]

export const operators: ReadonlyMap<string, Operator> = new Map<string, Operator>([
  ['StringEquals', { type: 'string', prepare: equals }],
  ['StringNotEquals', { type: 'string', negated: true, prepare: equals }],
  ['StringEqualsIgnoreCase', { type: 'string', prepare: equalsIgnoringCase }],
  ['StringNotEqualsIgnoreCase', { type: 'string', negated: true, prepare: equalsIgnoringCase }],
  ['StringLike', { type: 'string', wild: true, prepare: like }],
  ['StringNotLike', { type: 'string', wild: true, negated: true, prepare: like }],
  ['Bool', { type: 'bool', prepare: bool }],
  ['IpAddress', { type: 'address', prepare: within }],
  ['NotIpAddress', { type: 'address', negated: true, prepare: within }],
  ...ofNumbers('Numeric', 'number', numberOf),
  ...ofNumbers('Date', 'date', dateOf),
])
