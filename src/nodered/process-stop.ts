const signals = ['SIGINT', 'SIGTERM'] as const
let watching = false

/**
 * Calls `stopping` before the runtime's own handler when the process is told to end: the runtime closes its nodes the same way for a deploy and for
 * its end. Does nothing where nobody handles the signals, since a listener would keep them from ending the process.
 */
export function onProcessStop(stopping: () => void): void {
  if (watching) return
  for (const signal of signals) {
    if (process.listenerCount(signal) === 0) continue
    watching = true
    process.prependListener(signal, stopping)
  }
}
