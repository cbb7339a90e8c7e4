import { isConflict } from '../identity/identity-store.ts'
import type { StateStore, Write } from '../storage/state-store.ts'
import { createSerial } from './fleet-provisioning-serial.ts'

export interface MisuseLimit {
  rejects: number
  windowMs: number
}

interface MisuseDoc {
  /** in all */
  rejected: number
  /** in the window that began at `since` */
  lately: number
  since: number
  lastAt: number
}

export interface ClaimMisuse {
  of(id: string, now: number): Promise<{ rejected: number; rejectedLately: number; lastRejectedAt?: number }>
  /** Counts one; at the limit the writes of `disable` go with it. True if the claim was disabled by this one. */
  count(id: string, now: number, disable: () => Promise<Write[] | undefined>): Promise<boolean>
}

export const misuseColl = 'claim_misuse'

/** How often a claim was refused. It is written each time: the limit bounds how often that can be. */
export function createClaimMisuse(store: StateStore, { rejects, windowMs }: MisuseLimit): ClaimMisuse {
  const serial = createSerial()
  const read = (id: string) => store.get<MisuseDoc>(misuseColl, id)
  const fresh = ({ since }: MisuseDoc, now: number) => now - since < windowMs

  const once = async (id: string, now: number, disable: () => Promise<Write[] | undefined>): Promise<boolean> => {
    const before = (await read(id))?.doc ?? { rejected: 0, lately: 0, since: now, lastAt: now }
    const window = fresh(before, now) ? { lately: before.lately + 1, since: before.since } : { lately: 1, since: now }
    const doc: MisuseDoc = { rejected: before.rejected + 1, ...window, lastAt: now }
    const writes = rejects > 0 && doc.lately >= rejects ? await disable() : undefined
    await store.tx([{ op: 'put', coll: misuseColl, id, doc }, ...(writes ?? [])], { by: 'claim misuse' })
    return writes !== undefined
  }

  return {
    async of(id, now) {
      const doc = (await read(id))?.doc
      if (!doc) return { rejected: 0, rejectedLately: 0 }
      return { rejected: doc.rejected, rejectedLately: fresh(doc, now) ? doc.lately : 0, lastRejectedAt: doc.lastAt }
    },
    count: (id, now, disable) =>
      serial(async () => {
        for (let tries = 1; ; tries++) {
          try {
            return await once(id, now, disable)
          } catch (error) {
            // an operator changed the claim meanwhile
            if (!isConflict(error) || tries === 3) throw error
          }
        }
      }),
  }
}
