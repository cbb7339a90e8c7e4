import { LoomError } from '../errors.ts'
import { isConflict } from '../identity/identity-store.ts'
import type { DpsBook, StoredOperation } from './dps-book.ts'
import type { Recorder } from './dps-record.ts'
import { checkVerdict } from './hook-verdict.ts'
import type { Verdict } from './provisioning-port.ts'

/** A registration that waits for a person. */
export interface PendingApproval {
  operationId: string
  registrationId: string
  enrolmentId: string
  attestation: { kind: 'sas' | 'x509'; fingerprint?: string; subject?: string }
  payload?: unknown
  /** why it is not simply let in */
  suspicion?: string
  ip: string
  /** epoch ms */
  since: number
  /** after that it has failed */
  until: number
}

export interface Approvals {
  /** Registrations that wait, by registration id. */
  pending(o?: { limit?: number; cursor?: string }): Promise<{ items: PendingApproval[]; next?: string }>
  /** Goes on with it; what `verdict` says wins over the hook's and the enrolment's. PROV_NO_OPERATION if nothing waits by that id, PROV_INVALID. */
  approve(o: { operationId: string; by: string; verdict?: Omit<Verdict, 'allow'> }): Promise<void>
  /** The device hears a short form of the reason. PROV_NO_OPERATION. */
  deny(o: { operationId: string; by: string; reason?: string }): Promise<void>
}

const maxTries = 5

export function createApprovals(o: {
  book: DpsBook
  record: Recorder
  isOverdue(stored: StoredOperation): boolean
  lifeMs: number
  /** takes an operation up again */
  again(key: string): void
}): Approvals {
  const { book, record } = o

  const decide = async (operationId: string, write: (stored: StoredOperation) => Promise<unknown>): Promise<string> => {
    for (let tries = 1; ; tries++) {
      const stored = await book.operationById(String(operationId))
      if (stored?.doc.state !== 'PENDING_APPROVAL' || stored.doc.approval || o.isOverdue(stored))
        throw new LoomError('PROV_NO_OPERATION', `nothing waits under ${JSON.stringify(String(operationId).slice(0, 80))}`)
      try {
        await write(stored)
        return stored.id
      } catch (error) {
        if (!isConflict(error) || tries === maxTries) throw error
      }
    }
  }

  return {
    async pending({ limit = 100, cursor } = {}) {
      const page = await book.page({ where: ['state', '=', 'PENDING_APPROVAL'], limit, ...(cursor !== undefined && { cursor }) })
      return {
        items: page.items.filter(({ doc }) => !doc.approval).map(stored => viewOf(stored, o.lifeMs)),
        ...(page.next !== undefined && { next: page.next }),
      }
    },
    async approve({ operationId, by, verdict }) {
      const checked = verdict && checkVerdict({ ...verdict, allow: true })
      o.again(await decide(operationId, stored => record.approved(stored, { by, ...(checked && { verdict: checked }) })))
    },
    async deny({ operationId, by, reason = 'by an operator' }) {
      const shared = String(reason).slice(0, 500)
      o.again(await decide(operationId, stored => record.failed(stored, { code: 'PROV_DENIED', reason: shared, shared }, by)))
    },
  }
}

const viewOf = ({ doc }: StoredOperation, lifeMs: number): PendingApproval => ({
  operationId: doc.operationId,
  registrationId: doc.registrationId,
  enrolmentId: doc.enrolmentId,
  attestation: {
    kind: doc.proof.kind,
    ...(doc.proof.fingerprint !== undefined && { fingerprint: doc.proof.fingerprint }),
    ...(doc.proof.subject !== undefined && { subject: doc.proof.subject }),
  },
  ...(doc.payload !== undefined && { payload: doc.payload }),
  ...(doc.suspicion !== undefined && { suspicion: doc.suspicion }),
  ip: doc.ip,
  since: doc.decidingSince ?? doc.createdAt,
  until: doc.createdAt + lifeMs,
})
