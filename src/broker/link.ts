import type { Duplex } from 'node:stream'
import type { Connection, DisconnectReason, ListenerKind, PeerCertificate } from './broker-port.ts'
import type { LibraryClient } from './library.ts'
import { MessageQueue } from './message-queue.ts'
import { Outbound, type OutboundParts } from './outbound.ts'
import { Pubacks } from './pubacks.ts'
import { PublishSlots } from './publish-slots.ts'
import type { Reader } from './reader.ts'
import type { Session } from './sessions.ts'
import { matches } from './topic-match.ts'
import type { Will } from './wills.ts'

const refusalsAMinute = 100

/** Where a socket came from, before any packet. */
export interface Origin {
  listener: ListenerKind
  remoteAddress: string
  dialled?: string | undefined
  certificate?: PeerCertificate | undefined
}

/** One connection of the broker, from its first byte to its end. */
export class Link {
  readonly origin: Origin
  readonly client: LibraryClient
  readonly conn: Duplex
  readonly slots = new PublishSlots()
  readonly pubacks: Pubacks
  /** resolved when the socket is closed and the gate knows */
  readonly closed: Promise<void>
  /** granted filter -> QoS */
  readonly filters = new Map<string, number>()
  /** What the gate said about the filters of the SUBSCRIBE being handled. */
  rulings = new Map<string, 0 | 1 | 128>()
  /** `first`: nothing read. `handshake`: the CONNECT is being decided, nothing else is read. `open`: CONNACK 0 was written. */
  phase: 'first' | 'handshake' | 'open' = 'first'
  /** largest remaining length of a packet */
  limitBytes: number
  reader!: Reader
  connection: Connection | undefined
  session: Session | undefined
  outbound: Outbound | undefined
  queue: MessageQueue | undefined
  will: Will | undefined
  expiresAt = Number.POSITIVE_INFINITY
  /** the first reason wins */
  reason: DisconnectReason | undefined
  ending = false
  /** the broker stops: no packet is read any more */
  stopping = false
  /** the gate was told of its refusal */
  reported = false
  /** reading stopped for a packet that may not start yet */
  blocked = false
  /** epoch ms since which PUBLISHes wait; 0: they do not */
  heldSince = 0
  #ended!: () => void
  #inbound = new Map<number, 'new' | 'kept'>()
  #lastRouted = 0
  #minute = 0
  #refusals = 0

  constructor({ client, origin, limitBytes }: { client: LibraryClient; origin: Origin; limitBytes: number }) {
    this.client = client
    this.conn = client.conn
    this.pubacks = new Pubacks(client)
    this.origin = origin
    this.limitBytes = limitBytes
    this.closed = new Promise(resolve => {
      this.#ended = resolve
    })
  }

  ended(): void {
    this.#ended()
  }

  /** Ends the connection without waiting for its peer. */
  abort(reason: DisconnectReason): void {
    this.reason ??= reason
    this.ending = true
    this.conn.destroy()
  }

  /** Ends the connection after what was written has left. */
  finish(reason: DisconnectReason): void {
    this.reason ??= reason
    this.ending = true
    this.pubacks.flush()
    this.conn.end(() => this.conn.destroy())
  }

  /** QoS 2 exchanges between PUBLISH and PUBREL. */
  get inbound(): Map<number, 'new' | 'kept'> {
    return this.session?.inbound ?? this.#inbound
  }

  /** Opens the way out; with a persistent session its queue is what waits. */
  openOutbound(parts: Omit<OutboundParts, 'queue' | 'conn'> & { lost: () => void }): void {
    const queue =
      this.session?.queue ??
      new MessageQueue({
        budget: { bytes: 0, maxBytes: Number.POSITIVE_INFINITY },
        removed: (_message, lost) => void (lost && parts.lost()),
      })
    this.outbound = new Outbound({ ...parts, conn: this.conn, queue })
    this.queue = queue
  }

  /** The highest QoS of its filters that match. */
  qosOf(topic: string): number {
    let highest = 0
    for (const [filter, qos] of this.filters) if (qos > highest && matches(filter, topic)) highest = qos
    return highest
  }

  /**
   * Whether a routed packet was already given to this connection by another of its filters. All filters that match are served in one turn,
   * so looking at the last one is enough.
   */
  routedTwice(counter: number): boolean {
    if (counter === this.#lastRouted) return true
    this.#lastRouted = counter
    return false
  }

  /** Counts a refused publish; true when the minute's allowance is used up. */
  refused(now: number): boolean {
    const minute = Math.floor(now / 60_000)
    if (minute !== this.#minute) {
      this.#minute = minute
      this.#refusals = 0
    }
    return ++this.#refusals > refusalsAMinute
  }
}
