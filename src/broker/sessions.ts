import type { StateStore } from '../storage/state-store.ts'
import { allOf } from './all-documents.ts'
import { FilterTree } from './filter-tree.ts'
import { MessageQueue, type QueueBudget } from './message-queue.ts'
import type { StateWriter } from './state-writer.ts'

const sessionsColl = 'broker_sessions'
const queueColl = 'broker_queue'

/** A document has at most 262,144 bytes, base64 takes four thirds: larger payloads are queued in memory only. */
export const maxStoredPayload = 180_000

export interface Session {
  readonly key: string
  readonly deviceId: string
  /** filter -> granted QoS; stored */
  readonly filters: Map<string, number>
  /** Packet ids of QoS 2 publishes between PUBLISH and PUBREL; `new` until the library has asked for it. */
  readonly inbound: Map<number, 'new' | 'kept'>
  readonly queue: MessageQueue
  /** has a connection */
  attached: boolean
  /** was there before the present connection */
  present: boolean
  /** epoch ms */
  usedAt: number
  storedAt: number
  removed: boolean
  committing: Promise<void> | undefined
}

interface SessionDoc {
  device: string
  used: number
  filters: [string, number][]
  inbound: number[]
}

interface MessageDoc {
  session: string
  topic: string
  payload: string
  at: number
}

/**
 * Persistent sessions (clean = 0): what they subscribed to and what waits for them. Subscriptions are durable before their SUBACK; queued
 * messages within a second, so that those acknowledged at once never reach the disk.
 */
export class Sessions {
  readonly #store: StateStore
  readonly #writer: StateWriter
  readonly #ttlMs: number
  readonly #maxPerDevice: number
  readonly #lost: () => void
  readonly #sessions = new Map<string, Session>()
  readonly #byDevice = new Map<string, Set<Session>>()
  readonly #tree = new FilterTree()
  readonly #budget: QueueBudget
  #sequence = 0

  /** `maxPerDevice` 0 = no limit */
  constructor(o: {
    store: StateStore
    writer: StateWriter
    ttlMs: number
    maxPerDevice: number
    maxBytes: number
    lost: () => void
  }) {
    this.#store = o.store
    this.#writer = o.writer
    this.#ttlMs = o.ttlMs
    this.#maxPerDevice = o.maxPerDevice
    this.#lost = o.lost
    this.#budget = { bytes: 0, maxBytes: o.maxBytes }
  }

  get count(): number {
    return this.#sessions.size
  }

