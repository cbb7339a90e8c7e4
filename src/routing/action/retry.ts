/** Waits between the tries of one message: doubled each time, full jitter. */
export const retryLimits = { firstMs: 500, mostMs: 30_000 } as const

/**
 * How long to wait after so many failed tries, ms; `random` in [0, 1). Undefined: the endpoint asks for a longer pause than a message in hand can wait.
 */
export function retryDelayMs(o: { failed: number; random: number; retryAfterMs?: number | undefined }): number | undefined {
  const { failed, random, retryAfterMs = 0 } = o
  if (retryAfterMs > retryLimits.mostMs) return undefined
  const most = Math.min(retryLimits.mostMs, retryLimits.firstMs * 2 ** (failed - 1))
  return Math.max(Math.floor(random * most), retryAfterMs)
}

/** Seconds or an HTTP date (RFC 9110, 10.2.3) as ms from `now`; undefined if it is neither. */
export function readRetryAfter(text: string | null | undefined, now: number): number | undefined {
  const value = text?.trim()
  if (!value) return undefined
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000
  const at = /^[A-Z][a-z]{2}/.test(value) ? Date.parse(value) : Number.NaN
  return Number.isNaN(at) ? undefined : Math.max(0, at - now)
}

/** What an HTTP status says of a message: too many requests and faults of the server may pass, anything else will not. */
export function verdictOnStatus(status: number): 'done' | 'transient' | 'final' | 'gone' {
  if (status >= 200 && status < 300) return 'done'
  if (status === 429 || status >= 500) return 'transient'
  return status === 410 ? 'gone' : 'final'
}
