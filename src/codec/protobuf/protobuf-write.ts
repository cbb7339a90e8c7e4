import type { Enum, Field, Type } from 'protobufjs'
import { codecLimits } from '../codec.ts'
import { beyondLimit, unfit } from '../fault.ts'
import { isTimestamp } from './protobuf-read.ts'

type Parts = Record<string, unknown>

const wholeRanges: Readonly<Record<string, readonly [bigint, bigint]>> = {
  int32: [-(2n ** 31n), 2n ** 31n],
  sint32: [-(2n ** 31n), 2n ** 31n],
  sfixed32: [-(2n ** 31n), 2n ** 31n],
  uint32: [0n, 2n ** 32n],
  fixed32: [0n, 2n ** 32n],
  int64: [-(2n ** 63n), 2n ** 63n],
  sint64: [-(2n ** 63n), 2n ** 63n],
  sfixed64: [-(2n ** 63n), 2n ** 63n],
  uint64: [0n, 2n ** 64n],
  fixed64: [0n, 2n ** 64n],
}

/**
 * A plain value as the library writes it; the other way round of `plainMessage`. Members that the message does not have are left out, null is as if it was not there.
 * CODEC_INVALID with the path, CODEC_LIMIT.
 */
export function messageParts(type: Type, value: unknown): Parts {
  let elements = 0
  const fail = (path: string, why: string): never => {
    throw unfit('Protobuf', path, why)
  }
  const count = (path: string): void => {
    if (++elements > codecLimits.elements)
      throw beyondLimit('Protobuf', 0, `more than ${codecLimits.elements} elements, ${path.slice(0, 60)}`)
  }

  const messageOf = (of: Type, given: unknown, path: string, depth: number): Parts => {
    if (depth > codecLimits.depth) throw beyondLimit('Protobuf', 0, `more than ${codecLimits.depth} deep`)
    if (isTimestamp(of)) {
      if (typeof given !== 'number' || !Number.isFinite(given)) return fail(path, 'a timestamp is a number of ms')
      const seconds = Math.floor(given / 1000)
      return { seconds, nanos: Math.round((given - seconds * 1000) * 1_000_000) }
    }
    if (typeof given !== 'object' || given === null || Array.isArray(given)) return fail(path, 'must be an object')
    const parts: Parts = {}
    for (const field of of.fieldsArray) {
      const own = Object.hasOwn(given, field.name) ? (given as Parts)[field.name] : undefined
      const at = path ? `${path}.${field.name}` : field.name
      if (own !== undefined && own !== null) parts[field.name] = fieldOf(field, own, at, depth + 1)
      else if (field.required) fail(at, 'is missing')
    }
    for (const { name, oneof } of of.oneofsArray)
      if (oneof.filter(member => parts[member] !== undefined).length > 1) fail(path, `has more than one of ${name}`)
    return parts
  }
  const fieldOf = (field: Field, given: unknown, path: string, depth: number): unknown => {
    if (field.map) {
      if (typeof given !== 'object' || Array.isArray(given)) return fail(path, 'must be an object')
      return Object.fromEntries(
        Object.entries(given as object).map(([key, item]) => [key, one(field, item, `${path}.${key}`, depth)]),
      )
    }
    if (!field.repeated) return one(field, given, path, depth)
    if (!Array.isArray(given)) return fail(path, 'must be a list')
    return given.map((item, i) => one(field, item, `${path}[${i}]`, depth))
  }
  const one = ({ type: name, resolvedType }: Field, given: unknown, path: string, depth: number): unknown => {
    count(path)
    if (resolvedType && 'fieldsArray' in resolvedType) return messageOf(resolvedType, given, path, depth)
    if (resolvedType) {
      const { values } = resolvedType as Enum
      if (typeof given === 'string' && Object.hasOwn(values, given)) return values[given]
      return typeof given === 'number' && given === (given | 0)
        ? given
        : fail(path, `is none of ${Object.keys(values).join(', ').slice(0, 80)}`)
    }
    switch (name) {
      case 'bool':
        return typeof given === 'boolean' ? given : fail(path, 'must be true or false')
      case 'string':
        return typeof given === 'string' ? given : fail(path, 'must be a text')
      case 'bytes':
        if (given instanceof Uint8Array) return given
        return typeof given === 'string' && /^[A-Za-z0-9+/]*={0,2}$/.test(given)
          ? Buffer.from(given, 'base64')
          : fail(path, 'must be base64')
      case 'float':
      case 'double':
        return typeof given === 'number' ? given : fail(path, 'must be a number')
      default:
        return wholeOf(name, given) ?? fail(path, `is no ${name}`)
    }
  }
  return messageOf(type, value, '', 0)
}

/** What the library takes for a whole number: of 64 bits its two halves. */
function wholeOf(type: string, given: unknown): unknown {
  const text = typeof given === 'number' && Number.isInteger(given) ? BigInt(given) : given
  const whole = typeof text === 'string' && /^-?\d{1,20}$/.test(text) ? BigInt(text) : text
  const [least, beyond] = wholeRanges[type] ?? [0n, 0n]
  if (typeof whole !== 'bigint' || whole < least || whole >= beyond) return undefined
  if (!type.endsWith('64')) return Number(whole)
  const bits = BigInt.asUintN(64, whole)
  return { low: Number(bits & 0xffff_ffffn) | 0, high: Number(bits >> 32n) | 0, unsigned: least === 0n }
}
