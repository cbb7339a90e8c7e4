/** Works on keys, a few at a time and each by one worker; a key added while it is worked on is taken once more afterwards. */
export interface WorkQueue {
  add(key: string): void
  idle(): Promise<void>
  /** Nothing is begun any more. */
  stop(): void
}

/** `work` must not reject. */
export function createWorkQueue(o: { concurrent: number; work: (key: string) => Promise<void> }): WorkQueue {
  const waiting = new Set<string>()
  const working = new Set<string>()
  let stopped = false
  let idlers: (() => void)[] = []

  const pump = (): void => {
    for (const key of waiting) {
      if (stopped || working.size >= o.concurrent) break
      if (working.has(key)) continue
      waiting.delete(key)
      working.add(key)
      void o.work(key).finally(() => {
        working.delete(key)
        pump()
      })
    }
    if (working.size > 0 || (waiting.size > 0 && !stopped)) return
    for (const idler of idlers) idler()
    idlers = []
  }

  return {
    add(key) {
      waiting.add(key)
      pump()
    },
    idle: () =>
      working.size === 0 && (waiting.size === 0 || stopped)
        ? Promise.resolve()
        : new Promise(resolve => void idlers.push(resolve)),
    stop() {
      stopped = true
      pump()
    },
  }
}
