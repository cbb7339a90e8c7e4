import { setImmediate as turn } from 'node:timers/promises'
import type { Pace } from '../storage/warm-query.ts'

const sliceMs = 4

/** Gives the event loop a turn after each few milliseconds of work. `check` may throw to end the work. */
export function paceOf(check: () => void): Pace {
  let since = performance.now()
  return {
    due: () => performance.now() - since >= sliceMs,
    async pause() {
      await turn()
      check()
      since = performance.now()
    },
  }
}
