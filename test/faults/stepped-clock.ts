interface Beat {
  fn: () => void
  ms: number
}

/**
 * From now on this thread's clock is ahead of the system's and can be put forward; what happens at intervals then happens at once, each thing once. For a
 * hub that is opened in this thread afterwards.
 */
export function steppedClock(aheadMs = 0): { advance(ms: number): void; aheadMs(): number; end(): void } {
  const { now } = Date
  const { setInterval: begin, clearInterval: cease } = globalThis
  const beats = new Map<unknown, Beat>()
  let ahead = aheadMs
  Date.now = () => now() + ahead
  globalThis.setInterval = ((fn: () => void, ms = 0, ...args: unknown[]) => {
    const timer = begin(fn, ms, ...args)
    beats.set(timer, { fn, ms })
    return timer
  }) as typeof setInterval
  globalThis.clearInterval = timer => {
    beats.delete(timer)
    cease(timer)
  }
  return {
    advance(ms) {
      ahead += ms
      for (const beat of [...beats.values()]) if (beat.ms <= ms) beat.fn()
    },
    aheadMs: () => ahead,
    end() {
      Date.now = now
      globalThis.setInterval = begin
      globalThis.clearInterval = cease
    },
  }
}
