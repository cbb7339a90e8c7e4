import type { Memo } from './memo.ts'
import type { Scope } from './scope.ts'

export type IndexedValue = string | number | boolean | null

/** A condition that an index can test for many rules at once. `toNumber`: what its language compares numbers by; `heavy`: the operand costs more than the test saves. */
export type Access =
  | { kind: 'equal'; operand: Memo; heavy: boolean; values: readonly IndexedValue[] }
  | { kind: 'compare'; operand: Memo; heavy: boolean; operator: Comparison; bound: number; toNumber: ToNumber }

export type Comparison = '<' | '<=' | '>' | '>='
type ToNumber = (value: unknown) => number | undefined

/** Where the index put entries; counts the messages whose operand had no value, once for all entries there. */
interface Place {
  readonly operand: Memo
  undefineds: number
}

/** By which of its conditions an entry is found, and where. */
export interface Placement {
  readonly access: Access
  readonly place: Readonly<Place>
}

interface Equals extends Place {
  byValue: Map<unknown, unknown[]>
}

interface Thresholds<T> extends Place {
  operator: Comparison
  toNumber: ToNumber
  /** Ascending; `entries` beside them. */
  bounds: Float64Array
  entries: T[]
}

interface Compared<T> {
  access: Access & { kind: 'compare' }
  entry: T
}

/**
 * Finds those entries whose access condition is true: by a hash per operand for equality, by binary search in sorted bounds for comparison. Entries that
 * it excludes cost nothing. Those without such a condition are the residual.
 */
export class PredicateIndex<T> {
  readonly #equals: Equals[] = []
  readonly #thresholds: Thresholds<T>[] = []
  readonly #residual: T[] = []
  readonly #placements = new Map<T, Placement>()

  /** Of the conditions offered per entry the rarest equality is taken, else the first comparison. */
  constructor(rows: Iterable<{ entry: T; accesses: readonly Access[] }>) {
    const all = [...rows]
    const frequency = frequencies(all)
    const equals = new Map<string, Equals>()
    const compared = new Map<string, { access: Access & { kind: 'compare' }; rows: Compared<T>[] }>()
    for (const { entry, accesses } of all) {
      const access = preferred(accesses, frequency)
      if (!access) this.#residual.push(entry)
      else if (access.kind === 'equal') this.#placeEqual(equals, access, entry)
      else {
        const key = `${access.operator} ${access.operand.key}`
        let group = compared.get(key)
        if (!group) compared.set(key, (group = { access, rows: [] }))
        group.rows.push({ access, entry })
      }
    }
    for (const { access, rows } of compared.values()) this.#placeCompared(access, rows)
  }

  #placeEqual(equals: Map<string, Equals>, access: Access & { kind: 'equal' }, entry: T): void {
    const { operand, values } = access
    let group = equals.get(operand.key)
    if (!group) {
      group = { operand, undefineds: 0, byValue: new Map() }
      equals.set(operand.key, group)
      this.#equals.push(group)
    }
    for (const value of new Set(values)) {
      const list = group.byValue.get(value)
      if (list) list.push(entry)
      else group.byValue.set(value, [entry])
    }
    this.#placements.set(entry, { access, place: group })
  }

  #placeCompared({ operand, operator, toNumber }: Access & { kind: 'compare' }, rows: Compared<T>[]): void {
    rows.sort((a, b) => a.access.bound - b.access.bound)
    const bounds = Float64Array.from(rows, ({ access }) => access.bound)
    const entries = rows.map(({ entry }) => entry)
    const place: Thresholds<T> = { operand, operator, toNumber, undefineds: 0, bounds, entries }
    this.#thresholds.push(place)
    for (const { access, entry } of rows) this.#placements.set(entry, { access, place })
  }

  /** Where an entry stands; `undefined` if it is tested by its own conditions only. */
  placementOf(entry: T): Placement | undefined {
    return this.#placements.get(entry)
  }

  /** Adds the entries whose access condition is true. */
  collect(scope: Scope, found: T[]): void {
    for (const group of this.#equals) {
      const value = group.operand.read(scope)
      if (value === undefined) group.undefineds++
      else {
        const list = group.byValue.get(value) as T[] | undefined
        if (list) for (const entry of list) found.push(entry)
      }
    }
    for (const group of this.#thresholds) {
      const value = group.toNumber(group.operand.read(scope))
      if (value === undefined) group.undefineds++
      else collectCompared(group, value, found)
    }
  }

  /** The entries without an access condition. */
  get residual(): readonly T[] {
    return this.#residual
  }
}

function collectCompared<T>({ bounds, entries, operator }: Thresholds<T>, value: number, found: T[]): void {
  // v > t holds for the bounds below v, v >= t for those up to v, and so on.
  const at = firstWhere(bounds, value, operator === '>=' || operator === '<')
  const below = operator === '>' || operator === '>='
  const end = below ? at : entries.length
  for (let i = below ? 0 : at; i < end; i++) found.push(entries[i]!)
}

/** Index of the first bound >= value, or > value if `beyond`. */
function firstWhere(bounds: Float64Array, value: number, beyond: boolean): number {
  let low = 0
  let high = bounds.length
  while (low < high) {
    const middle = (low + high) >> 1
    const bound = bounds[middle]!
    if (bound < value || (beyond && bound === value)) low = middle + 1
    else high = middle
  }
  return low
}

type Frequencies = Map<string, Map<IndexedValue, number>>

function frequencies(rows: readonly { accesses: readonly Access[] }[]): Frequencies {
  const counts: Frequencies = new Map()
  for (const { accesses } of rows) {
    // One condition leaves no choice.
    if (accesses.length < 2) continue
    for (const access of accesses) {
      if (access.kind !== 'equal') continue
      let byValue = counts.get(access.operand.key)
      if (!byValue) counts.set(access.operand.key, (byValue = new Map()))
      for (const value of access.values) byValue.set(value, (byValue.get(value) ?? 0) + 1)
    }
  }
  return counts
}

/** The rarest equality, else the first comparison; what costs much only if there is nothing else. */
export function preferred(offered: readonly Access[], frequency?: Frequencies): Access | undefined {
  if (offered.length < 2) return offered[0]
  const light = offered.filter(({ heavy }) => !heavy)
  const accesses = light.length ? light : offered
  let best: Access | undefined
  let least = Number.POSITIVE_INFINITY
  for (const access of accesses) {
    if (access.kind !== 'equal') continue
    const counts = frequency?.get(access.operand.key)
    const sum = access.values.reduce<number>((total, value) => total + (counts?.get(value) ?? 1), 0)
    if (sum < least) {
      least = sum
      best = access
    }
  }
  return best ?? accesses[0]
}
