import type { Memo } from './memo.ts'

export type IndexedValue = string | number | boolean | null

export type Comparison = '<' | '<=' | '>' | '>='

interface Reads {
  readonly operand: Memo
  /** The operand is more than a path, or the look-up more than a hash: it pays for several rules only. */
  readonly computed: boolean
}

export type EqualAccess = Reads & { readonly kind: 'equal'; readonly values: readonly IndexedValue[] }
/** `toNumber`: what its language compares numbers by. */
export type CompareAccess = Reads & {
  readonly kind: 'compare'
  readonly operator: Comparison
  readonly bound: number
  readonly toNumber: (value: unknown) => number | undefined
}
/** `toText`: what its language takes for a text. */
export type PrefixAccess = Reads & {
  readonly kind: 'prefix'
  readonly prefix: string
  readonly toText: (value: unknown) => string | undefined
}
export type SingleAccess = EqualAccess | CompareAccess | PrefixAccess
/** True as soon as one of its parts is. */
export interface AnyAccess {
  readonly kind: 'any'
  readonly computed: true
  readonly parts: readonly SingleAccess[]
}

/** A condition that an index can test for many rules at once: it finds them exactly when it is true. */
export type Access = SingleAccess | AnyAccess

type Frequencies = Map<string, Map<IndexedValue, number>>

/** How many conditions ask for a value, where there is a choice. */
export function frequencies(rows: readonly { accesses: readonly Access[] }[]): Frequencies {
  const counts: Frequencies = new Map()
  for (const { accesses } of rows) {
    // One condition leaves no choice.
    if (accesses.length < 2) continue
    for (const access of accesses) {
      if (access.kind !== 'equal') continue
      const byValue = made(counts, access.operand.key, () => new Map<IndexedValue, number>())
      for (const value of access.values) byValue.set(value, (byValue.get(value) ?? 0) + 1)
    }
  }
  return counts
}

/** The rarest equality, else the first comparison; computed ones only if there is nothing else. */
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
  return best ?? accesses.find(({ kind }) => kind !== 'any') ?? accesses[0]
}

/** The other end of an interval that begins or ends with the comparison. */
export function otherEnd(access: CompareAccess, offered: readonly Access[]): CompareAccess | undefined {
  return offered.find(
    (other): other is CompareAccess =>
      other.kind === 'compare' && other.operand === access.operand && isLower(other.operator) !== isLower(access.operator),
  )
}

/** Whether the bound is the least that the value may be. */
export const isLower = (operator: Comparison): boolean => operator === '>' || operator === '>='

export function made<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key)
  if (value === undefined) map.set(key, (value = make()))
  return value
}
