import type { Duplex } from 'node:stream'
import { LoomError } from '../errors.ts'
import type { MessageQueue, QueuedMessage } from './message-queue.ts'
import { publishHead } from './publish-frame.ts'

const windowMessages = 100
const windowOfHub = 16
const waitingOfHub = 100
const maxUnsentBytes = 1_048_576
const smallBytes = 2048

interface HubMessage {
  topic: string
  payload: Uint8Array
  resolve: () => void
  reject: (error: LoomError) => void
}

type InFlight = { message: QueuedMessage } | { hub: HubMessage }

export interface OutboundParts {
  conn: Duplex
  queue: MessageQueue
  now: () => number
  /** May this message go to this connection? */
  forward(topic: string): boolean
  /** so many more messages of the hub may wait */
  extraRoom?(): number
  /** The library's timer for a peer that does not take what is written. */
  waitForDrain(done: () => void): void
  /** More than 1 MiB lies unsent before a QoS 1 message. */
  tooSlow(): void
  delivered(): void
  dropped(): void
}

/**
 * Everything a connection is sent at the application's level. The library has no outbound window; here at most 100 messages are
 * unacknowledged, at most 16 of them the hub's own, under packet ids of ours, and the rest wait in the session's queue.
 */
export class Outbound {
  readonly #parts: OutboundParts
  readonly #inFlight = new Map<number, InFlight>()
  #hubWaiting: HubMessage[] = []
  #hubInFlight = 0
  #lastId = 0
  #corked = false
  #draining = false
  #closed = false

  constructor(parts: OutboundParts) {
    this.#parts = parts
  }

  /** A QoS 0 message; dropped while more than 1 MiB is unsent. */
  write0(topic: string, payload: Uint8Array, retain: boolean): void {
    if (this.#slow()) {
      this.#parts.dropped()
      return
    }
    this.#write(publishHead({ topic, payload, qos: 0, retain, dup: false, id: 0 }), payload)
    this.#parts.delivered()
  }

  /** Sends what waits as far as the window allows. */
  pump(): void {
    if (this.#closed) return
    while (this.#hubWaiting.length && this.#hubInFlight < windowOfHub && this.#room()) {
      const hub = this.#hubWaiting.shift()!
      this.#hubInFlight++
      if (!this.#write1(hub, 0, { hub })) return
    }
    const { queue, now, forward } = this.#parts
    while (queue.waiting && this.#room()) {
      const message = queue.next(now())
      if (!message) return
      if (!forward(message.topic)) queue.finish(message)
      else if (!this.#write1(message, message.id, { message })) return
    }
  }

  /** A message of the hub itself: resolves when written (QoS 0) or acknowledged (QoS 1). */
  send({ topic, payload, qos }: { topic: string; payload: Uint8Array; qos: 0 | 1 }): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(gone(topic))
      if (qos === 0) {
        if (this.#slow()) {
          this.#parts.dropped()
          return reject(new LoomError('BROKER_THROTTLED', `${topic}: the connection does not take what is sent`))
        }
        const head = publishHead({ topic, payload, qos, retain: false, dup: false, id: 0 })
        this.#write(head, payload, error => (error ? reject(gone(topic)) : resolve()))
        return this.#parts.delivered()
      }
      const waiting = this.#hubWaiting.length
      if (waiting >= waitingOfHub + (this.#parts.extraRoom?.() ?? 0))
        return reject(new LoomError('BROKER_THROTTLED', `${topic}: ${waiting} messages wait for this connection`))
      this.#hubWaiting.push({ topic, payload, resolve, reject })
      this.pump()
    })
  }

  /** A PUBACK came. */
  acknowledged(id: number): void {
    const found = this.#inFlight.get(id)
    if (!found) return
    this.#inFlight.delete(id)
    if ('hub' in found) {
      this.#hubInFlight--
      found.hub.resolve()
    } else this.#parts.queue.finish(found.message)
    this.pump()
  }

  /** What was not acknowledged goes back to the queue in its order; the hub's own messages are its own to repeat. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    const back: QueuedMessage[] = []
    for (const found of this.#inFlight.values()) {
      if ('hub' in found) found.hub.reject(gone(found.hub.topic))
      else back.push(found.message)
    }
    this.#inFlight.clear()
    this.#parts.queue.putBack(back)
    for (const { topic, reject } of this.#hubWaiting) reject(gone(topic))
    this.#hubWaiting = []
  }

  #room(): boolean {
    return this.#inFlight.size < windowMessages
  }

  #slow(): boolean {
    return this.#parts.conn.writableLength > maxUnsentBytes
  }

  #write1(message: { topic: string; payload: Uint8Array; retain?: boolean }, firstId: number, entry: InFlight): boolean {
    // A repeated message keeps its packet id [MQTT-4.4.0-1], unless another took it meanwhile.
    const dup = firstId > 0 && !this.#inFlight.has(firstId)
    const id = dup ? firstId : this.#newId()
    this.#inFlight.set(id, entry)
    if ('message' in entry) entry.message.id = id
    if (this.#slow()) {
      this.#parts.tooSlow()
      return false
    }
    const { topic, payload, retain = false } = message
    this.#write(publishHead({ topic, payload, qos: 1, retain, dup: firstId > 0, id }), payload)
    this.#parts.delivered()
    return true
  }

  #newId(): number {
    do this.#lastId = (this.#lastId % 65_535) + 1
    while (this.#inFlight.has(this.#lastId))
    return this.#lastId
  }

  #write(head: Buffer, payload: Uint8Array, done?: (error?: Error | null) => void): void {
    const { conn, waitForDrain } = this.#parts
    if (!this.#corked) {
      this.#corked = true
      conn.cork()
      process.nextTick(() => {
        this.#corked = false
        conn.uncork()
      })
    }
    let free: boolean
    if (payload.length <= smallBytes) free = conn.write(Buffer.concat([head, payload]), done)
    else {
      conn.write(head)
      free = conn.write(payload, done)
    }
    if (free || this.#draining || conn.destroyed) return
    this.#draining = true
    waitForDrain(() => {
      this.#draining = false
    })
  }
}

const gone = (topic: string): LoomError => new LoomError('BROKER_DISCONNECTED', topic)
