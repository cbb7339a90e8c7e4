import { codecLimits } from './codec.ts'
import { beyondLimit, unfit } from './fault.ts'
import { setOwn } from './plain.ts'

export interface EncodableOptions {
  /** Whole numbers need at most so many bits. */
  bits?: number
}

/**
 * A copy that a package may write: objects, lists, texts, numbers, booleans and null; bigint, bytes, dates and maps stay what they are. As in JSON.stringify, members that
 * are undefined are left out, and items null. CODEC_INVALID with the path of what no format can say, CODEC_LIMIT for what goes too deep (or round in circles) or on too long.
 */
export function encodableOf(format: string, value: unknown, { bits = 1024 }: EncodableOptions = {}): unknown {
  let elements = 0

  const copyOf = (item: unknown, path: string, depth: number): unknown => {
    if (++elements > codecLimits.elements) throw beyondLimit(format, 0, `more than ${codecLimits.elements} elements`)
    switch (typeof item) {
      case 'string':
      case 'boolean':
      case 'number':
        return item
      case 'bigint':
        if (!fits(item, bits)) throw unfit(format, path, `a whole number of more than ${bits} bits`)
        return item
      case 'undefined':
        return null
      case 'object':
        return item === null ? null : objectOf(item, path, depth)
      default:
        throw unfit(format, path, `a ${typeof item} cannot be written`)
    }
  }

  const objectOf = (item: object, path: string, depth: number): unknown => {
    if (item instanceof Uint8Array) return item
    if (item instanceof Date) {
      if (Number.isNaN(item.getTime())) throw unfit(format, path, 'a date that is none')
      return item
    }
    if (depth >= codecLimits.depth) throw beyondLimit(format, 0, `more than ${codecLimits.depth} deep`)
    if (Array.isArray(item)) return Array.from(item, (member, i) => copyOf(member, `${path}[${i}]`, depth + 1))
    if (item instanceof Map)
      return new Map(Array.from(item, ([name, member]) => [name, copyOf(member, within(path, String(name)), depth + 1)]))
    const copy: Record<string, unknown> = {}
    for (const [name, member] of Object.entries(item))
      if (member !== undefined) setOwn(copy, name, copyOf(member, within(path, name), depth + 1))
    return copy
  }

  return copyOf(value, '', 0)
}

const within = (path: string, name: string): string => (path ? `${path}.${name}` : name)

/** Between those of so many bits, with a sign or without. */
const fits = (value: bigint, bits: number): boolean => value < 1n << BigInt(bits) && value >= -(1n << BigInt(bits - 1))
