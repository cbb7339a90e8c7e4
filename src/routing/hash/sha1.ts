import { padded } from './padded.ts'

const left = (x: number, by: number): number => (x << by) | (x >>> (32 - by))

/** FIPS 180-4, 6.1. */
export function sha1(bytes: Uint8Array): string {
  const message = padded(bytes, 64)
  const state = Uint32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0)
  const words = new Uint32Array(80)
  for (let start = 0; start < message.byteLength; start += 64) {
    for (let t = 0; t < 16; t++) words[t] = message.getUint32(start + 4 * t)
    for (let t = 16; t < 80; t++) words[t] = left(words[t - 3]! ^ words[t - 8]! ^ words[t - 14]! ^ words[t - 16]!, 1)
    let [a, b, c, d, e] = state as unknown as [number, number, number, number, number]
    for (let t = 0; t < 80; t++) {
      const sum = (left(a, 5) + mixed(t, b, c, d) + e + words[t]!) | 0
      ;[e, d, c, b, a] = [d, c, left(b, 30), a, sum]
    }
    for (const [i, value] of [a, b, c, d, e].entries()) state[i]! += value
  }
  return Array.from(state, word => word.toString(16).padStart(8, '0')).join('')
}

/** The function of the round with its constant. */
function mixed(t: number, b: number, c: number, d: number): number {
  if (t < 20) return ((b & c) | (~b & d)) + 0x5a827999
  if (t < 40) return (b ^ c ^ d) + 0x6ed9eba1
  if (t < 60) return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc
  return (b ^ c ^ d) + 0xca62c1d6
}
