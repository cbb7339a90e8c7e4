import { hexOf } from './hex.ts'

const table =
  '292e43c9a2d87c013d3654a1ecf0061362a705f3c0c7738c98932bd9bc4c82ca1e9b573cfdd4e01667426f188a17e512be4ec4d6da9ede49a0fbf58ebb2fee7a' +
  'a968799115b2073f94c210890b225f21807f5d9a5a903227353ecce7bff79703ff1930b348a5b5d1d75e922aac56aac64fb838d296a47db676fc6be29c7404f1' +
  '459d705964718720865bcf65e62da8021b6025adaeb0b9f61c46616934407e0f5547a323dd51af3ac35cf9cebac5ea262c530d6e85288409d3dfcdf441814d52' +
  '6adc37c86cc1abfa24e17b080cbdb14a7888958be363e86de9cbd5fe3b001d39f2efb70e6658d0e4a67772f8eb754b0a314450b48fed1f1adb998d339f118314'

/** RFC 1319: a permutation made from the digits of pi. */
const permutation = Uint8Array.from({ length: 256 }, (_, i) => Number.parseInt(table.slice(2 * i, 2 * i + 2), 16))

/** RFC 1319. */
export function md2(bytes: Uint8Array): string {
  const padding = 16 - (bytes.length % 16)
  const message = new Uint8Array(bytes.length + padding + 16).fill(padding)
  message.set(bytes)
  fillChecksum(message)
  const state = new Uint8Array(48)
  for (let start = 0; start < message.length; start += 16) {
    for (let i = 0; i < 16; i++) {
      state[16 + i] = message[start + i]!
      state[32 + i] = message[start + i]! ^ state[i]!
    }
    let t = 0
    for (let round = 0; round < 18; round++) {
      for (let i = 0; i < 48; i++) t = state[i]! ^= permutation[t]!
      t = (t + round) & 255
    }
  }
  return hexOf(state.subarray(0, 16))
}

/** Into the last 16 bytes, over all before. */
function fillChecksum(message: Uint8Array): void {
  const end = message.length - 16
  const checksum = message.subarray(end).fill(0)
  let last = 0
  for (let i = 0; i < end; i++) last = checksum[i % 16]! ^= permutation[message[i]! ^ last]!
}
