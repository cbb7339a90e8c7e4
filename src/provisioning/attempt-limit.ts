import { senderOf } from './claim-network.ts'

export interface AttemptLimit {
  /** Counts one; undefined past a limit. The returned function takes it back. */
  take(address: string): (() => void) | undefined
}

/** How often something may be tried within a window, from one sender and by all together. Senders that are not remembered any more start anew. */
export function createAttemptLimit(o: {
  now: () => number
  windowMs: number
  perSender: number
  inAll: number
  /** default 10,000 */
  mostSenders?: number
}): AttemptLimit {
  const { now, windowMs, perSender, inAll, mostSenders = 10_000 } = o
  const senders = new Map<string, Window>()
  let all: Window = { since: now(), count: 0 }

  const fresh = (window: Window | undefined): Window =>
    window && now() - window.since < windowMs ? window : { since: now(), count: 0 }

  return {
    take(address) {
      const sender = senderOf(address)
      const mine = fresh(senders.get(sender))
      all = fresh(all)
      if (mine.count >= perSender || all.count >= inAll) return undefined
      senders.delete(sender)
      if (senders.size >= mostSenders) senders.delete(senders.keys().next().value!)
      senders.set(sender, mine)
      const windows = [mine, all]
      for (const window of windows) window.count++
      return () => {
        for (const window of windows.splice(0)) window.count--
      }
    },
  }
}

interface Window {
  /** epoch ms */
  since: number
  count: number
}
