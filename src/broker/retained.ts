import type { StateStore } from '../storage/state-store.ts'
import { allOf } from './all-documents.ts'
import { maxStoredPayload } from './sessions.ts'
import type { StateWriter } from './state-writer.ts'
import { hasWildcard, matches } from './topic-match.ts'

const coll = 'broker_retained'
const maxTopics = 1000

export interface RetainedMessage {
  topic: string
  payload: Uint8Array
  qos: number
}

interface RetainedDoc {
  payload: string
  qos: number
  /** who published it; absent for the hub itself */
  device?: string
}

/** The last retained message of each topic, at most 1,000 topics, none that begins with `$`. Durable within a second, best effort. */
export class Retained {
  readonly #store: StateStore
  readonly #writer: StateWriter
  readonly #lost: () => void
  readonly #messages = new Map<string, RetainedMessage & { device?: string }>()
  /** by topic: whose message is on its way here through the library, which does not say */
  readonly #publishers = new Map<string, string>()

  constructor({ store, writer, lost }: { store: StateStore; writer: StateWriter; lost: () => void }) {
    this.#store = store
    this.#writer = writer
    this.#lost = lost
  }

  get count(): number {
    return this.#messages.size
  }

  async load(): Promise<void> {
    await this.#store.declare(coll, {})
    for await (const { id: topic, doc } of allOf<RetainedDoc>(this.#store, coll))
      this.#messages.set(topic, { ...doc, topic, payload: Buffer.from(doc.payload, 'base64') })
  }

  /** The next message that is kept for the topic is this device's. */
  expect(topic: string, device: string): void {
    // Some never come: their connection ended, or a QoS 2 exchange did not.
    if (this.#publishers.size >= maxTopics) this.#publishers.clear()
    this.#publishers.set(topic, device)
  }

  /** Forgets what a device published. */
  purge(device: string): void {
    for (const { topic, device: publisher } of [...this.#messages.values()])
      if (publisher === device) this.keep({ topic, payload: Buffer.alloc(0), qos: 0 })
  }

  /** An empty payload removes the topic's message [MQTT-3.3.1-10]. */
  keep({ topic, payload, qos }: RetainedMessage): void {
    const device = this.#publishers.get(topic)
    this.#publishers.delete(topic)
    if (topic.startsWith('$')) return
    if (!payload.length) {
      if (this.#messages.delete(topic)) this.#writer.later({ op: 'delete', coll, id: topic })
      return
    }
    if (!this.#messages.has(topic) && this.#messages.size >= maxTopics) {
      this.#lost()
      return
    }
    const copy = Buffer.from(payload)
    const of = device === undefined ? {} : { device }
    this.#messages.set(topic, { topic, payload: copy, qos, ...of })
    if (copy.length > maxStoredPayload) this.#writer.later({ op: 'delete', coll, id: topic })
    else this.#writer.later({ op: 'put', coll, id: topic, doc: () => ({ payload: copy.toString('base64'), qos, ...of }) })
  }

  /** Each message that one of the filters matches, once; a filter without wildcard is looked up, not searched for. */
  *matching(filters: readonly string[]): Generator<RetainedMessage> {
    const given = new Set<string>()
    for (const filter of filters) {
      const exact = hasWildcard(filter) ? undefined : this.#messages.get(filter)
      const found = exact
        ? [exact]
        : hasWildcard(filter)
          ? [...this.#messages.values()].filter(({ topic }) => matches(filter, topic))
          : []
      for (const message of found) {
        if (given.has(message.topic)) continue
        given.add(message.topic)
        yield message
      }
    }
  }
}
