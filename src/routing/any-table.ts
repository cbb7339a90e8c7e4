import { type AnyAccess, made } from './index-access.ts'
import type { LookupTable } from './lookup-table.ts'
import type { PredicateIndex } from './predicate-index.ts'
import type { Scope } from './scope.ts'

/** Entries whose parts stand in the same tables: together they have a value or none. */
class Union {
  readonly #tables: readonly LookupTable<unknown>[]
  undefineds = 0

  constructor(tables: readonly LookupTable<unknown>[]) {
    this.#tables = tables
  }

  get lacking(): boolean {
    return this.#tables.some(table => table.lacking)
  }
}

/** An entry of several alternatives. */
export class AnyEntry<T> {
  readonly entry: T
  readonly access: AnyAccess
  union: Union | undefined
  /** By which message it was found last. */
  turn = 0
  /** Messages in which one part was true while another had no value. */
  spared = 0

  constructor(entry: T, access: AnyAccess) {
    this.entry = entry
    this.access = access
  }

  get undefineds(): number {
    return (this.union?.undefineds ?? 0) - this.spared
  }
}

/** One part of an entry. */
export interface Alternative<T> {
  readonly of: AnyEntry<T>
}

/** `a = 1 OR b > 2`: each part is found by an index of all parts. */
export class AnyTable<T> {
  readonly #parts: PredicateIndex<Alternative<T>>
  readonly #tables: readonly LookupTable<unknown>[]
  readonly #unions: readonly Union[]
  #turn = 0

  /** `parts` holds the alternatives of all entries. */
  constructor(parts: PredicateIndex<Alternative<T>>, alternatives: readonly Alternative<T>[]) {
    this.#parts = parts
    this.#tables = parts.tables
    const numbers = new Map(this.#tables.map((table, i) => [table, i]))
    const unions = new Map<string, Union>()
    for (const [of, own] of Map.groupBy(alternatives, each => each.of)) {
      const tables = new Set(own.map(each => parts.tableOf(each)!))
      const key = [...tables]
        .map(table => numbers.get(table))
        .sort()
        .join()
      of.union = made(unions, key, () => new Union([...tables]))
    }
    this.#unions = [...unions.values()]
  }

  collect(scope: Scope, found: T[]): void {
    const hits: Alternative<T>[] = []
    this.#parts.collect(scope, hits)
    const lacking = this.#tables.some(table => table.lacking)
    if (!lacking && hits.length === 0) return
    const turn = ++this.#turn
    for (const { of } of hits) {
      if (of.turn === turn) continue
      of.turn = turn
      found.push(of.entry)
      if (lacking && of.union!.lacking) of.spared++
    }
    if (lacking) for (const union of this.#unions) if (union.lacking) union.undefineds++
  }
}
