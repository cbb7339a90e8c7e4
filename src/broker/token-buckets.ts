import { TokenBucket } from './token-bucket.ts'

const maxKeys = 20_000

/** A token bucket for each key; a rate of 0 = no limit. Of more than 20,000 keys the one not asked for the longest starts anew. */
export class TokenBuckets {
  readonly #perSecond: number
  readonly #burst: number
  readonly #buckets = new Map<string, TokenBucket>()

  constructor({ perSecond, burst }: { perSecond: number; burst: number }) {
    this.#perSecond = perSecond
    // Below one token nothing would ever pass.
    this.#burst = Math.max(1, burst)
  }

  get size(): number {
    return this.#buckets.size
  }

  /** Whether the key has a token, taking it. Time is epoch ms. */
  take(key: string, now: number): boolean {
    if (this.#perSecond === 0) return true
    const bucket = this.#buckets.get(key) ?? new TokenBucket({ perSecond: this.#perSecond, burst: this.#burst, now })
    this.#buckets.delete(key)
    this.#buckets.set(key, bucket)
    if (this.#buckets.size > maxKeys) this.#buckets.delete(this.#buckets.keys().next().value!)
    return bucket.take(now)
  }

  give(key: string): void {
    this.#buckets.get(key)?.give()
  }

  /** Forgets those that are as good as new. */
  sweep(now: number): void {
    for (const [key, bucket] of this.#buckets) if (bucket.full(now)) this.#buckets.delete(key)
  }
}
