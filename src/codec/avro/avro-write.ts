import { LoomError } from '../../errors.ts'
import { type AvroType, type RecordType, shownType } from './avro-type.ts'
import { decimalBytes, durationBytes, fromMs, logicalIn, uuidBytes } from './avro-logical.ts'
import type { AvroOutput } from './avro-output.ts'

export type AvroWrite = (output: AvroOutput, value: unknown) => void

/**
 * Makes the function that writes plain values, as they are decoded, with a schema: numbers or decimal text, times in ms, base64. A member that is missing takes its
 * default, or null where a union has it; members that the schema does not have are left out. CODEC_INVALID with the path in the value, CODEC_LIMIT.
 */
export function avroWriter(type: AvroType): AvroWrite {
  const known = new Map<AvroType, { write?: AvroWrite; suits?: (value: unknown) => boolean }>()

  const writerOf = (of: AvroType): AvroWrite => {
    const before = known.get(of)
    if (before) return before.write ?? ((output, value) => before.write!(output, value))
    const entry: { write?: AvroWrite } = {}
    known.set(of, entry)
    entry.write = made(of)
    return entry.write
  }

  function made(of: AvroType): AvroWrite {
    switch (of.kind) {
      case 'record':
        return recordWriter(of)
      case 'array': {
        const item = writerOf(of.items)
        return (output, value) => {
          if (!Array.isArray(value)) return wrong(of, value)
          begin(output, value.length)
          for (let i = 0; i < value.length; i++) at(`[${i}]`, () => item(output, value[i]))
          end(output)
        }
      }
      case 'map': {
        const one = writerOf(of.values)
        return (output, value) => {
          if (!isObject(value)) return wrong(of, value)
          const entries = Object.entries(value)
          begin(output, entries.length)
          for (const [key, item] of entries) {
            output.sized(Buffer.from(key))
            at(`.${key}`, () => one(output, item))
          }
          end(output)
        }
      }
      case 'union': {
        const writes = of.branches.map(writerOf)
        return (output, value) => {
          const index = branchOf(of.branches, value)
          if (index < 0) return wrong(of, value)
          output.long(index)
          writes[index]!(output, value)
        }
      }
      default:
        return (output, value) => {
          if (!writeLeaf(of, output, value)) wrong(of, value)
        }
    }
  }

  function recordWriter(of: RecordType): AvroWrite {
    const fields = of.fields.map(({ name, type: inside, default: standard }) => ({
      name,
      standard,
      write: writerOf(inside),
    }))
    return (output, value) => {
      if (!isObject(value)) return wrong(of, value)
      output.expect(Math.max(1, fields.length))
      output.enter()
      for (const { name, standard, write } of fields) {
        const given = Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined
        at(`.${name}`, () => write(output, given === undefined ? standard?.value : given))
      }
      output.leave()
    }
  }

  return writerOf(type)
}

function begin(output: AvroOutput, count: number): void {
  output.expect(count)
  output.enter()
  if (count) output.long(count)
}

function end(output: AvroOutput): void {
  output.leave()
  output.long(0)
}

/** A fault below gets the path that leads there. */
function at(step: string, write: () => void): void {
  try {
    write()
  } catch (error) {
    throw error instanceof Misfit ? new Misfit(error.expected, error.shown, step + error.path) : error
  }
}

class Misfit extends LoomError {
  readonly expected: string
  readonly shown: string
  readonly path: string

  constructor(expected: string, shown: string, path: string) {
    const place = path.replace(/^\./, '').slice(0, 200)
    super('CODEC_INVALID', `${place || 'the value'} is ${shown}, not ${expected}`, { position: place })
    this.expected = expected
    this.shown = shown
    this.path = path
  }
}

function wrong(type: AvroType, value: unknown): never {
  const expected = type.kind === 'union' ? `one of ${type.branches.map(shownType).join(', ').slice(0, 80)}` : shownType(type)
  throw new Misfit(expected, value === undefined ? 'missing' : shownValue(value), '')
}

