import { malformed, unfit } from '../fault.ts'
import { base64 } from '../plain.ts'
import { utf8Fault } from '../utf8.ts'
import { numberKind } from './number-kind.ts'
import { piecesOf, readBigInt, readNumber, writeNumber } from './pieces.ts'
import type { ReadField } from './read-layout.ts'
import { scalingOf } from './scaling.ts'

/** Where a field stands: its first byte, how many bits of that are before it in its order, and its size in bits. */
export interface Spot {
  from: number
  used: number
  bits: number
}

/** A value that is known to fit. */
export interface Written {
  bits: number
  put(bytes: Uint8Array, spot: Spot): void
}

/** What a field's bits mean. */
export interface Kind {
  /** CODEC_FORMAT. */
  read(bytes: Uint8Array, spot: Spot): unknown
  /** CODEC_INVALID with the path. */
  write(value: unknown, path: string): Written
}

const utf8 = new TextDecoder()

export function kindOf(field: ReadField): Kind {
  switch (field.type) {
    case 'float32':
    case 'float64':
      return floatKind(field)
    case 'text':
      return textKind(field)
    case 'bytes':
      return bytesKind(field)
    case 'bcd':
      return bcdKind(field)
    default:
      return integerKind(field)
  }
}

function integerKind(field: ReadField): Kind {
  const { endian, signed = false } = field
  const bits = field.bits!
  const places = Array.from({ length: bits % 8 === 0 && field.type !== 'bits' ? 1 : 8 }, (_, used) =>
    piecesOf(endian, used, bits),
  )
  const wide = bits > 53
  const [least, most] = signed ? [-(2n ** BigInt(bits - 1)), 2n ** BigInt(bits - 1) - 1n] : [0n, 2n ** BigInt(bits) - 1n]
  return numberKind(field, {
    ...{ bits, least, most },
    read(bytes, { from, used }) {
      const pieces = places[used]!
      if (wide) {
        const value = readBigInt(bytes, from, pieces)
        return signed ? BigInt.asIntN(bits, value) : value
      }
      const value = readNumber(bytes, from, pieces)
      return signed && value >= 2 ** (bits - 1) ? value - 2 ** bits : value
    },
    put: (bytes, { from, used }, raw) => writeNumber(bytes, from, places[used]!, BigInt.asUintN(bits, raw)),
  })
}

/** A decimal digit in each half of a byte. */
function bcdKind(field: ReadField): Kind {
  const bits = field.bits!
  const pieces = piecesOf(field.endian, 0, bits)
  return numberKind(field, {
    ...{ bits, least: 0n, most: 10n ** BigInt(bits / 4) - 1n },
    read(bytes, { from }) {
      let digits = ''
      for (const { at } of pieces) {
        const two = bytes[from + at]!.toString(16).padStart(2, '0')
        if (/[a-f]/.test(two)) throw malformed('layout', from + at, `field "${field.name}": ${two} are no decimal digits`)
        digits += two
      }
      return BigInt(digits)
    },
    put: (bytes, { from }, raw) => writeNumber(bytes, from, pieces, BigInt(`0x${raw}`)),
  })
}

function floatKind(field: ReadField): Kind {
  const bits = field.bits as 32 | 64
  const pieces = piecesOf(field.endian, 0, bits)
  const scaling = scalingOf(field)
  const view = new DataView(new ArrayBuffer(8))
  return {
    read(bytes, { from }) {
      for (const [i, { at }] of pieces.entries()) view.setUint8(i, bytes[from + at]!)
      const value = scaling.value(bits === 32 ? view.getFloat32(0) : view.getFloat64(0))
      return Number.isFinite(value) ? value : null
    },
    write(value, path) {
      const number = value === null ? Number.NaN : typeof value === 'number' ? scaling.raw(value) : Number.POSITIVE_INFINITY
      const kept = bits === 32 ? Math.fround(number) : number
      if (value !== null && !Number.isFinite(kept))
        throw unfit('layout', path, `not a number that ${field.type} can hold, nor null`)
      return {
        bits,
        put(bytes, { from }) {
          if (bits === 32) view.setFloat32(0, kept)
          else view.setFloat64(0, kept)
          for (const [i, { at }] of pieces.entries()) bytes[from + at] = view.getUint8(i)
        },
      }
    },
  }
}

/** Up to the first NUL. */
function textKind(field: ReadField): Kind {
  return {
    read(bytes, { from, bits }) {
      const all = bytes.subarray(from, from + bits / 8)
      const end = all.indexOf(0)
      const text = end < 0 ? all : all.subarray(0, end)
      const wrong = utf8Fault(text)
      if (wrong !== undefined) throw malformed('layout', from + wrong, `field "${field.name}" is not UTF-8`)
      return utf8.decode(text)
    },
    write(value, path) {
      if (typeof value !== 'string' || value.includes('\0')) throw unfit('layout', path, 'not a text without NUL')
      const text = Buffer.from(value)
      const room = (field.bits ?? 8 * text.length) / 8
      if (text.length > room) throw unfit('layout', path, `${text.length} bytes, there is room for ${room}`)
      return {
        bits: 8 * room,
        put(bytes, { from }) {
          bytes.fill(0, from + text.length, from + room)
          bytes.set(text, from)
        },
      }
    },
  }
}

function bytesKind(field: ReadField): Kind {
  return {
    read: (bytes, { from, bits }) => base64(bytes.subarray(from, from + bits / 8)),
    write(value, path) {
      const given = value instanceof Uint8Array ? value : typeof value === 'string' ? Buffer.from(value, 'base64') : undefined
      if (!given || (typeof value === 'string' && base64(given) !== value))
        throw unfit('layout', path, 'neither bytes nor base64')
      if (field.bits !== undefined && 8 * given.length !== field.bits)
        throw unfit('layout', path, `${given.length} bytes where there are ${field.bits / 8}`)
      return { bits: 8 * given.length, put: (bytes, { from }) => bytes.set(given, from) }
    },
  }
}
