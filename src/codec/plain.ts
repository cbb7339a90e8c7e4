import { codecLimits } from './codec.ts'
import { beyondLimit } from './fault.ts'

/**
 * The value as JSON can say it: whole numbers as numbers up to 2^53 and as decimal text beyond, bytes as base64, dates as epoch ms, maps as objects. NaN and the infinities
 * are null, and so is undefined in a list; undefined members are left out. A member `__proto__` is an own member like any other, as JSON.parse makes it. CODEC_LIMIT if
 * it is too deep.
 */
export function plainOf(value: unknown, depth = 0): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      return Number.isFinite(value) ? value : null
    case 'bigint':
      return plainInteger(value)
    case 'object':
      return value === null ? null : plainObject(value, depth)
    default:
      return null
  }
}

/** A number if it keeps all digits, else decimal text. */
export const plainInteger = (value: bigint): number | string =>
  value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : String(value)

/** Sets an own member of any name, `__proto__` too. */
export function setOwn(target: Record<string, unknown>, name: string, value: unknown): void {
  if (name === '__proto__') Object.defineProperty(target, name, { value, writable: true, enumerable: true, configurable: true })
  else target[name] = value
}

export const base64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')

function plainObject(value: object, depth: number): unknown {
  if (depth >= codecLimits.depth) throw beyondLimit('the value', 0, `more than ${codecLimits.depth} deep`)
  if (value instanceof Uint8Array) return base64(value)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.getTime()
  if (Array.isArray(value)) return value.map(item => plainOf(item, depth + 1))
  const object: Record<string, unknown> = {}
  for (const [name, member] of value instanceof Map ? value : Object.entries(value))
    if (member !== undefined) setOwn(object, String(name), plainOf(member, depth + 1))
  return object
}
