import { padded } from './padded.ts'
import { roundConstants, startOf } from './sha2-constants.ts'

const right = (x: bigint, by: bigint): bigint => BigInt.asUintN(64, (x >> by) | (x << (64n - by)))

/** FIPS 180-4, 6.4. */
export const sha512 = (bytes: Uint8Array): string => digestOf(bytes, startOf.sha512)

/** FIPS 180-4, 6.5. */
export const sha384 = (bytes: Uint8Array): string => digestOf(bytes, startOf.sha384).slice(0, 96)

function digestOf(bytes: Uint8Array, start: readonly bigint[]): string {
  const message = padded(bytes, 128)
  const state = BigUint64Array.from(start)
  const words = new BigUint64Array(80)
  for (let at = 0; at < message.byteLength; at += 128) {
    for (let t = 0; t < 16; t++) words[t] = message.getBigUint64(at + 8 * t)
    for (let t = 16; t < 80; t++) {
      const [x, y] = [words[t - 15]!, words[t - 2]!]
      const [s0, s1] = [right(x, 1n) ^ right(x, 8n) ^ (x >> 7n), right(y, 19n) ^ right(y, 61n) ^ (y >> 6n)]
      words[t] = words[t - 16]! + s0 + words[t - 7]! + s1
    }
    addBlock(state, words)
  }
  return Array.from(state, word => word.toString(16).padStart(16, '0')).join('')
}

function addBlock(state: BigUint64Array, words: BigUint64Array): void {
  let [a, b, c, d, e, f, g, h] = state as unknown as [bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint]
  for (let t = 0; t < 80; t++) {
    const one = h + (right(e, 14n) ^ right(e, 18n) ^ right(e, 41n)) + ((e & f) ^ (~e & g)) + roundConstants[t]! + words[t]!
    const two = (right(a, 28n) ^ right(a, 34n) ^ right(a, 39n)) + ((a & b) ^ (a & c) ^ (b & c))
    ;[h, g, f, e, d, c, b, a] = [g, f, e, BigInt.asUintN(64, d + one), c, b, a, BigInt.asUintN(64, one + two)]
  }
  for (const [i, value] of [a, b, c, d, e, f, g, h].entries()) state[i]! += value
}
