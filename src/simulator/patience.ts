import { type ErrorCode, LoomError } from '../errors.ts'
import type { EnrolRequest } from './credentials.ts'

interface Pause {
  until: number
  ms: number
  error: LoomError
}

/**
 * How long a device waits before it asks again, and how far that grows. A claim is disabled when too much is refused, so who was refused is slow; who
 * waits for a person comes soon after the yes.
 */
const pauses: Partial<Record<ErrorCode, { firstMs: number; longestMs: number }>> = {
  PROV_DENIED: { firstMs: 60_000, longestMs: 3_600_000 },
  PROV_PENDING: { firstMs: 5_000, longestMs: 30_000 },
}

/** Rejects at once, with what was said before, while a device should not ask again; each pause is twice the one before. */
export function withPauses<T>(
  enrol: (request: EnrolRequest) => Promise<T>,
  now: () => number,
): (request: EnrolRequest) => Promise<T> {
  const paused = new Map<string, Pause>()
  return async request => {
    const { id } = request
    const before = paused.get(id)
    if (before && now() < before.until) throw before.error
    try {
      const made = await enrol(request)
      paused.delete(id)
      return made
    } catch (thrown) {
      const error = LoomError.from(thrown)
      const pause = error instanceof LoomError ? pauses[error.code] : undefined
      if (pause && error instanceof LoomError) {
        const again = before?.error.code === error.code
        const ms = again ? Math.min(2 * before.ms, pause.longestMs) : pause.firstMs
        paused.set(id, { until: now() + ms, ms, error })
      }
      throw error
    }
  }
}
