import { LoomError } from '../errors.ts'
import type { Consumer } from '../journal/journal-port.ts'

/** One part of a delivery that was split: number `i` of `of`. Nested splits make a path. */
export interface Part {
  i: number
  of: number
}

/** Names a journal delivery in a message. Plain data: it survives cloning, JSON and files. */
export interface DeliveryToken {
  hub: string
  consumer: string
  /** first and last journal sequence covered */
  from: number
  to: number
  parts?: Part[]
}

export type Settlement =
  | { do: 'ack' }
  | { do: 'retry'; delayMs: number }
  | { do: 'deadletter'; code: string; message: string; node?: string }

/** Records of a delivery that a node could not take, and why. */
export interface Failed {
  seqs: readonly number[]
  code: string
  message: string
  node: string
}

interface Issued {
  from: number
  to: number
  seqs: Set<number>
  /** numbers of the parts that are done, by the path and size of their split */
  done: Map<string, Set<number>>
}

const isInteger = (value: unknown): value is number => Number.isSafeInteger(value)
const isPart = (value: unknown): value is Part => {
  const { i, of } = (value ?? {}) as Partial<Part>
  return isInteger(i) && isInteger(of) && i >= 0 && i < of
}

/** The token in `msg.delivery`; undefined if there is none. DELIVERY_INVALID if it is not one. */
export function tokenOf(delivery: unknown): DeliveryToken | undefined {
  if (delivery === undefined || delivery === null) return undefined
  const token = delivery as DeliveryToken
  const valid =
    typeof token.hub === 'string' &&
    typeof token.consumer === 'string' &&
    isInteger(token.from) &&
    isInteger(token.to) &&
    token.from <= token.to &&
    (token.parts === undefined || (Array.isArray(token.parts) && token.parts.every(isPart)))
  if (!valid) throw new LoomError('DELIVERY_INVALID', JSON.stringify(delivery)?.slice(0, 80))
  return token
}

/** Tokens for the `count` messages made of one; the delivery is complete when all of them are. */
export function splitDelivery(token: DeliveryToken, count: number): DeliveryToken[] {
  if (count === 1) return [{ ...token }]
  return Array.from({ length: count }, (_, i) => ({ ...token, parts: [...(token.parts ?? []), { i, of: count }] }))
}

/** Live consumers that flows acknowledge through tokens, by hub and name. */
export class Deliveries {
  readonly #live = new Map<string, LiveConsumer>()

  open(hub: string, consumer: Consumer): LiveConsumer {
    const key = keyOf(hub, consumer.name)
    const live = new LiveConsumer(hub, consumer, () => {
      if (this.#live.get(key) === live) this.#live.delete(key)
    })
    this.#live.set(key, live)
    return live
  }

  /** Idempotent. DELIVERY_INVALID if the consumer of the token does not run here. */
  async settle(token: DeliveryToken, settlement: Settlement): Promise<void> {
    const live = this.#live.get(keyOf(token.hub, token.consumer))
    if (!live)
      throw new LoomError('DELIVERY_INVALID', `${token.hub}/${token.consumer}`, {
        hint: 'its node was removed or is not started',
      })
    await live.settle(token, settlement)
  }

  /**
   * Acknowledges what a node has taken over for good, all but the `failed` records, which become dead letters; without a token, or when its consumer is gone,
   * there is nothing to say.
   */
  async acknowledge(delivery: unknown, failed?: Failed): Promise<void> {
    const token = tokenOf(delivery)
    const live = token && this.#live.get(keyOf(token.hub, token.consumer))
    if (!live) return
    if (failed?.seqs.length) await live.refuse(token, failed)
    await live.settle(token, { do: 'ack' })
  }
}

const keyOf = (hub: string, consumer: string): string => `${hub}\0${consumer}`

export class LiveConsumer {
  readonly #hub: string
  readonly #consumer: Consumer
  readonly #closed: () => void
  readonly #issued = new Map<string, Issued>()

  constructor(hub: string, consumer: Consumer, closed: () => void) {
    this.#hub = hub
    this.#consumer = consumer
    this.#closed = closed
  }

  /** A token for records that travel together. */
  issue(seqs: readonly number[]): DeliveryToken {
    let from = seqs[0]!
    let to = from
    for (const seq of seqs) {
      if (seq < from) from = seq
      else if (seq > to) to = seq
    }
    const key = `${from}-${to}`
    const there = this.#issued.get(key)
    if (there) for (const seq of seqs) there.seqs.add(seq)
    else this.#issued.set(key, { from, to, seqs: new Set(seqs), done: new Map() })
    return { hub: this.#hub, consumer: this.#consumer.name, from, to }
  }

  async settle(token: DeliveryToken, settlement: Settlement): Promise<void> {
    const key = `${token.from}-${token.to}`
    const issued = this.#issued.get(key)
    if (!issued) return // settled before, or of an earlier run: the journal delivers again what it still misses
    if (settlement.do === 'ack' && !finishes(issued.done, token.parts ?? [])) return
    this.#issued.delete(key)
    const seqs = [...issued.seqs]
    if (!seqs.length) return
    if (settlement.do === 'ack') this.#consumer.ack(seqs)
    else if (settlement.do === 'retry') this.#consumer.retry(seqs, settlement.delayMs)
    else {
      const { code, message, node } = settlement
      await this.#consumer.deadletter(seqs, { code, message, ...(node !== undefined && { node }) })
    }
  }

  /** Takes records out of a delivery as dead letters; the others stay as they are. */
  async refuse({ from, to }: DeliveryToken, { seqs, ...why }: Failed): Promise<void> {
    const issued = this.#issued.get(`${from}-${to}`)
    const refused = seqs.filter(seq => issued?.seqs.delete(seq))
    if (refused.length) await this.#consumer.deadletter(refused, why)
  }

  /** Tokens that wait for their settlement. */
  get open(): number {
    return this.#issued.size
  }

  /** Forgets a token whose records come again in another one. */
  forget(cursor: number): void {
    for (const [key, { to }] of this.#issued) if (to <= cursor) this.#issued.delete(key)
  }

  close(): void {
    this.#issued.clear()
    this.#closed()
  }
}

/** Marks a part as done, and what it completes above it; true when that is the whole delivery. */
function finishes(done: Issued['done'], parts: readonly Part[]): boolean {
  for (let depth = parts.length - 1; depth >= 0; depth--) {
    const { i, of } = parts[depth]!
    const split = parts
      .slice(0, depth)
      .map(part => part.i)
      .concat(of)
      .join('/')
    const siblings = done.get(split) ?? new Set()
    done.set(split, siblings.add(i))
    if (siblings.size < of) return false
  }
  return true
}

/** The deliveries of this process. */
export const deliveries = new Deliveries()
