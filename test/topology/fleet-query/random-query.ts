import type { FleetCondition } from '../../../src/topology/fleet-query/ast.ts'
import type { FleetDoc } from '../../../src/topology/fleet-doc.ts'
import type { seeded } from '../../seeded.ts'
import { fleetDoc } from './fleet.ts'

type Random = ReturnType<typeof seeded>
type Value = string | number | boolean

const words = [
  'a',
  'ab',
  'abc',
  'b',
  'Berlin',
  "O'Hara",
  'two words',
  'x:y',
  'q"q',
  'back\\slash',
  'ünï',
  '(z)',
  'TO',
  'AND',
  'star*',
]

/** Fields with the values that they may have, and their names in each syntax. */
const fields: { path: string[]; aws: string; azure: string; values: readonly unknown[] }[] = [
  { path: ['id'], aws: 'thingName', azure: 'deviceId', values: ['d0', 'd1', 'd2', 'd30'] },
  { path: ['model'], aws: 'thingTypeName', azure: 'modelId', values: words },
  { path: ['tags', 'site'], aws: 'tags.site', azure: 'tags.site', values: words },
  { path: ['tags', 'mixed'], aws: 'tags.mixed', azure: 'tags.mixed', values: [1, 'a', true, { a: 1 }, ['a', 2]] },
  { path: ['attributes', 'odd.name x'], aws: 'attributes.odd\\.name\\ x', azure: 'attributes.[[odd.name x]]', values: words },
  { path: ['twin', 'reported', 't'], aws: 'shadow.reported.t', azure: 'properties.reported.t', values: [-5, 0, 1.5, 20, 1e3] },
  { path: ['twin', 'desired', 'on'], aws: 'shadow.desired.on', azure: 'properties.desired.on', values: [true, false] },
  {
    path: ['twin', 'reported', 'list'],
    aws: 'shadow.reported.list',
    azure: 'properties.reported.list',
    values: [['a'], ['b', 3], []],
  },
]
const constants: readonly Value[] = [...words, -5, 0, 1, 1.5, 20, 1e3, true, false]

export function randomDoc(random: Random, id: string): FleetDoc {
  const doc: any = structuredClone(fleetDoc({ id }))
  for (const { path, values } of fields.slice(1)) {
    if (random.below(4) === 0) continue
    let at = doc
    for (const name of path.slice(0, -1)) at = at[name]
    at[path.at(-1)!] = random.pick(values)
  }
  return doc
}

export function randomCondition(random: Random, depth = 0): FleetCondition {
  const kind = depth < 4 ? random.below(10) : 3 + random.below(7)
  if (kind < 2) {
    const of = Array.from({ length: 1 + random.below(3) }, () => randomCondition(random, depth + 1))
    return { op: kind ? 'or' : 'and', of }
  }
  if (kind === 2) return { op: 'not', of: randomCondition(random, depth + 1) }
  const { path } = random.pick(fields)
  const value = random.pick(constants)
  if (kind === 3) return { op: 'exists', path }
  if (kind === 4) return { op: 'prefix', path, value: random.pick(words) }
  if (kind === 5) return { op: 'in', path, values: [value, random.pick(constants)] }
  if (kind === 6 || typeof value === 'boolean') return { op: 'cmp', path, is: '=', value }
  if (kind === 7) return { op: 'cmp', path, is: random.pick(['<', '<=', '>', '>='] as const), value }
  if (kind === 8) return { op: 'cmp', path, is: '!=', value }
  const other = random.pick(constants.filter(one => typeof one === typeof value)) as string | number
  const open = () => random.below(2) === 1
  return { op: 'range', path, from: { value, open: open() }, to: { value: other, open: open() } }
}

const fieldOf = (path: readonly string[]) => fields.find(field => field.path.join('\0') === path.join('\0'))!
const typeIs = (value: unknown): string => (Array.isArray(value) ? 'array' : typeof value)

