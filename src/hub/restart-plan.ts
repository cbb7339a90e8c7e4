const windowMs = 600_000
const crashesAllowed = 5

/** When to start again after crashes: 0.5, 1, 2 .. 30 s; after five within ten minutes once a minute, and the hub counts as failed. */
export class RestartPlan {
  #crashes: number[] = []

  /** Call once per crash. */
  next(now: number): { delayMs: number; failed: boolean } {
    this.#crashes = [...this.#crashes.filter(at => at > now - windowMs), now]
    const count = this.#crashes.length
    if (count >= crashesAllowed) return { delayMs: 60_000, failed: true }
    return { delayMs: Math.min(30_000, 500 * 2 ** (count - 1)), failed: false }
  }
}
