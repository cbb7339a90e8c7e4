import {
  everything,
  type FleetBound,
  FleetBudget,
  type FleetComparison,
  type FleetCondition,
  type FleetPath,
  fleetLimits,
  limitFault,
  syntaxFault,
} from './ast.ts'
import { AwsText } from './aws-text.ts'
import { numberOfText } from './compile.ts'
import { checkedPath, pathOfAws } from './fields.ts'

const lessOrMore = ['<=', '>=', '<', '>'] as const
const metres: Readonly<Record<string, number>> = { m: 1, km: 1000, ft: 0.3048, mi: 1609.344 }

/**
 * The query syntax of AWS IoT fleet indexing: terms joined by AND, OR, NOT, brackets, and blanks (and); `thingName:my*`, `attributes.x:[75 TO 80}`,
 * `shadow.reported.t>5`, `shadow.name.n.reported.x:*`. Numbers in texts compare as numbers. QUERY_SYNTAX and QUERY_LIMIT with the offset.
 */
export function parseAwsQuery(query: string): FleetCondition {
  const text = new AwsText(query)
  const budget = new FleetBudget()
  text.blank()
  if (text.done) throw syntaxFault('a query is expected', 0, '* asks for all')
  const condition = alternatives(text, budget, undefined)
  if (!text.done) throw syntaxFault(`unexpected ${text.next}`, text.at)
  return condition
}

function alternatives(text: AwsText, budget: FleetBudget, path: FleetPath | undefined): FleetCondition {
  const of = [together(text, budget, path)]
  while (text.takeWord('OR')) of.push(together(text, budget, path))
  return of.length === 1 ? of[0]! : { op: 'or', of }
}

function together(text: AwsText, budget: FleetBudget, path: FleetPath | undefined): FleetCondition {
  const of: FleetCondition[] = []
  do {
    text.blank()
    of.push(one(text, budget, path))
    text.blank()
  } while (text.takeWord('AND') || goesOn(text))
  return of.length === 1 ? of[0]! : { op: 'and', of }
}

/** A blank between two terms joins them as AND does. */
function goesOn(text: AwsText): boolean {
  if (text.done || text.next === ')') return false
  const at = text.at
  const or = text.takeWord('OR')
  text.at = at
  return !or
}

function one(text: AwsText, budget: FleetBudget, path: FleetPath | undefined): FleetCondition {
  const from = text.at
  if (text.takeWord('NOT')) {
    text.blank()
    return budget.within(from, () => ({ op: 'not', of: one(text, budget, path) }))
  }
  if (text.take('(')) return bracketed(text, budget, path, from)
  return path ? conditionOf(text, budget, path) : term(text, budget)
}

function bracketed(text: AwsText, budget: FleetBudget, path: FleetPath | undefined, from: number): FleetCondition {
  return budget.within(from, () => {
    const inside = alternatives(text, budget, path)
    if (!text.take(')')) throw syntaxFault('the bracket is not closed', from)
    return inside
  })
}

function term(text: AwsText, budget: FleetBudget): FleetCondition {
  const from = text.at
  const { parts, open } = text.word('a field')
  if (open && !parts.length && text.next !== ':') {
    budget.term(from)
    return everything
  }
  if (open) throw syntaxFault('the name of a field has no star', from)
  const colon = text.take(':')
  const is = lessOrMore.find(sign => text.take(sign))
  if (!colon && !is)
    throw syntaxFault(`a value for ${parts.join('.').slice(0, 80)} is expected`, text.at, 'such as thingName:pump*')
  const path = checkedPath(pathOfAws(parts), from)
  if (is) {
    budget.term(from)
    return compared(text, path, is)
  }
  text.blank()
  const at = text.at
  return text.take('(') ? bracketed(text, budget, path, at) : conditionOf(text, budget, path)
}