const shownValue = (value: unknown): string =>
  typeof value === 'object' && value !== null
    ? Array.isArray(value)
      ? 'a list'
      : 'an object'
    : typeof value === 'string'
      ? `the text ${JSON.stringify(value.slice(0, 30))}`
      : String(value)

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Whether a value may be of the type; of objects only their members' names are looked at. */
function suits(type: AvroType, value: unknown): boolean {
  switch (type.kind) {
    case 'array':
      return Array.isArray(value)
    case 'map':
      return isObject(value)
    case 'record':
      return (
        isObject(value) && type.fields.every(({ name, type: of, default: d }) => d || optional(of) || Object.hasOwn(value, name))
      )
    case 'union':
      return false
    default:
      return writeLeaf(type, undefined, value)
  }
}

const optional = (type: AvroType): boolean => type.kind === 'union' && type.branches.some(({ kind }) => kind === 'null')

/** Which branch a value is written as: the first that it suits; a text of digits is a text if there is such a branch, a record with all names before others. */
function branchOf(branches: readonly AvroType[], value: unknown): number {
  const fits = branches.flatMap((branch, i) => (suits(branch, value) ? [i] : []))
  if (fits.length < 2) return fits[0] ?? -1
  const kindOf = (i: number): string => branches[i]!.kind
  if (typeof value === 'string') return fits.find(i => kindOf(i) === 'enum') ?? fits.find(i => kindOf(i) === 'string') ?? fits[0]!
  if (isObject(value)) {
    const strange = (i: number): number => {
      const branch = branches[i]!
      return branch.kind === 'record' ? Object.keys(value).filter(key => !branch.fields.some(f => f.name === key)).length : 1
    }
    return fits.reduce((best, i) => (strange(i) < strange(best) ? i : best))
  }
  return fits[0]!
}

const int64 = 2n ** 63n

function wholeOf(value: unknown): number | bigint | undefined {
  if (Number.isSafeInteger(value)) return value as number
  if (typeof value === 'bigint') return value
  if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value)
  return typeof value === 'string' && /^-?\d{1,19}$/.test(value) ? BigInt(value) : undefined
}

/** Writes what has no parts, if there is an output; false if the value is not of the type. */
function writeLeaf(type: AvroType, output: AvroOutput | undefined, value: unknown): boolean {
  switch (type.kind) {
    case 'null':
      return value === null || value === undefined
    case 'boolean':
      if (typeof value !== 'boolean') return false
      output?.byte(value ? 1 : 0)
      return true
    case 'int':
    case 'long': {
      const unit = typeof value === 'number' && Number.isFinite(value) ? fromMs(logicalIn(type)) : undefined
      const whole = wholeOf(unit ? unit(value as number) : value)
      const fits = type.kind === 'int' ? typeof whole === 'number' && whole === (whole | 0) : whole !== undefined
      if (!fits || (typeof whole === 'bigint' && (whole >= int64 || whole < -int64))) return false
      output?.long(whole!)
      return true
    }
    case 'float':
    case 'double': {
      if (typeof value !== 'number') return false
      if (type.kind === 'float') output?.float(value)
      else output?.double(value)
      return true
    }
    case 'string':
      if (typeof value !== 'string') return false
      output?.sized(Buffer.from(value))
      return true
    case 'enum': {
      const index = typeof value === 'string' ? type.symbols.indexOf(value) : -1
      if (index >= 0) output?.long(index)
      return index >= 0
    }
    case 'bytes':
    case 'fixed': {
      const size = type.kind === 'fixed' ? type.size : undefined
      const bytes = bytesOf(type, value, size)
      if (!bytes || (size !== undefined && bytes.length !== size)) return false
      if (size === undefined) output?.sized(bytes)
      else output?.put(bytes)
      return true
    }
    default:
      return false
  }
}

function bytesOf(type: AvroType, value: unknown, size: number | undefined): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value
  const logical = logicalIn(type)
  if (typeof logical === 'object') return decimalBytes(value, logical, size)
  if (logical === 'uuid') return uuidBytes(value)
  if (logical === 'duration') return durationBytes(value)
  return typeof value === 'string' && /^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(value)
    ? Buffer.from(value, 'base64')
    : undefined
}
