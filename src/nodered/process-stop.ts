import type { EventEmitter } from 'node:events'

const signals = ['SIGINT', 'SIGTERM'] as const
const watched = new WeakSet<EventEmitter>()

/**
 * Calls `stopping` before the runtime's own handler when the process is told to end: the runtime closes its nodes the same way for a deploy and for
 * its end. Does nothing where nobody handles the signals, since a listener would keep them from ending the process.
 */
export function onProcessStop(stopping: () => void, signalled: EventEmitter = process): void {
  if (watched.has(signalled)) return
  for (const signal of signals) {
    if (signalled.listenerCount(signal) === 0) continue
    watched.add(signalled)
    signalled.prependListener(signal, stopping)
  }
}
