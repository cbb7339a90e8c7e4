import { codes, type ErrorCode } from '../errors.ts'
import type { Write } from '../storage/state-store.ts'
import { type DpsBook, hourMs, type Operation, type StoredOperation } from './dps-book.ts'
import type { DpsPorts, ProvisioningEvent, Registration } from './dps-port.ts'
import { advanced } from './dps-state.ts'
import type { Suspicion } from './dps-judge.ts'

export interface Refusal {
  code: ErrorCode
  /** for the log and the operator */
  reason: string
  /** for the device too */
  shared?: string
}

/** Writes the steps of operations, each with its event; STORE_VERSION_CONFLICT if somebody else was faster. */
export interface Recorder {
  started(key: string, doc: Operation, version: number | 'new'): Promise<StoredOperation>
  deciding(stored: StoredOperation): Promise<StoredOperation>
  pending(stored: StoredOperation, suspicion: Suspicion | undefined): Promise<StoredOperation>
  approved(stored: StoredOperation, approval: NonNullable<Operation['approval']>): Promise<StoredOperation>
  failed(stored: StoredOperation, refusal: Refusal, by?: string): Promise<StoredOperation>
  /** `make` makes the device and these writes, in one transaction where it can. */
  assigned(
    stored: StoredOperation,
    o: { registration: Registration; before: Registration | undefined; make(writes: readonly Write[]): Promise<void> },
  ): Promise<void>
  /** Tells only: nothing is written. */
  tell(doc: Operation, event: Pick<ProvisioningEvent, 'type'> & Partial<ProvisioningEvent>): void
}

const shortText = 100

export function createRecorder({ now, events, also }: Pick<DpsPorts, 'now' | 'events' | 'also'>, book: DpsBook): Recorder {
  const eventOf = (doc: Operation, more: Partial<ProvisioningEvent>): ProvisioningEvent => ({
    type: 'state',
    state: doc.state,
    operationId: doc.operationId,
    registrationId: doc.registrationId,
    enrolmentId: doc.enrolmentId,
    by: `registration ${doc.registrationId}`,
    ip: doc.ip,
    at: now(),
    ...more,
  })
  const put = async (stored: StoredOperation, doc: Operation, told: readonly ProvisioningEvent[]): Promise<StoredOperation> => {
    const after = await book.put(stored.id, doc, stored.version, writesOf(told), 'provisioning')
    for (const event of told) events(event)
    return after
  }
  const writesOf = (told: readonly ProvisioningEvent[]): Write[] => told.flatMap(event => also?.(event) ?? [])

  return {
    async started(key, doc, version) {
      const told = [eventOf(doc, {})]
      const stored = await book.put(key, doc, version, writesOf(told), 'provisioning')
      for (const event of told) events(event)
      return stored
    },
    deciding: stored => {
      const { doc } = stored
      return doc.decidingSince === undefined
        ? put(stored, { ...doc, decidingSince: now(), updatedAt: now() }, [])
        : Promise.resolve(stored)
    },
    pending(stored, suspicion) {
      const { doc } = stored
      const after: Operation = {
        ...doc,
        state: advanced(doc.state, 'PENDING_APPROVAL'),
        decidingSince: doc.decidingSince ?? now(),
        updatedAt: now(),
        ...(suspicion && { suspicion: suspicion.reason }),
      }
      const reason = suspicion?.reason ?? 'the enrolment asks for approval'
      const told = [eventOf(after, { reason })]
      if (suspicion?.clone) told.push(eventOf(after, { type: 'clone-suspected', reason }))
      return put(stored, after, told)
    },
    approved: (stored, approval) => put(stored, { ...stored.doc, approval, updatedAt: now() }, []),
    failed(stored, { code, reason, shared }, by) {
      const { doc } = stored
      const text = codes[code][1]
      const after: Operation = {
        ...doc,
        state: advanced(doc.state, 'DENIED'),
        status: 'failed',
        failure: { code, message: shared ? `${text}: ${shared.slice(0, shortText)}` : text },
        updatedAt: now(),
        keepUntil: now() + hourMs,
      }
      return put(stored, after, [eventOf(after, { code, reason, ...(by !== undefined && { by }) })])
    },
    async assigned(stored, { registration, before, make }) {
      const { doc, id, version } = stored
      const issued = advanced(doc.state, 'ISSUED')
      const after: Operation = {
        ...doc,
        state: advanced(issued, 'ACTIVE'),
        status: 'assigned',
        registration,
        updatedAt: now(),
        keepUntil: now() + hourMs,
      }
      const { deviceId, hub, substatus } = registration
      const by = doc.approval && { by: doc.approval.by }
      const told = [
        eventOf(after, { state: issued, deviceId, hub, substatus, ...by }),
        eventOf(after, { deviceId, hub, substatus }),
      ]
      await make([...book.endWrites(id, { doc: after, version, registration }), ...writesOf(told)])
      book.counted(registration, before)
      for (const event of told) events(event)
    },
    tell: (doc, event) => events(eventOf(doc, event)),
  }
}
