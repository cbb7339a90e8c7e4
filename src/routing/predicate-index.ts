import type { Memo } from './memo.ts'
import type { Scope } from './scope.ts'

export type IndexedValue = string | number | boolean | null

/** A condition that an index can test for many rules at once. `toNumber`: what its language compares numbers by; `computed`: the operand is more than a path, so that it pays for several rules only. */
export type Access =
  | { kind: 'equal'; operand: Memo; computed: boolean; values: readonly IndexedValue[] }
  | { kind: 'compare'; operand: Memo; computed: boolean; operator: Comparison; bound: number; toNumber: ToNumber }

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

interface Placed<T> extends Placement {
  /** Where many entries share a value, they are told apart by another condition. */
  inner?: PredicateIndex<T>
}

interface Bucket<T> {
  entries: T[]
  inner?: PredicateIndex<T>
}

interface Equals<T> extends Place {
  byValue: Map<unknown, Bucket<T>>
}

interface Row<T> {
  entry: T
  accesses: readonly Access[]
}

interface Thresholds<T> extends Place {
  operator: Comparison
  toNumber: ToNumber
  /** Ascending; `entries` beside them. */
  bounds: Float64Array
  entries: T[]
}

/** Fewer entries with the same value are tested one by one. */
const largeBucket = 8

interface Compared<T> {
  access: Access & { kind: 'compare' }
  entry: T
}

/**
 * Finds those entries whose access condition is true: by a hash per operand for equality, by binary search in sorted bounds for comparison. Entries that
 * it excludes cost nothing. Those without such a condition are the residual.
 */
export class PredicateIndex<T> {
  readonly #equals: Equals<T>[] = []
  readonly #thresholds: Thresholds<T>[] = []
  readonly #residual: T[] = []
  readonly #placements = new Map<T, Placed<T>>()

  /** Of the conditions offered per entry the rarest equality is taken, else the first comparison. */
  constructor(rows: readonly Row<T>[]) {
    const frequency = frequencies(rows)
    const chosen = rows.map(({ accesses }) => preferred(accesses, frequency))
    const users = new Map<string, number>()
    for (const access of chosen) if (access?.computed) users.set(access.operand.key, (users.get(access.operand.key) ?? 0) + 1)
    const equals = new Map<string, Equals<T>>()
    const compared = new Map<string, Compared<T>[]>()
    rows.forEach(({ entry }, i) => {
      const access = chosen[i]
      if (!access || users.get(access.operand.key) === 1) this.#residual.push(entry)
      else if (access.kind === 'equal') this.#placeEqual(equals, access, entry)
      else made(compared, `${access.operator} ${access.operand.key}`, () => []).push({ access, entry })
    })
    for (const group of compared.values()) this.#placeCompared(group[0]!.access, group)
    this.#divide(rows)
  }

  #placeEqual(equals: Map<string, Equals<T>>, access: Access & { kind: 'equal' }, entry: T): void {
    const { operand, values } = access
    const group = made(equals, operand.key, () => {
      const fresh: Equals<T> = { operand, undefineds: 0, byValue: new Map() }
      this.#equals.push(fresh)
      return fresh
    })
    for (const value of new Set(values)) made(group.byValue, value, () => ({ entries: [] })).entries.push(entry)
    this.#placements.set(entry, { access, place: group })
  }

  /** Large buckets get an index of their own. An entry of several values stays outside, as it stands in several buckets. */
  #divide(rows: readonly Row<T>[]): void {
    const large = this.#equals.flatMap(({ byValue }) =>
      [...byValue.values()].filter(({ entries }) => entries.length >= largeBucket),
    )
    if (large.length === 0) return
    const accesses = new Map(rows.map(row => [row.entry, row.accesses]))
    for (const bucket of large) {
      const inner: Row<T>[] = []
      const outer: T[] = []
      for (const entry of bucket.entries) {
        const { access } = this.#placements.get(entry)!
        const others = accesses.get(entry)!.filter(other => other !== access)
        const isSingle = access.kind === 'equal' && access.values.length === 1
        if (isSingle && others.length > 0) inner.push({ entry, accesses: others })
        else outer.push(entry)
      }
      if (inner.length < largeBucket) continue
      bucket.entries = outer
      bucket.inner = new PredicateIndex(inner)
      for (const { entry } of inner) this.#placements.get(entry)!.inner = bucket.inner
    }
  }

  #placeCompared({ operand, operator, toNumber }: Access & { kind: 'compare' }, rows: Compared<T>[]): void {
    rows.sort((a, b) => a.access.bound - b.access.bound)
    const bounds = Float64Array.from(rows, ({ access }) => access.bound)
    const entries = rows.map(({ entry }) => entry)
    const place: Thresholds<T> = { operand, operator, toNumber, undefineds: 0, bounds, entries }
    this.#thresholds.push(place)
    for (const { access, entry } of rows) this.#placements.set(entry, { access, place })
  }

  /** Where an entry stands; nowhere if it is tested by its own conditions only. */
  placementsOf(entry: T): Placement[] {
    const placed = this.#placements.get(entry)
    return placed ? [placed, ...(placed.inner?.placementsOf(entry) ?? [])] : []
  }

  /** Adds the entries whose access conditions are true. */
  collect(scope: Scope, found: T[]): void {
    for (const group of this.#equals) {
      const value = group.operand.read(scope)
      if (value === undefined) {
        group.undefineds++
        continue
      }
      const bucket = group.byValue.get(value)
      if (!bucket) continue
      for (const entry of bucket.entries) found.push(entry)
      if (bucket.inner) {
        bucket.inner.collect(scope, found)
        for (const entry of bucket.inner.#residual) found.push(entry)
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

function made<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key)
  if (value === undefined) map.set(key, (value = make()))
  return value
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

/** The rarest equality, else the first comparison; computed operands only if there is nothing else. */
export function preferred(offered: readonly Access[], frequency?: Frequencies): Access | undefined {
  if (offered.length < 2) return offered[0]
  const light = offered.filter(({ computed }) => !computed)
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
