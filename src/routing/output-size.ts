import { isBytes } from './values.ts'

/** Deeper outputs are refused as too large ones are: they would overflow the stack of those who print or copy them. */
const deepest = 512

/** Why a value is more than an output may be: its size, or its depth. */
export function excessOf(value: unknown, limit: number): string | undefined {
  const size = outputBytes(value, limit)
  if (size <= limit) return undefined
  return size === Number.POSITIVE_INFINITY ? `nested deeper than ${deepest} levels` : `larger than ${limit} bytes`
}

/**
 * The size of a value as JSON in bytes, not more than `limit + 1`: counting ends there, so that its cost is bounded too. A text of `n` characters counts its exact bytes
 * only if that matters for the limit. Infinity if it is nested too deep.
 */
export function outputBytes(value: unknown, limit: number): number {
  return measure(value, limit, 0)
}

function measure(value: unknown, limit: number, depth: number): number {
  switch (typeof value) {
    case 'string':
      return textBytes(value, limit)
    case 'number':
      return numberBytes(value)
    case 'boolean':
      return value ? 4 : 5
    case 'object':
      break
    default:
      return 0
  }
  if (value === null) return 4
  if (isBytes(value)) return Math.min(value.length, limit + 1)
  if (depth === deepest) return Number.POSITIVE_INFINITY
  let size = 2
  if (Array.isArray(value)) {
    for (const element of value) if ((size += measure(element, limit, depth + 1) + 1) > limit) return beyond(size, limit)
    return size > 2 ? size - 1 : size
  }
  const object = value as Record<string, unknown>
  for (const key of Object.keys(object)) {
    const member = object[key]
    if (member === undefined) continue
    size += textBytes(key, limit) + 2 + measure(member, limit, depth + 1)
    if (size > limit + 1) return beyond(size, limit)
  }
  return size > 2 ? size - 1 : size
}

const beyond = (size: number, limit: number): number => (size === Number.POSITIVE_INFINITY ? size : limit + 1)

const numberBytes = (value: number): number => {
  if (Number.isInteger(value) && value >= 0 && value < 1e6)
    return value < 10 ? 1 : value < 100 ? 2 : value < 1000 ? 3 : value < 1e4 ? 4 : value < 1e5 ? 5 : 6
  return String(value).length
}

const plain = /^[ !#-[\]-~]*$/
const encoder = new TextEncoder()

function textBytes(text: string, limit: number): number {
  if (text.length > limit) return limit + 1
  return plain.test(text) ? text.length + 2 : encoder.encode(JSON.stringify(text)).length
}
