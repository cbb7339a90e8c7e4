import { type Alternative, AnyEntry, AnyTable } from './any-table.ts'
import {
  type Access,
  type AnyAccess,
  type CompareAccess,
  type EqualAccess,
  frequencies,
  isLower,
  made,
  otherEnd,
  type PrefixAccess,
  preferred,
  type SingleAccess,
} from './index-access.ts'
import { BoundTable, type Bucket, EqualTable, IntervalTable, type LookupTable, PrefixTable } from './lookup-table.ts'
import type { Scope } from './scope.ts'

/** By which of its conditions an entry is found, and how often these had no value. */
export interface Placement {
  readonly accesses: readonly Access[]
  readonly place: { readonly undefineds: number }
}

interface Placed<T> extends Placement {
  readonly table?: LookupTable<T>
  /** Where many entries share a value, they are told apart by another condition. */
  inner?: PredicateIndex<T>
}

interface Row<T> {
  readonly entry: T
  readonly accesses: readonly Access[]
}

interface Ends<T> {
  access: CompareAccess
  other: CompareAccess | undefined
  entry: T
}

/** Fewer entries with the same value are tested one by one, and so are fewer entries of alternatives. */
const largeBucket = 8
const leastAlternatives = 4

/**
 * Finds those entries whose access condition is true: by a hash per operand for equality, by binary search in sorted bounds for comparison. Entries that
 * it excludes cost nothing. Those without such a condition are the residual.
 */
export class PredicateIndex<T> {
  readonly #equals: EqualTable<T>[] = []
  readonly #tables: LookupTable<T>[] = []
  readonly #residual: T[] = []
  readonly #placements = new Map<T, Placed<T>>()
  #any: AnyTable<T> | undefined

  /** Of the conditions offered per entry the rarest equality is taken, else the first comparison. `all`: also those that pay for several entries only. */
  constructor(rows: readonly Row<T>[], all = false) {
    const frequency = frequencies(rows)
    const chosen = rows.map(({ accesses }) => preferred(accesses, frequency))
    const pays = all ? () => true : payingAmong(chosen)
    const tables = new Map<string, EqualTable<T> | PrefixTable<T>>()
    const compared = new Map<string, Ends<T>[]>()
    const any: AnyEntry<T>[] = []
    rows.forEach(({ entry, accesses }, i) => {
      const access = chosen[i]
      if (!access || !pays(access)) this.#residual.push(entry)
      else if (access.kind === 'any') any.push(new AnyEntry(entry, access))
      else if (access.kind === 'compare') {
        const other = otherEnd(access, accesses)
        const key = [access, other]
          .map(end => end?.operator)
          .sort()
          .join(' ')
        made(compared, `${key} ${access.operand.key}`, () => []).push({ access, other, entry })
      } else this.#place(tables, access, entry)
    })
    for (const group of compared.values()) this.#placeCompared(group)
    if (any.length > 0) this.#placeAny(any)
    this.#divide(rows)
  }

  #place(tables: Map<string, EqualTable<T> | PrefixTable<T>>, access: EqualAccess | PrefixAccess, entry: T): void {
    const table = made(tables, `${access.kind} ${access.operand.key}`, () => {
      const fresh = access.kind === 'equal' ? new EqualTable<T>(access) : new PrefixTable<T>(access)
      if (fresh instanceof EqualTable) this.#equals.push(fresh)
      this.#tables.push(fresh)
      return fresh
    })
    table.add(access as never, entry)
    this.#placements.set(entry, { accesses: [access], place: table, table })
  }

  /** Comparisons of one operand by the same operators: bounds, or intervals where each entry has two. */
  #placeCompared(rows: readonly Ends<T>[]): void {
    const intervals = rows.flatMap(({ access, other, entry }) => {
      if (!other) return []
      return isLower(access.operator) ? { lower: access, upper: other, entry } : { lower: other, upper: access, entry }
    })
    const table = intervals.length > 0 ? new IntervalTable(intervals) : new BoundTable([...rows])
    this.#tables.push(table)
    for (const { access, other, entry } of rows)
      this.#placements.set(entry, { accesses: other ? [access, other] : [access], place: table, table })
  }

  #placeAny(entries: readonly AnyEntry<T>[]): void {
    const rows = entries.flatMap(of => of.access.parts.map(part => ({ entry: { of }, accesses: [part] })))
    this.#any = new AnyTable(
      new PredicateIndex<Alternative<T>>(rows, true),
      rows.map(({ entry }) => entry),
    )
    for (const any of entries) this.#placements.set(any.entry, { accesses: [any.access], place: any })
  }

  /** Large buckets get an index of their own. An entry of several values stays outside, as it stands in several buckets. */
  #divide(rows: readonly Row<T>[]): void {
    const large = this.#equals.flatMap(table => [...table.buckets].filter(({ entries }) => entries.length >= largeBucket))
    if (large.length === 0) return
    const accesses = new Map(rows.map(row => [row.entry, row.accesses]))
    for (const bucket of large) this.#divideBucket(bucket, accesses)
  }

  #divideBucket(bucket: Bucket<T>, accesses: ReadonlyMap<T, readonly Access[]>): void {
    const inner: Row<T>[] = []
    const outer: T[] = []
    for (const entry of bucket.entries) {
      const [access] = this.#placements.get(entry)!.accesses
      const others = accesses.get(entry)!.filter(other => other !== access)
      const isSingle = access!.kind === 'equal' && access!.values.length === 1
      if (isSingle && others.length > 0) inner.push({ entry, accesses: others })
      else outer.push(entry)
    }
    if (inner.length < largeBucket) return
    const index = new PredicateIndex(inner)
    bucket.inner = index
    bucket.entries = [...outer, ...index.residual]
    for (const { entry } of inner) this.#placements.get(entry)!.inner = index
  }

  /** Where an entry stands; nowhere if it is tested by its own conditions only. */
  placementsOf(entry: T): Placement[] {
    const placed = this.#placements.get(entry)
    return placed ? [placed, ...(placed.inner?.placementsOf(entry) ?? [])] : []
  }

  /** Where a lone condition is looked up. */
  tableOf(entry: T): LookupTable<T> | undefined {
    return this.#placements.get(entry)?.table
  }

  /** All but those of alternatives. */
  get tables(): readonly LookupTable<T>[] {
    return this.#tables
  }

  /** The entries without an access condition. */
  get residual(): readonly T[] {
    return this.#residual
  }

  /** Adds the entries whose access conditions are true. */
  collect(scope: Scope, found: T[]): void {
    for (const table of this.#tables) table.collect(scope, found)
    this.#any?.collect(scope, found)
  }
}

/** A computed condition pays if another entry has one like it. */
function payingAmong(chosen: readonly (Access | undefined)[]): (access: Access) => boolean {
  const users = new Map<string, number>()
  const count = (access: SingleAccess): void => {
    if (access.computed) users.set(access.operand.key, (users.get(access.operand.key) ?? 0) + 1)
  }
  const alternatives = chosen.filter((access): access is AnyAccess => access?.kind === 'any')
  for (const access of chosen) if (access && access.kind !== 'any') count(access)
  for (const { parts } of alternatives) for (const part of parts) count(part)
  const single = (access: SingleAccess): boolean => !access.computed || users.get(access.operand.key)! > 1
  return access =>
    access.kind === 'any' ? alternatives.length >= leastAlternatives && access.parts.every(single) : single(access)
}
