import type { LayoutField } from '../../src/codec/layout/layout.ts'
import type { seeded } from '../seeded.ts'

type Random = ReturnType<typeof seeded>

/** A whole number at known bits: indices of bits from the start of the payload, byte by byte from the most significant, of the number from the most significant. */
export interface Placed {
  field: LayoutField
  bits: number[]
  signed: boolean
}

const sizes = { uint8: 8, int8: 8, uint16: 16, int16: 16, uint24: 24, int24: 24, uint32: 32, int32: 32, uint64: 64, int64: 64 }

/** Random fields that do not overlap, and where each of their bits is, found one bit at a time. */
export function randomLayout(random: Random, count: number): Placed[] {
  const placed: Placed[] = []
  /** The next bit, and whether those of its byte count down. */
  let [next, down] = [0, true]
  const step = (from: number): number => (down || from % 8 ? (down ? from + 1 : from - 1) : from + 15)
  for (let i = 0; i < count; i++) {
    const name = `f${i}`
    const lastByte = Math.max(-1, ...placed.flatMap(({ bits }) => bits.map(bit => Math.floor(bit / 8))))
    if (random.below(2)) {
      const type = random.pick(Object.keys(sizes) as (keyof typeof sizes)[])
      const size = sizes[type]
      const endian = random.pick(
        size === 24 ? (['big', 'little'] as const) : (['big', 'little', 'big-swapped', 'little-swapped'] as const),
      )
      const at = lastByte + 1 + random.below(3)
      const start = random.below(2) ? at : lastByte + 1
      let bytes = Array.from({ length: size / 8 }, (_, k) => start + k)
      if (endian === 'little') bytes.reverse()
      if (size > 8 && endian.endsWith('swapped')) {
        const words = Array.from({ length: size / 16 }, (_, k) => bytes.slice(2 * k, 2 * k + 2))
        bytes = (endian === 'big-swapped' ? words.reverse() : words.map(word => word.reverse())).flat()
      }
      const field: LayoutField = { name, type, endian, ...(start === at && { at }) }
      placed.push({
        field,
        signed: type.startsWith('int'),
        bits: bytes.flatMap(byte => [0, 1, 2, 3, 4, 5, 6, 7].map(k => 8 * byte + k)),
      })
      ;[next, down] = [8 * (start + size / 8), true]
      continue
    }
    const endian = random.pick(['big', 'little'] as const)
    const size = 1 + random.below(64)
    const signed = random.below(2) === 1
    const explicit = random.below(2) === 1 || placed.length === 0
    const before = placed.at(-1)
    const follows = !explicit && before?.field.type === 'bits' && before.field.endian === endian
    down = endian === 'big'
    const bit = random.below(8)
    if (explicit) next = 8 * (lastByte + 1) + 7 - bit
    else if (!follows) next = 8 * (lastByte + 1) + (down ? 0 : 7)
    const bits: number[] = []
    for (let k = 0; k < size; k++) {
      bits.push(next)
      next = step(next)
    }
    if (!down) bits.reverse()
    const byte = lastByte + 1
    const spot = !explicit ? {} : random.below(2) ? { at: byte, bit } : { bit: 8 * byte + bit }
    placed.push({ field: { name, type: 'bits', length: size, signed, endian, ...spot }, signed, bits })
  }
  return placed
}

const isSet = (bytes: Uint8Array, bit: number): boolean => Boolean(bytes[Math.floor(bit / 8)]! & (0x80 >> (bit % 8)))

export function valueIn(bytes: Uint8Array, { bits, signed }: Placed): number | string {
  let value = 0n
  for (const bit of bits) value = 2n * value + (isSet(bytes, bit) ? 1n : 0n)
  if (signed && isSet(bytes, bits[0]!)) value -= 2n ** BigInt(bits.length)
  return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
}
