import type { Problems } from './problems.ts'

/** `[every, about, work]`: what is done again and again, its period in ms and the name under which a failure is shown. */
export type Periodic = readonly [everyMs: number, about: string, work: () => unknown]

/** Starts each; a failure becomes a problem of the hub until the next run succeeds. The answer ends them all. */
export function startPeriodic(list: readonly Periodic[], problems: Pick<Problems, 'watch'>): () => void {
  const timers = list.map(([everyMs, about, work]) =>
    setInterval(() => problems.watch(about, Promise.resolve().then(work)), everyMs).unref(),
  )
  return () => {
    for (const timer of timers) clearInterval(timer)
  }
}
