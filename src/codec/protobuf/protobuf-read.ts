import type { Enum, Field, MapField, Type } from 'protobufjs'
import { codecLimits } from '../codec.ts'
import { beyondLimit } from '../fault.ts'
import { base64, plainInteger, setOwn } from '../plain.ts'

const timestamp = '.google.protobuf.Timestamp'
const emptyLong = { low: 0, high: 0, unsigned: false }

/** 64 bits as the library has them. */
type Long = typeof emptyLong

export const isTimestamp = (type: Type): boolean => type.fullName === timestamp

/**
 * A decoded message as plain data: only members that are set, enums by name, bytes in base64, 64 bits as numbers or decimal text, timestamps in ms. CODEC_LIMIT for too
 * many or too deep.
 */
export function plainMessage(type: Type, message: object): unknown {
  let elements = 0
  const count = (more: number): void => {
    elements += more
    if (elements > codecLimits.elements) throw beyondLimit('Protobuf', 0, `more than ${codecLimits.elements} elements`)
  }

  const messageOf = (of: Type, from: object, depth: number): unknown => {
    if (depth > codecLimits.depth) throw beyondLimit('Protobuf', 0, `more than ${codecLimits.depth} deep`)
    if (isTimestamp(of)) {
      const { seconds = 0, nanos = 0 } = from as { seconds?: unknown; nanos?: number }
      return Number(integerOf(seconds)) * 1000 + nanos / 1_000_000
    }
    const plain: Record<string, unknown> = {}
    count(of.fieldsArray.length || 1)
    for (const field of of.fieldsArray) {
      if (!Object.hasOwn(from, field.name)) continue
      const value = (from as Record<string, unknown>)[field.name]
      // Empty lists and maps are not on the wire.
      const empty = value === null || value === undefined || ((field.repeated || field.map) && !Object.keys(value).length)
      if (!empty) setOwn(plain, field.name, fieldOf(field, value, depth + 1))
    }
    return plain
  }
  const fieldOf = (field: Field, value: unknown, depth: number): unknown => {
    if (field.map) {
      const entries = {}
      for (const [key, item] of Object.entries(value as object)) {
        count(1)
        setOwn(entries, keyOf((field as unknown as MapField).keyType, key), one(field, item, depth))
      }
      return entries
    }
    if (!field.repeated) return one(field, value, depth)
    count((value as unknown[]).length)
    return (value as unknown[]).map(item => one(field, item, depth))
  }
  const one = (field: Field, value: unknown, depth: number): unknown => {
    const { resolvedType } = field
    if (resolvedType && 'fieldsArray' in resolvedType) return messageOf(resolvedType, value as object, depth)
    if (resolvedType) return (resolvedType as Enum).valuesById[value as number] ?? value
    if (value instanceof Uint8Array) return base64(value)
    if (typeof value === 'number') return Number.isFinite(value) ? value : null
    return typeof value === 'object' ? integerOf(value) : value
  }
  return messageOf(type, message, 0)
}

function integerOf(value: unknown): number | string {
  if (typeof value === 'number') return value
  const { low, high, unsigned } = value as Long
  const bits = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)
  return plainInteger(unsigned ? bits : BigInt.asIntN(64, bits))
}

/** Keys of 64 bits are eight characters in the library's maps. */
function keyOf(keyType: string, key: string): string {
  if (!/64$/.test(keyType) || key.length !== 8 || /^-?\d+$/.test(key)) return key
  const bytes = Buffer.from(key, 'latin1')
  return String(keyType.startsWith('u') || keyType === 'fixed64' ? bytes.readBigUInt64LE() : bytes.readBigInt64LE())
}
