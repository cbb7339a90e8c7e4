/** `perSecond` tokens a second, at most `burst` saved up. Time is an argument, epoch ms. */
export class TokenBucket {
  readonly #perSecond: number
  readonly #burst: number
  #tokens: number
  #at: number

  constructor({ perSecond, burst, now }: { perSecond: number; burst: number; now: number }) {
    this.#perSecond = perSecond
    this.#burst = burst
    this.#tokens = burst
    this.#at = now
  }

  /** Whether a token is there, taking it. */
  take(now: number): boolean {
    this.#fill(now)
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }

  give(): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + 1)
  }

  full(now: number): boolean {
    this.#fill(now)
    return this.#tokens >= this.#burst
  }

  #fill(now: number): void {
    // A clock set back gives nothing and takes nothing away.
    if (now > this.#at) this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#at) / 1000) * this.#perSecond)
    this.#at = now
  }
}
