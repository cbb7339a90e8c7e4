/**
 * `unknown`: nothing was sent yet; `degraded`: it needed a retry a short time ago; `unhealthy`: the last tries failed and messages wait for it; `dead`: for too
 * long, or it refuses for good.
 */
export type Health = 'unknown' | 'healthy' | 'degraded' | 'unhealthy' | 'dead'

export const healthLimits = {
  degradedMs: 300_000,
  deadAfterMs: 86_400_000,
  firstProbeMs: 1000,
  mostProbeMs: 60_000,
  /** A longer pause than this is not granted to who asks for one. */
  mostPauseMs: 3_600_000,
} as const

/** How an endpoint is, told by what became of the tries. */
export class EndpointHealth {
  #state: 'unknown' | 'answers' | 'fails' | 'gone' = 'unknown'
  #failingSince = 0
  #failures = 0
  #pauseUntil = Number.NEGATIVE_INFINITY
  #triedAt = Number.NEGATIVE_INFINITY
  #retriedAt = Number.NEGATIVE_INFINITY

  /** `failingSince`: messages of a run before wait for it, and it counts as failing since then. */
  constructor(failingSince?: number) {
    if (failingSince === undefined) return
    this.#state = 'fails'
    this.#failingSince = failingSince
  }

  at(now: number): Health {
    if (this.#state === 'unknown') return 'unknown'
    if (this.#state === 'answers') return now - this.#retriedAt < healthLimits.degradedMs ? 'degraded' : 'healthy'
    return this.#state === 'gone' || now - this.#failingSince >= healthLimits.deadAfterMs ? 'dead' : 'unhealthy'
  }

  /** It took or refused a message. */
  answered(now: number, { retried }: { retried: boolean }): void {
    if (retried || this.#state === 'fails' || this.#state === 'gone') this.#retriedAt = now
    this.#state = 'answers'
    this.#failures = 0
    this.#triedAt = now
  }

  /** All tries of a message, or a probe, failed for a reason that may pass. */
  failed(now: number, { retryAfterMs = 0 }: { retryAfterMs?: number | undefined } = {}): void {
    if (this.#state === 'unknown' || this.#state === 'answers') {
      this.#failingSince = now
      this.#state = 'fails'
    }
    this.#failures++
    this.#triedAt = now
    this.#pauseUntil = now + Math.min(retryAfterMs, healthLimits.mostPauseMs)
  }

  gone(now: number): void {
    this.#state = 'gone'
    this.#triedAt = now
  }

  /** When the next probe is due, in ms; `random` in [0, 1). The first after a start is due at once. */
  probeInMs(now: number, random: number): number {
    const { firstProbeMs, mostProbeMs } = healthLimits
    if (!this.#failures) return 0
    const most = Math.min(mostProbeMs, firstProbeMs * 2 ** Math.min(this.#failures - 1, 16))
    return Math.max(Math.ceil(most * (0.5 + random / 2)), this.#pauseUntil - now)
  }

  /** Of a dead one: it was left alone for a minute. */
  mayTryDead(now: number): boolean {
    return now - this.#triedAt >= healthLimits.mostProbeMs || now < this.#triedAt
  }
}
