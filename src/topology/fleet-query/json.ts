import {
  comparisons,
  everything,
  type FleetBound,
  FleetBudget,
  type FleetCondition,
  type FleetPath,
  type FleetScalar,
  fleetLimits,
  limitFault,
  syntaxFault,
} from './ast.ts'
import { checkedPath } from './fields.ts'

type Members = Readonly<Record<string, unknown>>

/** A condition from JSON, as editors make it; `undefined` is all. Paths are dotted texts or lists of names. QUERY_SYNTAX and QUERY_LIMIT, at a place such as `of[1].path`. */
export function readCondition(value: unknown, at = ''): FleetCondition {
  return value === undefined ? everything : read(value, at, new FleetBudget())
}

function read(value: unknown, at: string, budget: FleetBudget): FleetCondition {
  const members = objectOf(value, at)
  const { op } = members
  const place = (name: string): string => (at ? `${at}.${name}` : name)
  if (op === 'and' || op === 'or') {
    only(members, ['op', 'of'], at)
    const { of } = members
    if (!Array.isArray(of)) throw syntaxFault('a list is expected', place('of'))
    if (of.length > fleetLimits.terms) throw limitFault(`more than ${fleetLimits.terms} terms`, place('of'))
    return budget.within(at || 'op', () => ({ op, of: of.map((one, i) => read(one, `${place('of')}[${i}]`, budget)) }))
  }
  if (op === 'not') {
    only(members, ['op', 'of'], at)
    return budget.within(at || 'op', () => ({ op, of: read(members.of, place('of'), budget) }))
  }
  budget.term(at || 'op', op === 'in' && Array.isArray(members.values) ? members.values.length : 1)
  if (op === 'memberOf') {
    only(members, ['op', 'group'], at)
    return { op, group: textOf(members.group, place('group')) }
  }
  const path = (): FleetPath => readPath(members.path, place('path'))
  const coerce = members.coerce === true ? { coerce: true } : {}
  switch (op) {
    case 'cmp': {
      only(members, ['op', 'path', 'is', 'value', 'coerce'], at)
      const is = comparisons.find(one => one === members.is)
      if (!is) throw syntaxFault(`one of ${comparisons.join(' ')} is expected`, place('is'))
      return { op, path: path(), is, value: scalarOf(members.value, place('value')), ...coerce }
    }
    case 'range': {
      only(members, ['op', 'path', 'from', 'to', 'coerce'], at)
      const [from, to] = [boundOf(members.from, place('from')), boundOf(members.to, place('to'))]
      if (from && to && typeof from.value !== typeof to.value)
        throw syntaxFault('both bounds are numbers or both are texts', place('to'))
      return { op, path: path(), ...(from && { from }), ...(to && { to }), ...coerce }
    }
    case 'in': {
      only(members, ['op', 'path', 'values'], at)
      const { values } = members
      if (!Array.isArray(values)) throw syntaxFault('a list is expected', place('values'))
      return { op, path: path(), values: values.map((one, i) => scalarOf(one, `${place('values')}[${i}]`)) }
    }
    case 'prefix':
      only(members, ['op', 'path', 'value'], at)
      return { op, path: path(), value: textOf(members.value, place('value')) }
    case 'exists':
      only(members, ['op', 'path'], at)
      return { op, path: path() }
    case 'geoWithin': {
      only(members, ['op', 'path', 'lat', 'lon', 'radiusM'], at)
      const number = (name: 'lat' | 'lon' | 'radiusM', least: number, most: number): number => {
        const given = members[name]
        if (typeof given === 'number' && given >= least && given <= most) return given
        throw syntaxFault(`a number from ${least} to ${most} is expected`, place(name))
      }
      return {
        op,
        path: path(),
        lat: number('lat', -90, 90),
        lon: number('lon', -180, 180),
        radiusM: number('radiusM', 0, 2.1e7),
      }
    }
    default:
      throw syntaxFault('one of and, or, not, cmp, range, in, prefix, exists, geoWithin, memberOf is expected', place('op'))
  }
}

/** A dotted text or a list of names. QUERY_SYNTAX, QUERY_LIMIT. */
export function readPath(value: unknown, at: string): FleetPath {
  const names: unknown = typeof value === 'string' ? value.split('.') : value
  if (!Array.isArray(names) || !names.length || !names.every(name => typeof name === 'string'))
    throw syntaxFault('a path is expected', at, 'such as "tags.site"')
  return checkedPath(names, at)
}

/** Dotted paths, comma-separated. QUERY_SYNTAX, QUERY_LIMIT. */
export const readPaths = (text: string): FleetPath[] =>
  text
    .split(',')
    .map(path => path.trim())
    .filter(Boolean)
    .map(path => readPath(path, path))

export function objectOf(value: unknown, at: string): Members {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Members
  throw syntaxFault('an object is expected', at || 'the top')
}

/** No other members than these: a misspelt one would be a condition that silently is none. */
export function only(members: Members, names: readonly string[], at: string): void {
  const other = Object.keys(members).find(name => !names.includes(name))
  if (other !== undefined)
    throw syntaxFault(`unknown member ${other.slice(0, 40)}`, at || 'the top', `members are ${names.join(', ')}`)
}

function textOf(value: unknown, at: string): string {
  if (typeof value !== 'string' || !value) throw syntaxFault('a text is expected', at)
  if (value.length > fleetLimits.valueChars) throw limitFault(`a value longer than ${fleetLimits.valueChars} characters`, at)
  return value
}

function scalarOf(value: unknown, at: string): FleetScalar {
  if (value === null || value === '' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value)))
    return value
  if (typeof value === 'string') return textOf(value, at)
  throw syntaxFault('a text, number, true, false or null is expected', at)
}

function boundOf(value: unknown, at: string): FleetBound | undefined {
  if (value === undefined) return undefined
  const members = typeof value === 'object' ? objectOf(value, at) : { value }
  only(members, ['value', 'open'], at)
  const bound = scalarOf(members.value, at)
  if (typeof bound !== 'string' && typeof bound !== 'number') throw syntaxFault('a bound is a number or a text', at)
  return { value: bound, ...(members.open === true && { open: true }) }
}
