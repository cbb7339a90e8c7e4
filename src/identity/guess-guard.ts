import { Lru } from './lru.ts'

const windowMs = 60_000
const free = 10
const delayMs = 2000
const maxTracked = 10_000

/**
 * Slows guessing down: beyond ten refusals a minute for one name from one address every further answer waits. An id is never locked, or strangers could
 * lock devices out.
 */
export function createGuessGuard({ now }: { now: () => number }): { refused(who: string): number } {
  const counters = new Lru<string, { since: number; count: number }>(maxTracked)
  return {
    refused(who) {
      const key = who.slice(0, 400)
      const known = counters.get(key)
      const counter = known && now() - known.since < windowMs ? known : { since: now(), count: 0 }
      counter.count++
      counters.set(key, counter)
      return counter.count > free ? delayMs : 0
    },
  }
}
