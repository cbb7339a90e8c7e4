import type { JournalPort, NewRecord, RecordKind } from '../journal/journal-port.ts'
import type { StateStore, Write } from '../storage/state-store.ts'

const coll = 'journal_outbox'
const batch = 500

/** An event of a device on its way to the journal. */
export interface OutboxEvent {
  kind: RecordKind
  device: string
  payload: object
  /** application properties that filters and flows see */
  props?: Record<string, string>
}

export interface JournalOutbox {
  /** A write that tells the journal of a change, for the transaction of that change: both happen or neither does. */
  write(event: OutboxEvent): Write
  /** Moves what was written to the journal, in order; one at a time, calls during it share one further look. */
  drain(): Promise<void>
}

interface Waiting {
  kind: RecordKind
  device: string
  /** JSON text */
  text: string
  props?: Record<string, string>
}

/**
 * Events of the state store's own changes for the journal. A crash between the two files loses none; one that was appended and not yet removed here is known
 * by its key while the journal's newest two files last. What an earlier run left is moved by the first `drain`.
 */
export async function openJournalOutbox(o: {
  state: StateStore
  journal: Pick<JournalPort, 'append'>
  now: () => number
  random: (size: number) => Buffer
}): Promise<JournalOutbox> {
  const { state, journal } = o
  await state.declare(coll, {})
  // The random part: a clock that was set back must not give an id twice.
  const prefix = `${String(o.now()).padStart(15, '0')}-${o.random(6).toString('hex')}`
  let count = 0
  let running: Promise<void> | undefined
  let again = false

  const append = (id: string, { kind, device, text, props = {} }: Waiting): Promise<void> => {
    const record: NewRecord = {
      kind,
      device,
      topic: '',
      qos: 1,
      flags: 0,
      props: { v: 1, p: props, s: {}, e: {} },
      payload: Buffer.from(text),
      idempotencyKey: `state/${id}`,
    }
    return new Promise((resolve, reject) => journal.append(record, error => (error ? reject(error) : resolve())))
  }
  const move = async (): Promise<void> => {
    while (true) {
      const { items } = await state.query<Waiting>(coll, { limit: batch })
      if (!items.length) return
      await Promise.all(items.map(({ id, doc }) => append(id, doc)))
      await state.tx(
        items.map(({ id }): Write => ({ op: 'delete', coll, id })),
        { by: 'hub' },
      )
    }
  }
  const drain = async (): Promise<void> => {
    do {
      again = false
      await move()
    } while (again)
  }

  return {
    write({ kind, device, payload, props }) {
      const id = `${prefix}-${String(++count).padStart(9, '0')}`
      const doc: Waiting = { kind, device, text: JSON.stringify(payload), ...(props && { props }) }
      return { op: 'put', coll, id, doc, version: 'new' }
    },
    drain() {
      if (running) again = true
      running ??= drain().finally(() => (running = undefined))
      return running
    },
  }
}
