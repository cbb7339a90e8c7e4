import { padded } from './padded.ts'
import { roundConstants, startOf } from './sha2-constants.ts'

const constants = Uint32Array.from(roundConstants.slice(0, 64), value => Number(value >> 32n))

const right = (x: number, by: number): number => (x >>> by) | (x << (32 - by))

/** FIPS 180-4, 6.2. */
export const sha256 = (bytes: Uint8Array): string => digestOf(bytes, startOf.sha256)

/** FIPS 180-4, 6.3. */
export const sha224 = (bytes: Uint8Array): string => digestOf(bytes, startOf.sha224).slice(0, 56)

function digestOf(bytes: Uint8Array, start: readonly number[]): string {
  const message = padded(bytes, 64)
  const state = Uint32Array.from(start)
  const words = new Uint32Array(64)
  for (let at = 0; at < message.byteLength; at += 64) {
    for (let t = 0; t < 16; t++) words[t] = message.getUint32(at + 4 * t)
    for (let t = 16; t < 64; t++) {
      const [x, y] = [words[t - 15]!, words[t - 2]!]
      const [s0, s1] = [right(x, 7) ^ right(x, 18) ^ (x >>> 3), right(y, 17) ^ right(y, 19) ^ (y >>> 10)]
      words[t] = words[t - 16]! + s0 + words[t - 7]! + s1
    }
    addBlock(state, words)
  }
  return Array.from(state, word => word.toString(16).padStart(8, '0')).join('')
}

function addBlock(state: Uint32Array, words: Uint32Array): void {
  let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number]
  for (let t = 0; t < 64; t++) {
    const one = (h + (right(e, 6) ^ right(e, 11) ^ right(e, 25)) + ((e & f) ^ (~e & g)) + constants[t]! + words[t]!) | 0
    const two = (right(a, 2) ^ right(a, 13) ^ right(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))
    ;[h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0]
  }
  for (const [i, value] of [a, b, c, d, e, f, g, h].entries()) state[i]! += value
}
