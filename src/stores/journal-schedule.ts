import type { Schedule } from '../journal/segment-port.ts'

/** Timers of this process. Waits of a second and more do not keep it alive. */
export const systemSchedule: Schedule = (ms, fn) => {
  // A timer waits at least 1 ms, longer than a commit on a quick disk.
  if (ms < 1) {
    const handle = setImmediate(fn)
    return () => clearImmediate(handle)
  }
  const handle = setTimeout(fn, Math.min(ms, 2_147_483_647))
  if (ms >= 1000) handle.unref()
  return () => clearTimeout(handle)
}
