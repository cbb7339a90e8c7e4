import { codecLimits } from '../codec.ts'
import { beyondLimit, unfit } from '../fault.ts'
import { plainInteger } from '../plain.ts'
import { utf8Fault } from '../utf8.ts'

const format = 'Sparkplug'

/** Numbers of an array, little-endian one after the other (Sparkplug 3, 6.4.17). */
interface Numbers {
  size: 1 | 2 | 4 | 8
  get(view: DataView, at: number): number | bigint
  set(view: DataView, at: number, value: number | bigint): void
  /** Whole numbers from the first to before the second. */
  range?: readonly [bigint, bigint]
}

const whole = (bits: 8 | 16 | 32, signed: boolean): Numbers => {
  const name = `${signed ? 'Int' : 'Uint'}${bits}` as const
  return {
    size: (bits / 8) as 1 | 2 | 4,
    get: (view, at) => view[`get${name}`](at, true),
    set: (view, at, value) => view[`set${name}`](at, Number(value), true),
    range: signed ? [-(2n ** BigInt(bits - 1)), 2n ** BigInt(bits - 1)] : [0n, 2n ** BigInt(bits)],
  }
}
const long: Numbers = {
  ...{ size: 8, range: [-(2n ** 63n), 2n ** 63n] },
  get: (view, at) => view.getBigInt64(at, true),
  set: (view, at, value) => view.setBigInt64(at, BigInt(value), true),
}

const numbers: ReadonlyMap<string, Numbers> = new Map<string, Numbers>([
  ['Int8Array', whole(8, true)],
  ['Int16Array', whole(16, true)],
  ['Int32Array', whole(32, true)],
  ['Int64Array', long],
  ['DateTimeArray', long],
  ['UInt8Array', whole(8, false)],
  ['UInt16Array', whole(16, false)],
  ['UInt32Array', whole(32, false)],
  [
    'UInt64Array',
    {
      ...{ size: 8, range: [0n, 2n ** 64n] },
      get: (view, at) => view.getBigUint64(at, true),
      set: (view, at, value) => view.setBigUint64(at, BigInt(value), true),
    },
  ],
  [
    'FloatArray',
    { size: 4, get: (view, at) => view.getFloat32(at, true), set: (view, at, value) => view.setFloat32(at, Number(value), true) },
  ],
  [
    'DoubleArray',
    { size: 8, get: (view, at) => view.getFloat64(at, true), set: (view, at, value) => view.setFloat64(at, Number(value), true) },
  ],
])

export const isArrayType = (type: string): boolean => type.endsWith('Array')

/** CODEC_INVALID if the bytes are no such list, CODEC_LIMIT if it is too long. */
export function listOfBytes(type: string, bytes: Uint8Array, path: string): unknown[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const kind = numbers.get(type)
  if (kind) {
    if (bytes.length % kind.size) throw unfit(format, path, `${bytes.length} bytes are no ${type}`)
    assertLength(bytes.length / kind.size)
    return Array.from({ length: bytes.length / kind.size }, (_, i) => {
      const value = kind.get(view, i * kind.size)
      return typeof value === 'bigint' ? plainInteger(value) : Number.isFinite(value) ? value : null
    })
  }
  if (type === 'BooleanArray') {
    const count = bytes.length < 4 ? -1 : view.getUint32(0, true)
    if (count < 0 || bytes.length - 4 !== Math.ceil(count / 8)) throw unfit(format, path, `${bytes.length} bytes are no ${type}`)
    assertLength(count)
    return Array.from({ length: count }, (_, i) => Boolean(bytes[4 + (i >> 3)]! & (0x80 >> (i & 7))))
  }
  if (bytes.length && bytes.at(-1) !== 0) throw unfit(format, path, 'the last text does not end')
  if (utf8Fault(bytes) !== undefined) throw unfit(format, path, 'no UTF-8')
  let count = 0
  for (const byte of bytes) if (byte === 0) count++
  assertLength(count)
  return Buffer.from(bytes).toString().split('\0').slice(0, -1)
}

/** The other way round. CODEC_INVALID with the path. */
export function bytesOfList(type: string, list: unknown, path: string): Uint8Array {
  if (!Array.isArray(list)) throw unfit(format, path, 'must be a list')
  assertLength(list.length)
  const kind = numbers.get(type)
  if (kind) {
    const bytes = new Uint8Array(list.length * kind.size)
    const view = new DataView(bytes.buffer)
    for (const [i, item] of list.entries())
      kind.set(view, i * kind.size, kind.range ? wholeWithin(item, kind.range, `${path}[${i}]`) : numberOf(item, `${path}[${i}]`))
    return bytes
  }
  if (type === 'BooleanArray') {
    const bytes = new Uint8Array(4 + Math.ceil(list.length / 8))
    new DataView(bytes.buffer).setUint32(0, list.length, true)
    for (const [i, item] of list.entries()) {
      if (typeof item !== 'boolean') throw unfit(format, `${path}[${i}]`, 'must be true or false')
      if (item) bytes[4 + (i >> 3)]! |= 0x80 >> (i & 7)
    }
    return bytes
  }
  for (const [i, item] of list.entries())
    if (typeof item !== 'string' || item.includes('\0')) throw unfit(format, `${path}[${i}]`, 'must be a text without NUL')
  return Buffer.from(list.map(item => `${item}\0`).join(''))
}

/** A whole number from the first to before the second; decimal text is one, too. CODEC_INVALID. */
export function wholeWithin(value: unknown, [least, beyond]: readonly [bigint, bigint], path: string): bigint {
  const given =
    (typeof value === 'number' && Number.isInteger(value)) || (typeof value === 'string' && /^-?\d{1,20}$/.test(value))
      ? BigInt(value)
      : value
  if (typeof given === 'bigint' && given >= least && given < beyond) return given
  throw unfit(format, path, `must be a whole number from ${least} to ${beyond - 1n}`)
}

export function numberOf(value: unknown, path: string): number {
  if (typeof value === 'number') return value
  throw unfit(format, path, 'must be a number')
}

function assertLength(count: number): void {
  if (count > codecLimits.elements) throw beyondLimit(format, 0, `a list of ${count}, at most ${codecLimits.elements}`)
}
