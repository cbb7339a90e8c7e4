import type { ByteOrder } from './layout.ts'

/** Order in which bits follow one another: `big` from the most significant of a byte down, `little` from the least significant up. */
export type BitOrder = 'big' | 'little'

/** Bits of one byte that are part of a number. */
export interface Piece {
  /** of the byte, from that in which the number begins */
  at: number
  shift: number
  bits: number
}

/** The pieces of a number, most significant first. `used`: bits of its first byte, in its order, that stand before it. */
export function piecesOf(order: ByteOrder, used: number, bits: number): readonly Piece[] {
  const big = order.startsWith('big')
  const pieces: Piece[] = []
  let [at, before] = [0, used]
  for (let left = bits; left > 0; at++) {
    const taken = Math.min(8 - before, left)
    pieces.push({ at, shift: big ? 8 - before - taken : before, bits: taken })
    left -= taken
    before = 0
  }
  if (!big) pieces.reverse()
  return order.endsWith('swapped')
    ? pieces.map(piece => ({ ...piece, at: bits / 8 - 2 - piece.at + 2 * (piece.at & 1) }))
    : pieces
}

/** Of at most 53 bits. */
export function readNumber(bytes: Uint8Array, from: number, pieces: readonly Piece[]): number {
  let value = 0
  for (const { at, shift, bits } of pieces) value = value * 2 ** bits + ((bytes[from + at]! >> shift) & (2 ** bits - 1))
  return value
}

export function readBigInt(bytes: Uint8Array, from: number, pieces: readonly Piece[]): bigint {
  let value = 0n
  for (const { at, shift, bits } of pieces)
    value = (value << BigInt(bits)) | BigInt((bytes[from + at]! >> shift) & (2 ** bits - 1))
  return value
}

/** Of at most 64 bits; bits of the bytes that are not of the pieces stay. */
export function writeNumber(bytes: Uint8Array, from: number, pieces: readonly Piece[], value: bigint): void {
  let left = value
  for (const { at, shift, bits } of pieces.toReversed()) {
    const mask = 2 ** bits - 1
    bytes[from + at] = (bytes[from + at]! & ~(mask << shift)) | (Number(left & BigInt(mask)) << shift)
    left >>= BigInt(bits)
  }
}
