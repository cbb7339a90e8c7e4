import { createHash, randomUUID } from 'node:crypto'
import { hashOf } from '../routing/hash/hash.ts'
import type { HashName, RulePorts } from '../routing/rule-function.ts'
import { type CountedGuard, createGuardedRegex, type PatternMaker } from './guarded-regex.ts'

/** The ports of rules in Node.js. `linear` is what `loadLinearRegex` answered; `timeMs` is the limit of one guarded call. */
export const createRulePorts = (
  o: { linear?: PatternMaker | undefined; timeMs?: number } = {},
): RulePorts & { readonly guardedRegex: CountedGuard } => ({
  now: Date.now,
  random: Math.random,
  uuid: randomUUID,
  hash: digestOf,
  guardedRegex: createGuardedRegex(o),
})

/** OpenSSL has no MD2, and with FIPS no MD5. */
function digestOf(algorithm: HashName, bytes: Uint8Array): string {
  try {
    return createHash(algorithm).update(bytes).digest('hex')
  } catch {
    return hashOf(algorithm, bytes)
  }
}
