import { LoomError } from '../../errors.ts'

export const loopLimits = { hops: 8, windowMs: 10_000, inWindow: 1000, suspendMs: 60_000, topics: 1000 } as const

interface Window {
  since: number
  count: number
}

/**
 * Tells a loop of republished messages by how often a message was republished, and where that number is lost on its way, by the rate at which one node
 * republishes to topics that it gets messages from. Such a node is suspended for a minute.
 */
export class LoopGuard {
  /** topic -> when the node last got a message from it */
  readonly #sources = new Map<string, number>()
  #own: Window = { since: Number.NEGATIVE_INFINITY, count: 0 }
  #suspendedUntil = Number.NEGATIVE_INFINITY

  /** ROUTE_LOOP. `hops`: how often the message was republished before this. */
  check({ topic, source, hops, now }: { topic: string; source: string; hops: number; now: number }): void {
    const { hops: mostHops, windowMs, inWindow, suspendMs } = loopLimits
    if (hops >= mostHops)
      throw new LoomError('ROUTE_LOOP', `republished ${hops} times already`, {
        hint: 'take its topic out of what the rule is for',
      })
    if (source) this.#note(source, now)
    if (now < this.#suspendedUntil && this.#suspendedUntil - now <= suspendMs) throw suspended(topic)
    const seen = this.#sources.get(topic)
    if (seen === undefined || now - seen > windowMs) return
    if (now - this.#own.since > windowMs || now < this.#own.since) this.#own = { since: now, count: 0 }
    if (++this.#own.count <= inWindow) return
    this.#suspendedUntil = now + suspendMs
    throw suspended(topic)
  }

  #note(source: string, now: number): void {
    this.#sources.delete(source)
    this.#sources.set(source, now)
    if (this.#sources.size > loopLimits.topics) this.#sources.delete(this.#sources.keys().next().value!)
  }
}

const suspended = (topic: string): LoomError =>
  new LoomError(
    'ROUTE_LOOP',
    `over ${loopLimits.inWindow} messages in 10 s to "${topic.slice(0, 100)}", from which this action gets its own`,
    {
      hint: 'publish to another topic; it goes on a minute after this',
    },
  )
