import type { AuditFact } from '../guard/audit-entry.ts'
import { type AuditLog, type Checkpoint, openAuditLog } from '../guard/audit-log.ts'
import { type AuditOutbox, openAuditOutbox } from '../guard/audit-outbox.ts'
import { RefusalTally } from '../guard/refusal-tally.ts'
import type { StateStore, Write } from '../storage/state-store.ts'

/** A change as its caller tells it. */
export interface Deed {
  /** `user anna`, `node 3f2a`, `device pump-1`; default `hub` */
  by?: string | undefined
  /** `noun.verb` */
  action: string
  target: string
  detail?: Readonly<Record<string, unknown>>
}

export type AuditedStore = 'identities' | 'state'

/** The audit of a hub: one chain, fed from the outbox of each store that is written. */
export interface AuditTrail {
  readonly log: AuditLog
  /** To be put into the transaction of the change, in that store. */
  write(store: AuditedStore, deed: Deed): Write
  /** Something that has no transaction of its own. */
  note(deed: Deed): void
  /** Someone was not let in, or may not do that; `kind`: what counts as the same again. */
  refused(kind: string, deed: Deed): void
  /** Brings what was recorded into the chain; due each few seconds. Resolves with a checkpoint if one was signed. */
  drain(): Promise<Checkpoint | undefined>
  close(): Promise<void>
}

export async function openAuditTrail(o: {
  audit: StateStore
  stores: Record<AuditedStore, StateStore>
  key: Uint8Array
  now: () => number
  random: (size: number) => Buffer
}): Promise<AuditTrail> {
  const { now, random } = o
  const log = await openAuditLog({ store: o.audit, apart: o.stores.identities, key: o.key, now })
  const outboxes = new Map<AuditedStore, AuditOutbox>()
  for (const [name, store] of Object.entries(o.stores) as [AuditedStore, StateStore][])
    outboxes.set(name, await openAuditOutbox({ name, store, log, now, random }))
  const tally = new RefusalTally()
  let noted: AuditFact[] = []

  const factOf = ({ by = 'hub', action, target, detail }: Deed, result: AuditFact['result']): AuditFact => ({
    time: now(),
    actor: by,
    action,
    target,
    result,
    ...(detail && { detail }),
  })
  const drain = async (): Promise<Checkpoint | undefined> => {
    const facts = [...noted, ...tally.sweep(now())]
    noted = []
    try {
      if (facts.length) await log.append(facts)
    } catch (error) {
      // Bounded: what cannot be written for long is worth less than the hub's memory.
      noted = [...facts, ...noted].slice(-10_000)
      throw error
    }
    for (const outbox of outboxes.values()) await outbox.drain()
    const checkpoint = await log.checkpoint()
    await log.keepEnd()
    return checkpoint
  }
  if (log.found) {
    const { seq, reason, kept } = log.found
    noted.push(factOf({ action: 'audit.breach', target: 'audit', detail: { seq, reason, last: kept.seq } }, 'failed'))
  }

  return {
    log,
    write: (store, deed) => outboxes.get(store)!.record(factOf(deed, 'ok')),
    note: deed => void noted.push(factOf(deed, 'ok')),
    refused(kind, deed) {
      const first = tally.note(kind, factOf(deed, 'refused'))
      if (first) noted.push(first)
    },
    drain,
    async close() {
      noted.push(...tally.end())
      await drain()
    },
  }
}
