import { createHmac, scrypt, timingSafeEqual } from 'node:crypto'
import { LoomError } from '../errors.ts'

const cost = { N: 16_384, r: 8, p: 1 }
const concurrent = 2
const rememberMs = 10 * 60_000
const maxRemembered = 10_000

export interface Passwords {
  /** `scrypt$16384$8$1${salt}${hash}`, base64url. */
  hash(password: string): Promise<string>
  /** Remembers a success for ten minutes, because a hash costs some 30 ms. BROKER_THROTTLED while too many wait. */
  verify(o: { cid: string; password: string; hash: string }): Promise<boolean>
  /** Forgets every success: after any change of a credential. */
  forget(): void
}

/** Passwords as scrypt hashes, computed off the main loop, at most two at a time. */
export function createPasswords(o: { now: () => number; random: (size: number) => Buffer; maxWaiting?: number }): Passwords {
  const { maxWaiting = 1000 } = o
  const cacheKey = o.random(32)
  const successes = new Map<string, number>()
  const waiting: (() => void)[] = []
  let running = 0

  async function derive(password: string, salt: Buffer): Promise<Buffer> {
    if (running >= concurrent) {
      if (waiting.length >= maxWaiting) throw new LoomError('BROKER_THROTTLED', `${maxWaiting} password checks are waiting`)
      await new Promise<void>(resolve => waiting.push(resolve))
    } else running++
    try {
      return await new Promise((resolve, reject) =>
        scrypt(password.normalize('NFC'), salt, 32, cost, (error, key) => (error ? reject(error) : resolve(key))),
      )
    } finally {
      const next = waiting.shift()
      if (next) next()
      else running--
    }
  }

  return {
    async hash(password) {
      const salt = o.random(16)
      const key = await derive(password, salt)
      return ['scrypt', cost.N, cost.r, cost.p, salt.toString('base64url'), key.toString('base64url')].join('$')
    },
    async verify({ cid, password, hash }) {
      const remembered = createHmac('sha256', cacheKey).update(`${cid}\n${hash}\n${password}`).digest('base64')
      if ((successes.get(remembered) ?? 0) > o.now()) return true
      const [, , , , salt = '', expected = ''] = hash.split('$')
      const key = Buffer.from(expected, 'base64url')
      const found = await derive(password, Buffer.from(salt, 'base64url'))
      if (found.length !== key.length || !timingSafeEqual(found, key)) return false
      if (successes.size >= maxRemembered) successes.delete(successes.keys().next().value!)
      successes.delete(remembered)
      successes.set(remembered, o.now() + rememberMs)
      return true
    },
    forget: () => successes.clear(),
  }
}