function conditionOf(text: AwsText, budget: FleetBudget, path: FleetPath): FleetCondition {
  const from = text.at
  budget.term(from)
  const is = lessOrMore.find(sign => text.take(sign))
  if (is) return compared(text, path, is)
  if (text.next === '[' || text.next === '{') return rangeOf(text, path)
  if (text.next === '"') return equal(path, [checkedValue(text.quoted(), from)])
  const { text: value, open } = text.word('a value')
  if (open && !value) return { op: 'exists', path }
  checkedValue(value, from)
  if (open) return { op: 'prefix', path, value }
  if (value.startsWith('geo_distance,')) return nearby(value, path, from)
  const number = numberOfText(value)
  const typed = value === 'true' || value === 'false' ? [value === 'true'] : number === undefined ? [] : [number]
  return equal(path, [value, ...typed])
}

/** Membership counts dynamic groups too, and those above a group. */
function equal(path: FleetPath, values: readonly (string | number | boolean)[]): FleetCondition {
  const [value] = values
  if (path.length === 1 && path[0] === 'groups') return { op: 'memberOf', group: String(value) }
  return values.length === 1 ? { op: 'cmp', path, is: '=', value: value! } : { op: 'in', path, values }
}

function compared(text: AwsText, path: FleetPath, is: FleetComparison): FleetCondition {
  text.blank()
  const { value, coerce } = numberOrText(text)
  return { op: 'cmp', path, is, value, ...coerce }
}

function rangeOf(text: AwsText, path: FleetPath): FleetCondition {
  const from = text.at
  const openFrom = text.take('{') || !text.take('[')
  const lower = boundOf(text, openFrom)
  if (!text.take('TO')) throw syntaxFault('TO is expected', text.at, 'a range is [75 TO 80]')
  const upper = boundOf(text, false)
  const openTo = text.take('}')
  if (!openTo && !text.take(']')) throw syntaxFault('the range is not closed', from)
  if (lower && upper && typeof lower.bound.value !== typeof upper.bound.value)
    throw syntaxFault('both bounds are numbers or both are texts', from)
  const to = upper && { ...upper.bound, ...(openTo && { open: true }) }
  return { op: 'range', path, ...(lower && { from: lower.bound }), ...(to && { to }), ...lower?.coerce, ...upper?.coerce }
}

function boundOf(text: AwsText, open: boolean): { bound: FleetBound; coerce: { coerce?: true } } | undefined {
  text.blank()
  if (text.take('*')) {
    text.blank()
    return undefined
  }
  const { value, coerce } = numberOrText(text)
  text.blank()
  return { bound: { value, ...(open && { open }) }, coerce }
}

function numberOrText(text: AwsText): { value: string | number; coerce: { coerce?: true } } {
  const from = text.at
  if (text.next === '"') return { value: checkedValue(text.quoted(), from), coerce: {} }
  const word = text.word('a value')
  if (word.open) throw syntaxFault('a bound has no star', from)
  const number = numberOfText(word.text)
  return number === undefined ? { value: checkedValue(word.text, from), coerce: {} } : { value: number, coerce: { coerce: true } }
}

/** `geo_distance,47.62,-122.35,15km`; metres without a unit. */
function nearby(value: string, path: FleetPath, from: number): FleetCondition {
  const [, latText = '', lonText = '', distance = '', more] = value.split(',')
  const [, size = '', unit = 'm'] = /^([\d.]+)(m|km|ft|mi)?$/.exec(distance) ?? []
  const [lat, lon, length] = [latText, lonText, size].map(numberOfText)
  if (
    lat === undefined ||
    lon === undefined ||
    length === undefined ||
    more !== undefined ||
    Math.abs(lat) > 90 ||
    Math.abs(lon) > 180
  )
    throw syntaxFault('geo_distance takes latitude, longitude and a distance', from, 'such as geo_distance,47.62,-122.35,15km')
  return { op: 'geoWithin', path, lat, lon, radiusM: length * metres[unit]! }
}

function checkedValue(value: string, from: number): string {
  if (value.length > fleetLimits.valueChars) throw limitFault(`a value longer than ${fleetLimits.valueChars} characters`, from)
  return value
}
