/** One device that is expected to speak. Times in epoch ms. */
export interface Watched {
  expectedMs: number
  /** its last telemetry, or when its watch began */
  last: number
  silent: boolean
}

interface Entry extends Watched {
  /** where it waits in the wheel; none while it is silent */
  tick?: number
}

const tickMs = 1000

/**
 * Who has not spoken for longer than expected. A message costs one assignment: a device waits in the wheel where it was put, and only when that tick comes is it seen
 * how long it is to wait on.
 */
export class SilenceWatch {
  readonly #entries = new Map<string, Entry>()
  readonly #wheel = new Map<number, Set<string>>()
  #swept = Number.NEGATIVE_INFINITY

  get size(): number {
    return this.#entries.size
  }

  get(id: string): Readonly<Watched> | undefined {
    return this.#entries.get(id)
  }

  set(id: string, { expectedMs, last, silent }: Watched): void {
    this.delete(id)
    const entry: Entry = { expectedMs, last, silent }
    this.#entries.set(id, entry)
    if (!silent) this.#wait(id, entry)
  }

  delete(id: string): boolean {
    const entry = this.#entries.get(id)
    if (!entry) return false
    if (entry.tick !== undefined) this.#leave(id, entry.tick)
    return this.#entries.delete(id)
  }

  /** `ended`: it was silent, since `last`. Undefined: it is not watched. */
  heard(id: string, now: number): 'expected' | { last: number } | undefined {
    const entry = this.#entries.get(id)
    if (!entry) return undefined
    const { last, silent } = entry
    if (now > last) entry.last = now
    if (!silent) return 'expected'
    entry.silent = false
    this.#wait(id, entry)
    return { last }
  }

  /** Those that are silent from now on. */
  sweep(now: number): string[] {
    const tick = Math.floor(now / tickMs)
    const found: string[] = []
    for (const due of this.#due(tick)) {
      const ids = this.#wheel.get(due)
      this.#wheel.delete(due)
      for (const id of ids ?? []) {
        const entry = this.#entries.get(id)!
        delete entry.tick
        if (now - entry.last > entry.expectedMs) {
          entry.silent = true
          found.push(id)
        } else this.#wait(id, entry, tick)
      }
    }
    this.#swept = tick
    return found
  }

  /** The ticks that have come; after a leap of the clock those that are there, not all between. */
  #due(tick: number): number[] {
    const steps = tick - this.#swept
    if (steps > this.#wheel.size) return [...this.#wheel.keys()].filter(due => due <= tick)
    return Array.from({ length: Math.max(steps, 0) }, (_, i) => this.#swept + 1 + i)
  }

  #wait(id: string, entry: Entry, after = this.#swept): void {
    const due = Math.max(Math.floor((entry.last + entry.expectedMs) / tickMs) + 1, after + 1)
    entry.tick = due
    const ids = this.#wheel.get(due)
    if (ids) ids.add(id)
    else this.#wheel.set(due, new Set([id]))
  }

  #leave(id: string, tick: number): void {
    const ids = this.#wheel.get(tick)
    ids?.delete(id)
    if (ids?.size === 0) this.#wheel.delete(tick)
  }
}
