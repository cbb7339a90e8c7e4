import { type CompareAccess, type Comparison, type EqualAccess, isLower, made, type PrefixAccess } from './index-access.ts'
import type { Scope } from './scope.ts'

/** What finds those of its entries whose condition is true. */
export interface LookupTable<T> {
  /** Messages whose operand had no value, the same for all entries here. */
  readonly undefineds: number
  /** Whether that of the last message had none. */
  readonly lacking: boolean
  collect(scope: Scope, found: T[]): void
}

/** Takes note of operands without a value. */
abstract class Lookup<T> implements LookupTable<T> {
  undefineds = 0
  lacking = false

  abstract collect(scope: Scope, found: T[]): void

  protected noted<V>(value: V | undefined): V | undefined {
    this.lacking = value === undefined
    if (value === undefined) this.undefineds++
    return value
  }
}

/** What finds the entries of a bucket by another of their conditions. */
interface Inner<T> {
  collect(scope: Scope, found: T[]): void
}

export interface Bucket<T> {
  entries: T[]
  inner?: Inner<T>
}

/** `operand = value`, by a hash. */
export class EqualTable<T> extends Lookup<T> {
  readonly #operand: EqualAccess['operand']
  readonly #byValue = new Map<unknown, Bucket<T>>()

  constructor({ operand }: EqualAccess) {
    super()
    this.#operand = operand
  }

  add({ values }: EqualAccess, entry: T): void {
    for (const value of new Set(values)) made(this.#byValue, value, () => ({ entries: [] as T[] })).entries.push(entry)
  }

  get buckets(): IterableIterator<Bucket<T>> {
    return this.#byValue.values()
  }

  collect(scope: Scope, found: T[]): void {
    const value = this.noted(this.#operand.read(scope))
    const bucket = value === undefined ? undefined : this.#byValue.get(value)
    if (!bucket) return
    for (const entry of bucket.entries) found.push(entry)
    bucket.inner?.collect(scope, found)
  }
}

/** `startswith(operand, text)`, by a hash for each length. */
export class PrefixTable<T> extends Lookup<T> {
  readonly #access: PrefixAccess
  readonly #byPrefix = new Map<string, T[]>()
  readonly #lengths: number[] = []
  /** First UTF-16 code units: a text that begins with another one is not cut. */
  readonly #firsts = new Set<number>()
  #empty = false

  constructor(access: PrefixAccess) {
    super()
    this.#access = access
  }

  add({ prefix }: PrefixAccess, entry: T): void {
    made(this.#byPrefix, prefix, () => []).push(entry)
    if (!this.#lengths.includes(prefix.length)) this.#lengths.push(prefix.length)
    if (prefix === '') this.#empty = true
    else this.#firsts.add(prefix.charCodeAt(0))
  }

  collect(scope: Scope, found: T[]): void {
    const { operand, toText } = this.#access
    const text = this.noted(toText(operand.read(scope)))
    if (text === undefined || (!this.#empty && !this.#firsts.has(text.charCodeAt(0)))) return
    for (const length of this.#lengths) {
      const entries = length <= text.length && this.#byPrefix.get(text.slice(0, length))
      if (entries) for (const entry of entries) found.push(entry)
    }
  }
}

export interface Compared<T> {
  access: CompareAccess
  entry: T
}

/** `operand < bound` and its like, by binary search. */
export class BoundTable<T> extends Lookup<T> {
  readonly #access: CompareAccess
  readonly #bounds: Float64Array
  readonly #entries: T[]

  /** All of one operand and operator. */
  constructor(rows: Compared<T>[]) {
    super()
    rows.sort((a, b) => a.access.bound - b.access.bound)
    this.#access = rows[0]!.access
    this.#bounds = Float64Array.from(rows, ({ access }) => access.bound)
    this.#entries = rows.map(({ entry }) => entry)
  }

  collect(scope: Scope, found: T[]): void {
    const { operand, operator, toNumber } = this.#access
    const value = this.noted(toNumber(operand.read(scope)))
    if (value === undefined) return
    const at = turningPoint(this.#bounds, value, operator)
    const below = isLower(operator)
    const end = below ? at : this.#entries.length
    for (let i = below ? 0 : at; i < end; i++) found.push(this.#entries[i]!)
  }
}

export interface Interval<T> {
  lower: CompareAccess
  upper: CompareAccess
  entry: T
}

/** `operand >= from AND operand <= to`: from the last interval that begins in time back to where none reaches the value any more. */
export class IntervalTable<T> extends Lookup<T> {
  readonly #lower: CompareAccess
  readonly #closed: boolean
  readonly #from: Float64Array
  readonly #to: Float64Array
  /** How far the intervals up to one reach. */
  readonly #reach: Float64Array
  readonly #entries: T[]

  /** All of one operand and one pair of operators. */
  constructor(rows: Interval<T>[]) {
    super()
    rows.sort((a, b) => a.lower.bound - b.lower.bound)
    this.#lower = rows[0]!.lower
    this.#closed = rows[0]!.upper.operator === '<='
    this.#from = Float64Array.from(rows, ({ lower }) => lower.bound)
    this.#to = Float64Array.from(rows, ({ upper }) => upper.bound)
    let reach = Number.NEGATIVE_INFINITY
    this.#reach = this.#to.map(to => (reach = Math.max(reach, to)))
    this.#entries = rows.map(({ entry }) => entry)
  }

  collect(scope: Scope, found: T[]): void {
    const { operand, operator, toNumber } = this.#lower
    const value = this.noted(toNumber(operand.read(scope)))
    if (value === undefined) return
    const holds = (end: number): boolean => value < end || (this.#closed && value === end)
    for (let i = turningPoint(this.#from, value, operator) - 1; i >= 0 && holds(this.#reach[i]!); i--)
      if (holds(this.#to[i]!)) found.push(this.#entries[i]!)
  }
}

/** Where the answer of `value operator bound` changes among ascending bounds: `v > t` holds for those below v, `v >= t` for those up to v, and so on. */
function turningPoint(bounds: Float64Array, value: number, operator: Comparison): number {
  const beyond = operator === '>=' || operator === '<'
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
