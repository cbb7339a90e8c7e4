import { unfit } from '../fault.ts'
import { plainInteger } from '../plain.ts'
import type { Kind, Spot } from './kinds.ts'
import type { Scalar } from './layout.ts'
import type { ReadField } from './read-layout.ts'
import { scalingOf } from './scaling.ts'

/** A whole number in bits. */
export interface RawNumber {
  bits: number
  least: bigint
  most: bigint
  read(bytes: Uint8Array, spot: Spot): number | bigint
  put(bytes: Uint8Array, spot: Spot, raw: bigint): void
}

/** Whole numbers as values: by name, scaled, or as they are, beyond 2^53 as decimal text. */
export function numberKind({ type, map = {}, ...field }: ReadField, { bits, least, most, read, put }: RawNumber): Kind {
  const scaling = scalingOf(field)
  const names = new Map(Object.entries(map))
  if (type === 'bool')
    for (const [raw, value] of [
      ['0', false],
      ['1', true],
    ] as const)
      if (!names.has(raw)) names.set(raw, value)
  const raws = new Map<unknown, bigint>()
  for (const [raw, value] of names) if (!raws.has(value)) raws.set(value, BigInt(raw))

  const plainValue = (raw: number | bigint): Scalar => {
    const value = scaling.none ? raw : scaling.value(Number(raw))
    return typeof value === 'bigint' ? plainInteger(value) : value
  }
  /** Undefined for what is no number. */
  const rawOf = (value: unknown): bigint | undefined => {
    if (raws.has(value)) return raws.get(value)
    if (type === 'bool') return undefined
    if (typeof value === 'bigint') return scaling.none ? value : rawOf(Number(value))
    if (typeof value === 'string') return scaling.none && /^-?\d{1,20}$/.test(value) ? BigInt(value) : undefined
    const raw = typeof value === 'number' ? Math.round(scaling.raw(value)) : Number.NaN
    return Number.isFinite(raw) ? BigInt(raw) : undefined
  }
  const wanted = (): string => {
    const known = [...raws.keys()]
      .slice(0, 8)
      .map(value => JSON.stringify(value).slice(0, 40))
      .join(', ')
    if (type === 'bool') return `none of ${known}`
    const ends = [plainValue(least), plainValue(most)]
    const [from, to] = (field.scale ?? 1) < 0 ? ends.toReversed() : ends
    return `not a number from ${from} to ${to}${known && `, nor one of ${known}`}`
  }

  return {
    read(bytes, spot) {
      const raw = read(bytes, spot)
      const named = names.size > 0 ? names.get(String(raw)) : undefined
      return named === undefined ? plainValue(raw) : named
    },
    write(value, path) {
      const raw = rawOf(value)
      if (raw === undefined || raw < least || raw > most) throw unfit('layout', path, wanted())
      return { bits, put: (bytes, spot) => put(bytes, spot, raw) }
    },
  }
}
