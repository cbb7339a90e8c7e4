export interface QueuedMessage {
  readonly topic: string
  readonly payload: Uint8Array
  /** sent because of a subscription, not routed */
  readonly retain: boolean
  /** epoch ms */
  readonly at: number
  /** id of its document, '' if only in memory */
  readonly stored: string
  /** packet identifier of the first try, 0 before */
  id: number
}

/** Bytes of all queues of a broker. */
export interface QueueBudget {
  bytes: number
  readonly maxBytes: number
}

const maxMessages = 100
const maxBytes = 262_144
const maxRetained = 1000
const maxAgeMs = 24 * 3_600_000

/**
 * QoS 1 messages of one session that are not yet acknowledged: waiting, or in flight. At most 100 and 256 KiB, the oldest waiting one gives
 * way; none older than 24 h. `removed` is told of each message that leaves, and whether it was lost.
 */
export class MessageQueue {
  readonly #budget: QueueBudget
  readonly #removed: (message: QueuedMessage, lost: boolean) => void
  #waiting: QueuedMessage[] = []
  #messages = 0
  #bytes = 0
  #retained = 0

  constructor({ budget, removed }: { budget: QueueBudget; removed: (message: QueuedMessage, lost: boolean) => void }) {
    this.#budget = budget
    this.#removed = removed
  }

  /** waiting and in flight */
  get size(): number {
    return this.#messages + this.#retained
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** Retained messages share their payload with the retained store: they are counted, not weighed. */
  push(message: QueuedMessage): void {
    if (message.retain) {
      if (this.#retained >= maxRetained) {
        this.#removed(message, true)
        return
      }
      this.#retained++
    } else {
      const bytes = bytesOf(message)
      while (this.#over(bytes)) {
        const oldest = this.#waiting.findIndex(({ retain }) => !retain)
        if (oldest < 0) {
          this.#removed(message, true)
          return
        }
        this.#gone(this.#waiting.splice(oldest, 1)[0]!, true)
      }
      this.#messages++
      this.#bytes += bytes
      this.#budget.bytes += bytes
    }
    this.#waiting.push(message)
  }

  /** Takes the next one for sending; it stays counted until `finish`. */
  next(now: number): QueuedMessage | undefined {
    while (true) {
      const message = this.#waiting.shift()
      if (!message || message.at > now - maxAgeMs) return message
      this.#gone(message, true)
    }
  }

  finish(message: QueuedMessage, lost = false): void {
    this.#gone(message, lost)
  }

  /** What was in flight when the connection ended goes first again, in its order. */
  putBack(messages: readonly QueuedMessage[]): void {
    this.#waiting = [...messages, ...this.#waiting]
  }

  expire(now: number): void {
    this.#waiting = this.#waiting.filter(message => {
      if (message.at > now - maxAgeMs) return true
      this.#gone(message, true)
      return false
    })
  }

  clear(): void {
    const all = this.#waiting
    this.#waiting = []
    for (const message of all) this.#gone(message, false)
  }

  #over(bytes: number): boolean {
    if (this.#messages >= maxMessages) return true
    // A message as large as the bound is kept while it is the only one.
    if (this.#messages > 0 && this.#bytes + bytes > maxBytes) return true
    return this.#budget.bytes + bytes > this.#budget.maxBytes
  }

  #gone(message: QueuedMessage, lost: boolean): void {
    if (message.retain) this.#retained--
    else {
      const bytes = bytesOf(message)
      this.#messages--
      this.#bytes -= bytes
      this.#budget.bytes -= bytes
    }
    this.#removed(message, lost)
  }
}

const bytesOf = ({ topic, payload }: QueuedMessage): number => topic.length + payload.length
