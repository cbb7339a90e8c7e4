import type { Segment, StoredConsumer } from './segment-port.ts'

export const staleAfterMs = 7 * 86_400_000
const jumpMs = 86_400_000
const jumpHoldMs = 600_000

/**
 * The highest seq that no one needs any more. Consumers hold their durable cursor, pins their seq; a stale consumer and its pins
 * (named like it or below `name/`) hold nothing.
 */
export function unneededUpTo(
  headSeq: number,
  consumers: Iterable<StoredConsumer>,
  pins: Iterable<readonly [string, number]>,
): number {
  let upTo = headSeq
  const stale = new Set<string>()
  for (const { name, state, cursor } of consumers) {
    if (state === 'stale') stale.add(name)
    else if (cursor < upTo) upTo = cursor
  }
  for (const [pin, seq] of pins) if (!stale.has(ownerOf(pin)) && seq < upTo) upTo = seq
  return upTo
}

/** The consumer a pin belongs to. */
export const ownerOf = (pin: string): string => pin.split('/', 1)[0]!

/** Sealed segments from the oldest on that nobody needs and that are older than `before` (epoch ms); infinite: of any age. */
export function trimmable(segments: readonly Segment[], upTo: number, before: number): Segment[] {
  const sealed = segments.slice(0, -1)
  const end = sealed.findIndex(segment => segment.lastSeq > upTo || segment.lastAt >= before)
  return end < 0 ? sealed : sealed.slice(0, end)
}

/** A clock that leaps forward by more than a day would make everything old at once: wait until an operator or NTP had ten minutes to set it back. */
export class LeapGuard {
  #last: number | undefined
  #until = Number.NEGATIVE_INFINITY

  /** True while retention has to wait. Call it at every look. */
  waits(now: number): boolean {
    if (this.#last !== undefined && now - this.#last > jumpMs) this.#until = now + jumpHoldMs
    else if (now < this.#until - jumpHoldMs) this.#until = Number.NEGATIVE_INFINITY
    this.#last = now
    return now < this.#until
  }
}
