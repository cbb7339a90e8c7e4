import { hashOf } from './hash/hash.ts'
import { hexOf } from './hash/hex.ts'
import type { GuardedRegex, RulePorts } from './rule-function.ts'

/** There is no guard without a platform: patterns outside the safe subset are Undefined. */
const noGuard: GuardedRegex = { matches: () => undefined, first: () => undefined, replace: () => undefined }

/** Ports that need nothing but the language, as in a browser; hosts put better ones in their place. The only clock and chance of the domain. */
export const defaultPorts: RulePorts = {
  now: () => Date.now(),
  random: () => Math.random(),
  uuid: () => uuidOf(globalThis.crypto.getRandomValues(new Uint8Array(16))),
  hash: hashOf,
  guardedRegex: noGuard,
}

/** RFC 9562, 5.4: version 4 of 16 random bytes. */
export function uuidOf(random: Uint8Array): string {
  const bytes = Uint8Array.from(random)
  bytes[6] = (bytes[6]! & 0x0f) | 0x40
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return hexOf(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
