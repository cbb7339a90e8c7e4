import type { StateStore } from '../storage/state-store.ts'
import type { Checkpoint, CheckpointSigner } from './audit-checkpoint.ts'

const coll = 'audit_anchor'
const mostBreaches = 10

/** The chain that was opened is not the one whose end was kept. */
export interface Breach {
  /** the first entry that is missing or another one */
  seq: number
  reason: string
  /** epoch ms */
  foundAt: number
  kept: Checkpoint
}

/**
 * The end of the chain, signed, in another store than the chain: an audit file that was cut off, replaced or rolled back is found when it is opened. What was
 * found stays until a person accepts it, also if the right file comes back: what was recorded meanwhile is then missing.
 */
export interface AuditAnchor {
  /** the first is the oldest */
  readonly breaches: readonly Breach[]
  /** found by this opening */
  readonly found: Breach | undefined
  /** Resolves when durable; nothing if that end is kept already. */
  keep(end: { seq: number; hash: string }): Promise<void>
  /** Why the chain is not the one that was kept, or undefined. */
  faultOf(chain: Chain): Promise<Pick<Breach, 'seq' | 'reason'> | undefined>
  accept(): Promise<readonly Breach[]>
}

interface Chain {
  head: { seq: number; hash: string }
  hashAt(seq: number): Promise<string | undefined>
}

export async function openAuditAnchor(o: {
  store: StateStore
  signer: CheckpointSigner
  now: () => number
  chain: Chain
}): Promise<AuditAnchor> {
  const { store, signer, now } = o
  await store.declare(coll, {})
  let kept = (await store.get<Checkpoint>(coll, 'end'))?.doc
  let { breaches } = (await store.get<{ breaches: Breach[] }>(coll, 'breaches'))?.doc ?? { breaches: [] }

  const faultOf = async ({ head, hashAt }: Chain): Promise<Pick<Breach, 'seq' | 'reason'> | undefined> => {
    if (!kept) return undefined
    if (!signer.isSigned(kept)) return { seq: 1, reason: 'the end that was kept apart was not signed by this hub' }
    if (kept.seq > head.seq) return { seq: head.seq + 1, reason: 'the end of the chain is missing' }
    const hash = kept.seq === head.seq ? head.hash : await hashAt(kept.seq)
    return hash === kept.hash ? undefined : { seq: kept.seq, reason: 'the chain was written anew after its end was kept apart' }
  }
  const keep = async (end: { seq: number; hash: string }): Promise<void> => {
    if (kept?.seq === end.seq && kept.hash === end.hash) return
    const next = signer.sign({ seq: end.seq, hash: end.hash, time: now() })
    await store.put(coll, 'end', next, { by: 'audit' })
    kept = next
  }

  const fault = await faultOf(o.chain)
  const found = fault && kept && { ...fault, foundAt: now(), kept }
  if (found) {
    breaches = [...breaches.slice(0, mostBreaches - 1), found]
    await store.put(coll, 'breaches', { breaches }, { by: 'audit' })
    await keep(o.chain.head)
  }
  return {
    found,
    get breaches() {
      return breaches
    },
    keep,
    faultOf,
    async accept() {
      const accepted = breaches
      if (accepted.length) await store.delete(coll, 'breaches', { by: 'audit' })
      breaches = []
      return accepted
    },
  }
}
