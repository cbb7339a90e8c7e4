import type { FleetBound, FleetComparison, FleetCondition, FleetPath, FleetScalar } from './ast.ts'
import { getterOf, sourceOf } from './fields.ts'
import { distanceM, readPosition } from './geo.ts'

export interface FleetMemberships {
  /** of dynamic groups; static ones are in the document */
  isMember(group: string, device: string): boolean
}

/** A device's document: `id`, `groups` (static, also those above) and whatever fields it has. */
export interface FleetSubject {
  id: string
  groups: readonly string[]
}

type Test = (value: unknown) => boolean
export type FleetPredicate = (doc: FleetSubject) => boolean

const noMemberships: FleetMemberships = { isMember: () => false }
const numeric = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/

/** The number a text is, for comparisons that coerce; at most 64 characters. */
export const numberOfText = (text: string): number | undefined =>
  text.length <= 64 && numeric.test(text) ? Number(text) : undefined

/** The condition as a function of a document. It looks at nothing else, save memberships when it is called. */
export function compileQuery(condition: FleetCondition, memberships: FleetMemberships = noMemberships): FleetPredicate {
  switch (condition.op) {
    case 'and':
      return every(condition.of.map(one => compileQuery(one, memberships)))
    case 'or': {
      const parts = condition.of.map(one => compileQuery(one, memberships))
      return doc => {
        for (const part of parts) if (part(doc)) return true
        return false
      }
    }
    case 'not': {
      const part = compileQuery(condition.of, memberships)
      return doc => !part(doc)
    }
    case 'memberOf': {
      const { group } = condition
      return doc => doc.groups.includes(group) || memberships.isMember(group, doc.id)
    }
    case 'exists': {
      const get = getterOf(condition.path)
      return doc => get(doc) !== undefined
    }
    case 'cmp':
      return condition.is === '!=' ? unequal(condition.path, condition.value) : some(condition.path, testOf(condition))
    case 'range':
      return some(condition.path, rangeTest(condition))
    case 'in': {
      const values = new Set<unknown>(condition.values)
      return some(condition.path, value => values.has(value))
    }
    case 'prefix': {
      const { value: prefix } = condition
      return some(condition.path, value => typeof value === 'string' && value.startsWith(prefix))
    }
    case 'geoWithin': {
      const { lat, lon, radiusM } = condition
      const get = getterOf(condition.path)
      return doc => {
        const at = readPosition(get(doc))
        return at !== undefined && distanceM(at, { lat, lon }) <= radiusM
      }
    }
  }
}

function every(parts: readonly FleetPredicate[]): FleetPredicate {
  const [first, second] = parts
  if (first && second && parts.length === 2) return doc => first(doc) && second(doc)
  return doc => {
    for (const part of parts) if (!part(doc)) return false
    return true
  }
}

function some(path: FleetPath, test: Test): FleetPredicate {
  const get = getterOf(path)
  return doc => {
    const value = get(doc)
    return typeof value === 'object' && Array.isArray(value) ? value.some(test) : test(value)
  }
}

function unequal(path: FleetPath, other: FleetScalar): FleetPredicate {
  const get = getterOf(path)
  const comparable: Test =
    other === null ? value => value !== undefined : value => typeof value === typeof other && value !== null
  return doc => {
    const value = get(doc)
    return Array.isArray(value) ? value.some(comparable) && !value.includes(other) : comparable(value) && value !== other
  }
}

const orders: Readonly<Record<Exclude<FleetComparison, '=' | '!='>, (a: any, b: any) => boolean>> = {
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
}

function testOf({ is, value, coerce }: Extract<FleetCondition, { op: 'cmp' }>): Test {
  if (is === '=' || is === '!=') return found => found === value
  if (typeof value !== 'string' && typeof value !== 'number') return () => false
  const holds = orders[is]
  return typed(value, coerce, found => holds(found, value))
}

function rangeTest({ from, to, coerce }: Extract<FleetCondition, { op: 'range' }>): Test {
  const like = from?.value ?? to?.value
  if (like === undefined) return value => typeof value === 'string' || typeof value === 'number'
  return typed(like, coerce, value => above(value, from) && below(value, to))
}

/** Values of the type of `like`, numbers in texts too if it coerces. */
function typed(like: string | number, coerce: boolean | undefined, holds: (value: string | number) => boolean): Test {
  if (typeof like === 'string') return value => typeof value === 'string' && holds(value)
  if (!coerce) return value => typeof value === 'number' && holds(value)
  return value => {
    const number = typeof value === 'string' ? numberOfText(value) : value
    return typeof number === 'number' && holds(number)
  }
}

const above = (value: string | number, from: FleetBound | undefined): boolean =>
  from === undefined || (from.open ? value > from.value : value >= from.value)
const below = (value: string | number, to: FleetBound | undefined): boolean =>
  to === undefined || (to.open ? value < to.value : value <= to.value)

/** The paths whose values a condition depends on, each once. */
export function pathsOf(condition: FleetCondition): FleetPath[] {
  const found = new Map<string, FleetPath>()
  visit(condition, one => {
    const path = one.op === 'memberOf' ? ['groups'] : 'path' in one ? sourceOf(one.path) : undefined
    if (path) found.set(path.join('\0'), path)
  })
  return [...found.values()]
}

/** The groups whose members it asks for, each once. */
export function groupsReadBy(condition: FleetCondition): string[] {
  const found = new Set<string>()
  visit(condition, one => void (one.op === 'memberOf' && found.add(one.group)))
  return [...found]
}

function visit(condition: FleetCondition, see: (one: FleetCondition) => void): void {
  see(condition)
  if (condition.op === 'not') visit(condition.of, see)
  else if (condition.op === 'and' || condition.op === 'or') for (const one of condition.of) visit(one, see)
}
