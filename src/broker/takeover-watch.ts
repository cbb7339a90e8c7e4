const windowMs = 60_000
const holdMs = 30_000
const allowed = 5

interface Origin {
  fingerprint?: string | undefined
  remoteAddress: string
}

/**
 * Two devices with one id throw each other out for ever. More than 5 takeovers a minute between differing certificates or addresses put the
 * id on hold for 30 s, so that one of them stays.
 */
export class TakeoverWatch {
  readonly #takeovers = new Map<string, number[]>()
  readonly #held = new Map<string, number>()

  held(id: string, now: number): boolean {
    return (this.#held.get(id) ?? 0) > now
  }

  /** Whether this takeover is the one too many. */
  conflict(id: string, before: Origin, after: Origin, now: number): boolean {
    if (before.fingerprint === after.fingerprint && before.remoteAddress === after.remoteAddress) return false
    const recent = (this.#takeovers.get(id) ?? []).filter(at => at > now - windowMs)
    recent.push(now)
    this.#takeovers.set(id, recent)
    if (recent.length <= allowed) return false
    this.#takeovers.delete(id)
    this.#held.set(id, now + holdMs)
    return true
  }

  sweep(now: number): void {
    for (const [id, until] of this.#held) if (until <= now) this.#held.delete(id)
    for (const [id, times] of this.#takeovers) if (times.at(-1)! <= now - windowMs) this.#takeovers.delete(id)
  }
}
