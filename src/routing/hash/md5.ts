import { hexOf } from './hex.ts'
import { padded } from './padded.ts'

const sines = Uint32Array.from({ length: 64 }, (_, i) => Math.floor(2 ** 32 * Math.abs(Math.sin(i + 1))))
const shifts = [
  [7, 12, 17, 22],
  [5, 9, 14, 20],
  [4, 11, 16, 23],
  [6, 10, 15, 21],
] as const

/** RFC 1321. */
export function md5(bytes: Uint8Array): string {
  const message = padded(bytes, 64, true)
  const state = Uint32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476)
  for (let start = 0; start < message.byteLength; start += 64) {
    let [a, b, c, d] = state as unknown as [number, number, number, number]
    for (let i = 0; i < 64; i++) {
      const [mixed, word] = stepOf(i, b, c, d)
      const sum = (a + mixed + sines[i]! + message.getUint32(start + 4 * word, true)) | 0
      const shift = shifts[i >> 4]![i & 3]!
      ;[a, d, c, b] = [d, c, b, (b + ((sum << shift) | (sum >>> (32 - shift)))) | 0]
    }
    for (const [i, value] of [a, b, c, d].entries()) state[i]! += value
  }
  const digest = new DataView(new ArrayBuffer(16))
  for (const [i, value] of state.entries()) digest.setUint32(4 * i, value, true)
  return hexOf(new Uint8Array(digest.buffer))
}

/** The mixing function of the round and the word of the block that it takes. */
function stepOf(i: number, b: number, c: number, d: number): [mixed: number, word: number] {
  if (i < 16) return [(b & c) | (~b & d), i]
  if (i < 32) return [(b & d) | (c & ~d), (5 * i + 1) & 15]
  if (i < 48) return [b ^ c ^ d, (3 * i + 5) & 15]
  return [c ^ (b | ~d), (7 * i) & 15]
}
