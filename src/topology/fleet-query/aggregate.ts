import {
  type FleetAggregation,
  type FleetColumn,
  type FleetFigure,
  figureFns,
  fleetLimits,
  limitFault,
  syntaxFault,
} from './ast.ts'
import { getterOf } from './fields.ts'
import { objectOf, only, readPath } from './json.ts'

/** Rows of an answer, and buckets of a histogram. */
export const mostGroups = 1000
const usualPercents = [1, 5, 25, 50, 75, 95, 99]

export type FleetFigureValue = number | null | Record<string, number> | { from: number; count: number }[]
export type FleetRow = Record<string, unknown>

/** `{group: ['tags.site', ..], figures: {n: {fn: 'count'}, t: {fn: 'avg', path}}}`. QUERY_SYNTAX, QUERY_LIMIT. */
export function readAggregation(value: unknown): FleetAggregation {
  const members = objectOf(value, 'aggregate')
  only(members, ['group', 'figures'], 'aggregate')
  const { group = [], figures = { count: { fn: 'count' } } } = members
  if (!Array.isArray(group)) throw syntaxFault('a list is expected', 'group')
  if (group.length > fleetLimits.groupFields) throw limitFault(`more than ${fleetLimits.groupFields} fields to group by`, 'group')
  const columns = group.map((path, i): FleetColumn => {
    const names = readPath(path, `group[${i}]`)
    return { name: names.join('.'), path: names }
  })
  const named = Object.entries(objectOf(figures, 'figures'))
  if (named.length + columns.length > fleetLimits.columns) throw limitFault(`more than ${fleetLimits.columns} columns`, 'figures')
  return { group: columns, figures: named.map(([name, figure]) => readFigure(name, figure)) }
}

function readFigure(name: string, value: unknown): FleetFigure {
  const at = `figures.${name.slice(0, 40)}`
  const members = objectOf(value, at)
  only(members, ['fn', 'path', 'percents', 'width'], at)
  const fn = figureFns.find(one => one === members.fn)
  if (!fn) throw syntaxFault(`one of ${figureFns.join(', ')} is expected`, `${at}.fn`)
  if (fn === 'count') return { name, fn }
  const path = readPath(members.path, `${at}.path`)
  if (fn === 'histogram') {
    const { width } = members
    if (typeof width !== 'number' || !(width > 0) || !Number.isFinite(width))
      throw syntaxFault('a width above 0 is expected', `${at}.width`)
    return { name, fn, path, width }
  }
  const { percents } = members
  if (fn !== 'percentiles' || percents === undefined) return { name, fn, path }
  const isPercent = (one: unknown): boolean => typeof one === 'number' && one >= 0 && one <= 100
  if (!Array.isArray(percents) || !percents.length || percents.length > 20 || !percents.every(isPercent))
    throw syntaxFault('1 to 20 numbers from 0 to 100 are expected', `${at}.percents`)
  return { name, fn, path, percents }
}

interface Tally {
  key: unknown[]
  count: number
  /** of each figure with a path */
  values: unknown[][]
}

/**
 * Figures over devices, taken one by one; rows ascending by their fields. What is missing or no number does not count, save for `count` and `cardinality`. Percentiles are exact, by linear
 * interpolation between neighbours. Memory: a reference per device and figure. QUERY_LIMIT past 1,000 rows.
 */
export function aggregator({ group, figures }: FleetAggregation): { add(doc: object): void; rows(): FleetRow[] } {
  const getGroup = group.map(({ path }) => getterOf(path))
  const getValue = figures.map(({ path }) => path && getterOf(path))
  const tallies = new Map<string, Tally>()
  return {
    add(doc) {
      let text = ''
      for (const get of getGroup) {
        const value = scalarOf(get(doc))
        const shown = String(value)
        text += `${typeof value}${shown.length}:${shown}`
      }
      let tally = tallies.get(text)
      if (!tally) {
        if (tallies.size >= mostGroups) throw limitFault(`more than ${mostGroups} groups`)
        tally = { key: getGroup.map(get => scalarOf(get(doc))), count: 0, values: figures.map(() => []) }
        tallies.set(text, tally)
      }
      tally.count++
      for (let i = 0; i < getValue.length; i++) {
        const value = getValue[i]?.(doc)
        if (value === undefined || value === null) continue
        if (typeof value === 'number' || figures[i]!.fn === 'cardinality') tally.values[i]!.push(value)
      }
    },
    rows() {
      const found = group.length || tallies.size ? [...tallies.values()] : [{ key: [], count: 0, values: figures.map(() => []) }]
      return found
        .sort((a, b) => byKey(a.key, b.key))
        .map(({ key, count, values }) => ({
          ...Object.fromEntries(group.map(({ name }, i) => [name, key[i]])),
          ...Object.fromEntries(figures.map((figure, i) => [figure.name, figureOf(figure, count, values[i]!)])),
        }))
    },
  }
}

const scalarOf = (value: unknown): unknown =>
  value === undefined || (typeof value === 'object' && value !== null) ? null : value

function byKey(a: readonly unknown[], b: readonly unknown[]): number {
  for (const [i, one] of a.entries()) {
    const other = b[i]
    if (one === other) continue
    if (typeof one !== typeof other) return typeof one < typeof other ? -1 : 1
    return (one as string) < (other as string) ? -1 : 1
  }
  return 0
}

function figureOf({ fn, percents = usualPercents, width = 1 }: FleetFigure, count: number, values: unknown[]): FleetFigureValue {
  if (fn === 'count') return count
  if (fn === 'cardinality') return new Set(values.map(value => (typeof value === 'object' ? JSON.stringify(value) : value))).size
  const numbers = values as number[]
  const sum = numbers.reduce((total, value) => total + value, 0)
  if (fn === 'sum') return sum
  if (fn === 'histogram') return histogramOf(numbers, width)
  if (!numbers.length) return null
  if (fn === 'avg') return sum / numbers.length
  const sorted = numbers.sort((a, b) => a - b)
  if (fn === 'percentiles') return Object.fromEntries(percents.map(percent => [String(percent), percentileOf(sorted, percent)]))
  return fn === 'min' ? sorted[0]! : sorted.at(-1)!
}

function percentileOf(sorted: readonly number[], percent: number): number {
  const place = ((sorted.length - 1) * percent) / 100
  const below = sorted[Math.floor(place)]!
  return below + (sorted[Math.ceil(place)]! - below) * (place - Math.floor(place))
}

function histogramOf(numbers: readonly number[], width: number): { from: number; count: number }[] {
  const buckets = new Map<number, number>()
  for (const value of numbers) {
    const bucket = Math.floor(value / width)
    buckets.set(bucket, (buckets.get(bucket) ?? 0) + 1)
    if (buckets.size > mostGroups) throw limitFault(`more than ${mostGroups} buckets`)
  }
  return [...buckets].sort(([a], [b]) => a - b).map(([bucket, count]) => ({ from: bucket * width, count }))
}
