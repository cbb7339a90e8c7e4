import type { StateStore, Write } from '../storage/state-store.ts'
import type { AuditFact } from './audit-entry.ts'
import type { AuditLog } from './audit-log.ts'
import { redacted } from './redact.ts'

const coll = 'audit_outbox'
const batch = 500

export interface AuditOutbox {
  /** A write that records the fact in the transaction of the change it is about: both happen or neither does. */
  record(fact: AuditFact): Write
  /** Moves what was recorded to the chain, in order; after a crash between the two files nothing is lost or doubled. */
  drain(): Promise<void>
}

/** The audit outbox of one store; what an earlier run left in it is moved first. `name`: stable, unique among the stores of a hub. */
export async function openAuditOutbox(o: {
  name: string
  store: StateStore
  log: AuditLog
  now: () => number
  random: (size: number) => Buffer
}): Promise<AuditOutbox> {
  const { name, store, log } = o
  await store.declare(coll, {})
  // The random part: a clock that was set back must not give an id twice, or the second fact would be taken for the first.
  const prefix = `${String(o.now()).padStart(15, '0')}-${o.random(6).toString('hex')}`
  let count = 0
  let running: Promise<void> | undefined
  let again = false

  const move = async (): Promise<void> => {
    while (true) {
      const { items } = await store.query<AuditFact>(coll, { limit: batch })
      if (!items.length) return
      await log.append(items.map(({ id, doc }) => ({ ...doc, source: `${name}/${id}` })))
      await store.tx(
        items.map(({ id }): Write => ({ op: 'delete', coll, id })),
        { by: 'audit' },
      )
    }
  }
  const drain = async (): Promise<void> => {
    do {
      again = false
      await move()
    } while (again)
  }

  await drain()
  return {
    record({ detail, ...fact }) {
      const id = `${prefix}-${String(++count).padStart(9, '0')}`
      return { op: 'put', coll, id, doc: { ...fact, ...(detail && { detail: redacted(detail) }) }, version: 'new' }
    },
    drain() {
      if (running) again = true
      running ??= drain().finally(() => (running = undefined))
      return running
    },
  }
}