/** The condition in the syntax of AWS; undefined where that has no words for it. */
export function toAws(condition: FleetCondition): string | undefined {
  if (condition.op === 'and' || condition.op === 'or') {
    const parts = condition.of.map(toAws)
    return parts.includes(undefined) ? undefined : `(${parts.join(condition.op === 'or' ? ' OR ' : ' AND ')})`
  }
  if (condition.op === 'not') {
    const inside = toAws(condition.of)
    return inside && `NOT ${inside}`
  }
  if (condition.op === 'memberOf' || condition.op === 'geoWithin') return undefined
  const { aws } = fieldOf(condition.path)
  const escaped = (value: string): string => value.replace(/[\s:<>=()[\]{}"\\*?]/g, '\\$&').replace(/^(AND|OR|NOT)$/, '\\$1')
  const word = (value: unknown): string => (typeof value === 'string' ? escaped(value) : String(value))
  switch (condition.op) {
    case 'exists':
      return `${aws}:*`
    case 'prefix':
      return `${aws}:${word(condition.value)}*`
    case 'in':
      return `${aws}:(${condition.values.map(word).join(' OR ')})`
    case 'cmp':
      if (condition.is === '!=') return undefined
      return condition.is === '=' ? `${aws}:${word(condition.value)}` : `${aws}${condition.is}${word(condition.value)}`
    case 'range': {
      const { from, to } = condition
      const quoted = (value: unknown): string =>
        typeof value === 'string' ? `"${value.replace(/["\\]/g, '\\$&')}"` : String(value)
      return `${aws}:${from!.open ? '{' : '['}${quoted(from!.value)} TO ${quoted(to!.value)}${to!.open ? '}' : ']'}`
    }
  }
}

export function toAzure(condition: FleetCondition): string {
  if (condition.op === 'and' || condition.op === 'or')
    return `(${condition.of.map(toAzure).join(condition.op === 'or' ? ' OR ' : ' AND ')})`
  if (condition.op === 'not') return `NOT (${toAzure(condition.of)})`
  if (condition.op === 'memberOf' || condition.op === 'geoWithin') throw new Error('Azure has no words for it')
  const { azure } = fieldOf(condition.path)
  const constant = (value: unknown): string =>
    typeof value === 'string' ? `'${value.replace(/['\\]/g, '\\$&')}'` : String(value)
  switch (condition.op) {
    case 'exists':
      return `IS_DEFINED(${azure})`
    case 'prefix':
      return `STARTSWITH(${azure}, ${constant(condition.value)})`
    case 'in':
      return `${azure} IN [${condition.values.map(constant).join(', ')}]`
    case 'cmp':
      return `${azure} ${condition.is} ${constant(condition.value)}`
    case 'range': {
      // Of a list one and the same member is between the bounds; two comparisons may hold of two members.
      const { from, to } = condition
      return `(${azure} ${from!.open ? '>' : '>='} ${constant(from!.value)} AND ${azure} ${to!.open ? '<' : '<='} ${constant(to!.value)})`
    }
  }
}

/** By the definition, as slowly as it likes. */
export function holds(condition: FleetCondition, doc: any): boolean {
  if (condition.op === 'and') return condition.of.every(one => holds(one, doc))
  if (condition.op === 'or') return condition.of.some(one => holds(one, doc))
  if (condition.op === 'not') return !holds(condition.of, doc)
  if (condition.op === 'memberOf' || condition.op === 'geoWithin') throw new Error('not here')
  const found = condition.path.reduce((at, name) => (typeIs(at) === 'object' ? at[name] : undefined), doc)
  if (condition.op === 'exists') return found !== undefined
  const members: any[] = Array.isArray(found) ? found : [found]
  const same = (value: unknown) => members.filter(member => typeIs(member) === typeIs(value))
  switch (condition.op) {
    case 'prefix':
      return same('').some(member => member.indexOf(condition.value) === 0)
    case 'in':
      return condition.values.some(value => members.some(member => member === value))
    case 'range':
      return same(condition.from!.value).some(member => {
        const [from, to] = [condition.from!, condition.to!]
        return (from.open ? member > from.value : member >= from.value) && (to.open ? member < to.value : member <= to.value)
      })
    case 'cmp': {
      const value = condition.value as any
      if (condition.is === '=') return members.some(member => member === value)
      if (condition.is === '!=') return same(value).length > 0 && !members.some(member => member === value)
      if (condition.is === '<') return same(value).some(member => member < value)
      if (condition.is === '<=') return same(value).some(member => member <= value)
      return same(value).some(member => (condition.is === '>' ? member > value : member >= value))
    }
  }
}
