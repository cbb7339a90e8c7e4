import { type CayenneType, cayenneTypes, moreCayenneTypes } from './cayenne-types.ts'
import type { Codec } from './codec.ts'
import { malformed, truncated, unfit } from './fault.ts'
import { assertInput } from './input.ts'
import { setOwn } from './plain.ts'

export interface CayenneOptions {
  /** Takes the types that libraries added to the first version. */
  extended?: boolean
  /** Other names for `{type}_{channel}`, such as `{"temperature_1": "inlet"}`. */
  names?: Readonly<Record<string, string>>
}

const format = 'Cayenne LPP'

/**
 * Cayenne Low Power Payload: an object by `{type}_{channel}`, such as `temperature_1`; the axes of an accelerometer or gyrometer and a position are objects. The size of an
 * unknown type is unknown, too, so it ends the decoding: CODEC_FORMAT, with what was read as `cause.values`.
 */
export function cayenneCodec({ extended = false, names = {} }: CayenneOptions = {}): Codec {
  const types = extended ? [...cayenneTypes, ...moreCayenneTypes] : cayenneTypes
  const byCode = new Map(types.map(type => [type.code, type]))
  const byName = new Map(types.map(type => [type.name, type]))
  const written = new Map(Object.entries(names).map(([own, other]) => [other, own]))
  return {
    name: 'cayenne',
    decode(bytes, context) {
      assertInput(format, bytes, context)
      const values: Record<string, unknown> = {}
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      for (let at = 0; at < bytes.length; ) {
        if (at + 2 > bytes.length) throw truncated(format, bytes.length)
        const type = byCode.get(bytes[at + 1]!)
        if (!type) throw malformed(format, at + 1, `type ${bytes[at + 1]} is unknown`, { values })
        const size = type.bytes * type.steps.length
        if (at + 2 + size > bytes.length) throw truncated(format, bytes.length)
        const own = `${type.name}_${bytes[at]}`
        setOwn(values, Object.hasOwn(names, own) ? names[own]! : own, valueAt(view, at + 2, type))
        at += 2 + size
      }
      return values
    },
    encode(value) {
      if (typeof value !== 'object' || value === null || Array.isArray(value))
        throw unfit(format, '', 'not an object by type and channel')
      const parts = Object.entries(value).map(([name, member]) => {
        const [, typeName = '', channel = ''] = /^(.+)_(\d{1,3})$/.exec(written.get(name) ?? name) ?? []
        const type = byName.get(typeName)
        if (!type || Number(channel) > 255) throw unfit(format, name, 'not a type with a channel from 0 to 255')
        return Buffer.from([Number(channel), type.code, ...bytesOf(type, member, name)])
      })
      return Buffer.concat(parts)
    },
  }
}

function valueAt(view: DataView, at: number, { bytes, signed = false, steps, parts }: CayenneType): unknown {
  const numbers = steps.map((step, i) => {
    let raw = 0
    for (let j = 0; j < bytes; j++) raw = raw * 256 + view.getUint8(at + i * bytes + j)
    if (signed && raw >= 2 ** (8 * bytes - 1)) raw -= 2 ** (8 * bytes)
    // 272 times 0.1 is not quite 27.2.
    return raw / Math.round(1 / step)
  })
  return parts ? Object.fromEntries(parts.map((part, i) => [part, numbers[i]])) : numbers[0]
}

function bytesOf({ bytes, signed = false, steps, parts }: CayenneType, value: unknown, name: string): number[] {
  const [least, most] = signed ? [-(2 ** (8 * bytes - 1)), 2 ** (8 * bytes - 1) - 1] : [0, 2 ** (8 * bytes) - 1]
  return steps.flatMap((step, i) => {
    const path = parts ? `${name}.${parts[i]}` : name
    const number = parts ? (value as Record<string, unknown> | null | undefined)?.[parts[i]!] : value
    const scale = Math.round(1 / step)
    const raw = Math.round(Number(typeof number === 'boolean' || typeof number === 'number' ? number : Number.NaN) * scale)
    if (!(raw >= least && raw <= most)) throw unfit(format, path, `not a number from ${least / scale} to ${most / scale}`)
    const unsigned = raw < 0 ? raw + 2 ** (8 * bytes) : raw
    return Array.from({ length: bytes }, (_, j) => Math.floor(unsigned / 256 ** (bytes - 1 - j)) % 256)
  })
}
