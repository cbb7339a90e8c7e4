import { setOwn } from '../plain.ts'
import type { AvroType } from './avro-type.ts'
import { decimalOf, durationOf, logicalIn, toMs, uuidOf } from './avro-logical.ts'

const depthOfDefaults = 64

/** A default of a schema as it would be decoded: its JSON form has bytes as text of code points 0 to 255, and no word of the branch of a union. */
export function plainDefault(type: AvroType, json: unknown, fail: (detail: string) => never, depth = 0): unknown {
  const wrong = (): never => fail(`is no ${'name' in type ? type.name : type.kind}`)
  if (depth > depthOfDefaults) return fail('is nested too deep')
  switch (type.kind) {
    case 'null':
      return json === null ? null : wrong()
    case 'boolean':
      return typeof json === 'boolean' ? json : wrong()
    case 'int':
    case 'long': {
      const most = type.kind === 'int' ? 2 ** 31 : 2 ** 63
      if (!Number.isInteger(json) || (json as number) < -most || (json as number) >= most) wrong()
      const time = toMs(logicalIn(type))
      return time ? time(json as number) : Number.isSafeInteger(json) ? json : String(BigInt(json as number))
    }
    case 'float':
    case 'double':
      return typeof json === 'number' ? json : wrong()
    case 'string':
      return typeof json === 'string' ? json : wrong()
    case 'bytes':
    case 'fixed': {
      if (typeof json !== 'string' || /[^\0-\xff]/.test(json)) return wrong()
      const bytes = Buffer.from(json, 'latin1')
      if (type.kind === 'fixed' && bytes.length !== type.size) wrong()
      return plainBytes(type, bytes)
    }
    case 'enum':
      return typeof json === 'string' && type.symbols.includes(json) ? json : wrong()
    case 'array':
      return Array.isArray(json) ? json.map(item => plainDefault(type.items, item, fail, depth + 1)) : wrong()
    case 'map':
    case 'record': {
      if (!isObject(json)) return wrong()
      const made = {}
      if (type.kind === 'map')
        for (const [key, value] of Object.entries(json)) setOwn(made, key, plainDefault(type.values, value, fail, depth + 1))
      else
        for (const { name, type: of, default: standard } of type.fields) {
          const given = Object.hasOwn(json, name) ? (json as Record<string, unknown>)[name] : standard?.json
          if (given === undefined) return fail(`lacks ${name}`)
          setOwn(made, name, plainDefault(of, given, fail, depth + 1))
        }
      return made
    }
    case 'union': {
      // Avro before 1.12 means the first branch, later versions any.
      const branch = type.branches.find(one => suits(one, json)) ?? wrong()
      return plainDefault(branch, json, fail, depth + 1)
    }
  }
}

/** Whether JSON may be a default of the type, at its surface: a search below it could take for ever. */
function suits(type: AvroType, json: unknown): boolean {
  switch (type.kind) {
    case 'null':
      return json === null
    case 'boolean':
      return typeof json === 'boolean'
    case 'int':
      return Number.isInteger(json) && Math.abs(json as number) < 2 ** 31
    case 'long':
      return Number.isInteger(json)
    case 'float':
    case 'double':
      return typeof json === 'number'
    case 'string':
    case 'bytes':
      return typeof json === 'string'
    case 'fixed':
      return typeof json === 'string' && json.length === type.size
    case 'enum':
      return typeof json === 'string' && type.symbols.includes(json)
    case 'array':
      return Array.isArray(json)
    case 'map':
      return isObject(json)
    case 'record':
      return isObject(json) && type.fields.every(({ name, default: standard }) => standard || Object.hasOwn(json, name))
    case 'union':
      return false
  }
}

const isObject = (json: unknown): json is object => typeof json === 'object' && json !== null && !Array.isArray(json)

/** Bytes as rules see them: by their logical type, else in base64. */
export function plainBytes(type: AvroType, bytes: Uint8Array): unknown {
  const logical = logicalIn(type)
  if (typeof logical === 'object') return decimalOf(bytes, logical.scale)
  if (logical === 'uuid') return uuidOf(bytes)
  if (logical === 'duration') return durationOf(bytes)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')
}
