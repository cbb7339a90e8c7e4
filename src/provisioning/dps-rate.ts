import { Lru } from '../identity/lru.ts'

const perMinute = 5
const burst = 10
const mostKeys = 10_000

/** How often one key may begin a registration: ten at once, then five a minute. `now`: epoch ms. */
export function createDpsRate(): (key: string, now: number) => boolean {
  const buckets = new Lru<string, { tokens: number; at: number }>(mostKeys)
  return (key, now) => {
    const { tokens, at } = buckets.get(key) ?? { tokens: burst, at: now }
    // a clock set back gives nothing
    const filled = Math.min(burst, tokens + (Math.max(0, now - at) / 60_000) * perMinute)
    const taken = filled >= 1
    buckets.set(key, { tokens: taken ? filled - 1 : filled, at: now })
    return taken
  }
}