  get queued(): number {
    let queued = 0
    for (const { queue } of this.#sessions.values()) queued += queue.size
    return queued
  }

  async load(now: number): Promise<void> {
    await this.#store.declare(sessionsColl, {})
    await this.#store.declare(queueColl, {})
    for await (const { id, doc } of allOf<SessionDoc>(this.#store, sessionsColl)) {
      const session = this.#create(id, doc.device, doc.used)
      session.storedAt = doc.used
      for (const packetId of doc.inbound) session.inbound.set(packetId, 'kept')
      for (const [filter, qos] of doc.filters) {
        session.filters.set(filter, qos)
        if (qos > 0) this.#tree.add(filter, id, qos)
      }
    }
    for await (const { id, doc } of allOf<MessageDoc>(this.#store, queueColl)) {
      this.#sequence = Math.max(this.#sequence, Number.parseInt(id, 36))
      const { topic, at } = doc
      const session = this.#sessions.get(doc.session)
      if (!session) this.#writer.forget(queueColl, id)
      else session.queue.push({ topic, payload: Buffer.from(doc.payload, 'base64'), retain: false, at, stored: id, id: 0 })
    }
    this.sweep(now)
    for (const deviceId of this.#byDevice.keys()) this.#trim(deviceId)
  }

  get(key: string): Session | undefined {
    return this.#sessions.get(key)
  }

  /** The session of a key for a new connection, made if there is none. */
  open(key: string, deviceId: string, now: number): Session {
    const found = this.#sessions.get(key)
    // An id that went to another device starts anew: subscriptions are not inherited.
    if (found && !this.#expired(found, now) && found.deviceId === deviceId) {
      found.attached = found.present = true
      this.#touch(found, now)
      return found
    }
    if (found) this.#drop(found)
    const session = this.#create(key, deviceId, now)
    session.attached = true
    this.#later(session)
    this.#trim(deviceId)
    return session
  }

  /** The connection ended. What the library had not yet taken over of a QoS 2 exchange starts anew. */
  detach(session: Session, now: number): void {
    session.attached = false
    for (const [id, state] of session.inbound) if (state === 'new') session.inbound.delete(id)
    if (session.removed) return
    this.#touch(session, now)
    this.#trim(session.deviceId)
  }

  /** Resolves when the removal is durable. */
  async remove(key: string): Promise<void> {
    const session = this.#sessions.get(key)
    if (!session) return
    this.#drop(session)
    await this.#writer.commit({ op: 'delete', coll: sessionsColl, id: key })
  }

  /** Whether a stored session has a matching filter of QoS 1. */
  wants(topic: string): boolean {
    return this.#tree.match(topic) !== undefined
  }

  deviceOf(key: string): string | undefined {
    return this.#sessions.get(key)?.deviceId
  }

  async purge(deviceId: string): Promise<void> {
    await Promise.all([...(this.#byDevice.get(deviceId) ?? [])].map(({ key }) => this.remove(key)))
  }

  /** Resolves when durable; calls of one turn share a write. */
  subscribe(session: Session, filters: Iterable<readonly [filter: string, qos: number]>): Promise<void> {
    for (const [filter, qos] of filters) {
      session.filters.set(filter, qos)
      this.activate(session, filter, qos)
    }
    return this.#commit(session)
  }

  unsubscribe(session: Session, filters: readonly string[]): Promise<void> {
    let found = false
    for (const filter of filters) {
      found = session.filters.delete(filter) || found
      this.#tree.remove(filter, session.key)
    }
    return found ? this.#commit(session) : done
  }

  /** Messages are queued for the filter from now on: with QoS 0 or -1 they are not. */
  activate(session: Session, filter: string, qos: number): void {
    if (qos > 0 && !session.removed) this.#tree.add(filter, session.key, qos)
    else this.#tree.remove(filter, session.key)
  }

  match(topic: string): Map<string, number> | undefined {
    return this.#tree.match(topic)
  }

  enqueue(key: string, message: { topic: string; payload: Uint8Array; at: number }): void {
    const session = this.#sessions.get(key)
    if (!session) return
    const { topic, payload, at } = message
    const stored = payload.length > maxStoredPayload ? '' : (++this.#sequence).toString(36).padStart(11, '0')
    if (stored) {
      const doc = (): MessageDoc => ({ session: key, topic, payload: Buffer.from(payload).toString('base64'), at })
      this.#writer.later({ op: 'put', coll: queueColl, id: stored, doc })
    }
    session.queue.push({ topic, payload, retain: false, at, stored, id: 0 })
  }

  inboundChanged(session: Session): void {
    this.#later(session)
  }

  sweep(now: number): void {
    for (const session of this.#sessions.values()) {
      if (session.attached) this.#touch(session, now)
      else if (this.#expired(session, now)) this.#discard(session)
      else session.queue.expire(now)
    }
  }

  #create(key: string, deviceId: string, now: number): Session {
    const session: Session = {
      key,
      deviceId,
      filters: new Map(),
      inbound: new Map(),
      queue: new MessageQueue({
        budget: this.#budget,
        removed: ({ stored }, lost) => {
          if (stored) this.#writer.forget(queueColl, stored)
          if (lost) this.#lost()
        },
      }),
      attached: false,
      present: false,
      usedAt: now,
      storedAt: 0,
      removed: false,
      committing: undefined,
    }
    this.#sessions.set(key, session)
    const own = this.#byDevice.get(deviceId)
    if (own) own.add(session)
    else this.#byDevice.set(deviceId, new Set([session]))
    return session
  }

  #drop(session: Session): void {
    session.removed = true
    session.queue.clear()
    for (const filter of session.filters.keys()) this.#tree.remove(filter, session.key)
    this.#sessions.delete(session.key)
    const own = this.#byDevice.get(session.deviceId)
    if (own?.delete(session) && !own.size) this.#byDevice.delete(session.deviceId)
  }

  #discard(session: Session): void {
    this.#drop(session)
    this.#writer.later({ op: 'delete', coll: sessionsColl, id: session.key })
  }

  /** Of too many sessions of a device those unused the longest go; one with a connection never does. */
  #trim(deviceId: string): void {
    const own = this.#byDevice.get(deviceId)
    const excess = (own?.size ?? 0) - this.#maxPerDevice
    if (!own || !deviceId || !this.#maxPerDevice || excess <= 0) return
    const idle = [...own].filter(({ attached }) => !attached).sort((a, b) => a.usedAt - b.usedAt)
    for (const session of idle.slice(0, excess)) this.#discard(session)
  }

  #expired({ attached, usedAt }: Session, now: number): boolean {
    return !attached && usedAt + this.#ttlMs <= now
  }

  /** The stored time of use may lag by a quarter of the life, or every connect would cost a write. */
  #touch(session: Session, now: number): void {
    session.usedAt = now
    if (now - session.storedAt > this.#ttlMs / 4) this.#later(session)
  }

  #later(session: Session): void {
    if (session.removed) return
    session.storedAt = session.usedAt
    this.#writer.later({ op: 'put', coll: sessionsColl, id: session.key, doc: () => docOf(session) })
  }

  #commit(session: Session): Promise<void> {
    if (session.removed) return done
    session.committing ??= Promise.resolve().then(() => {
      session.committing = undefined
      if (session.removed) return
      session.storedAt = session.usedAt
      return this.#writer.commit({ op: 'put', coll: sessionsColl, id: session.key, doc: docOf(session) })
    })
    return session.committing
  }
}

const done = Promise.resolve()

const docOf = ({ deviceId, usedAt, filters, inbound }: Session): SessionDoc => ({
  device: deviceId,
  used: usedAt,
  filters: [...filters],
  inbound: [...inbound.keys()],
})
