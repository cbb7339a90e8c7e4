import type { StateStore } from '../storage/state-store.ts'
import { allOf } from './all-documents.ts'
import type { Connection } from './broker-port.ts'
import type { StateWriter } from './state-writer.ts'

const coll = 'broker_wills'

export interface Will {
  topic: string
  payload: Uint8Array
  qos: 0 | 1 | 2
  retain: boolean
}

interface WillDoc {
  connection: Connection
  topic: string
  payload: string
  qos: 0 | 1 | 2
  retain: boolean
}

/**
 * Wills of live connections, so that a crash of the broker counts as their end. Kept by connection, not by client id: the will of a connection
 * that was taken over must not take its successor's along.
 */
export class Wills {
  readonly #store: StateStore
  readonly #writer: StateWriter

  constructor({ store, writer }: { store: StateStore; writer: StateWriter }) {
    this.#store = store
    this.#writer = writer
  }

  /** Resolves when durable. */
  keep(connection: Connection, { topic, payload, qos, retain }: Will): Promise<void> {
    const doc: WillDoc = { connection, topic, payload: Buffer.from(payload).toString('base64'), qos, retain }
    return this.#writer.commit({ op: 'put', coll, id: connection.id, doc })
  }

  forget(connectionId: string): void {
    this.#writer.later({ op: 'delete', coll, id: connectionId })
  }

  /** Those a crash left behind. */
  async left(): Promise<{ connection: Connection; will: Will }[]> {
    await this.#store.declare(coll, {})
    const left: { connection: Connection; will: Will }[] = []
    for await (const { doc } of allOf<WillDoc>(this.#store, coll)) {
      const { connection, topic, qos, retain } = doc
      left.push({ connection, will: { topic, payload: Buffer.from(doc.payload, 'base64'), qos, retain } })
    }
    return left
  }
}
