const minuteMs = 60_000

/** A minute in which letters were left out: for the first one at once, and with their number when the minute is over. */
export interface LeftOut {
  device: string
  count: number
  over: boolean
}

/**
 * How many letters a device may still write in this minute. Minutes are the same for all, so the counters of one are forgotten together; beyond `maxDevices`
 * in one minute, the further ones share a counter under the name ''.
 */
export class LetterAllowance {
  readonly #perMinute: number
  readonly #maxDevices: number
  readonly #leftOut: (o: LeftOut) => void
  readonly #counts = new Map<string, number>()
  #began = Number.NEGATIVE_INFINITY

  constructor(o: { perMinute: number; maxDevices: number; leftOut(o: LeftOut): void }) {
    this.#perMinute = o.perMinute
    this.#maxDevices = o.maxDevices
    this.#leftOut = o.leftOut
  }

  /** Begins a new minute when one is over, also if the clock was set back. Call it with every arrival: it reports what the last minute left out. */
  look(now: number): void {
    if (now >= this.#began && now - this.#began < minuteMs) return
    this.#began = now
    if (this.#counts.size === 0) return
    const counts = [...this.#counts]
    this.#counts.clear()
    for (const [device, used] of counts)
      if (used > this.#perMinute) this.#leftOut({ device, count: used - this.#perMinute, over: true })
  }

  allows(device: string): boolean {
    const key = this.#counts.has(device) || this.#counts.size < this.#maxDevices ? device : ''
    const used = (this.#counts.get(key) ?? 0) + 1
    this.#counts.set(key, used)
    if (used === this.#perMinute + 1) this.#leftOut({ device: key, count: 1, over: false })
    return used <= this.#perMinute
  }
}
