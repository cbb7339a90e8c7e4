import { createHash } from 'node:crypto'
import { LoomError } from '../errors.ts'
import { isConflict } from '../identity/identity-store.ts'
import { Lru } from '../identity/lru.ts'
import { createApprovals } from './approval.ts'
import type { Attested } from './attest.ts'
import { DpsBook, hourMs, keyOfRegistration, type Operation, operationView, type StoredOperation } from './dps-book.ts'
import type { Dps, DpsPorts } from './dps-port.ts'
import { createWorkQueue } from './dps-queue.ts'
import { createDpsRate } from './dps-rate.ts'
import { createRecorder } from './dps-record.ts'
import { advanced } from './dps-state.ts'
import { createDpsWorker, isOverdue } from './dps-work.ts'
import { isRegistrationId } from './enrolment-check.ts'
import type { Enrolment } from './enrolment.ts'
import { basisOfAttestation } from './enrolment-attestation.ts'
import { isObject, jsonCopy } from './enrolment-values.ts'
import { payloadBytes } from './hook-verdict.ts'

/** How long a finished operation whose result nobody fetched is given to a repeated register: a PUBLISH may come twice. */
const repeatMs = 30_000
const maxTries = 3

/** Opens the service and goes on with what an earlier run left unfinished. */
export async function createDps(ports: DpsPorts): Promise<Dps> {
  const { now, enrolments, random } = ports
  const { concurrent = 8, open: mostOpen = 1000 } = ports.limits ?? {}
  const book = new DpsBook(ports.store)
  await book.open()
  const record = createRecorder(ports, book)
  const open = new Set<string>()
  /** operations whose end their device has heard */
  const told = new Lru<string, true>(10_000)
  const mayBegin = createDpsRate()
  const again = (key: string): void => queue.add(key)
  const ended = (key: string): void => void open.delete(key)
  const worker = createDpsWorker({ ports, book, record, again, ended })
  const queue = createWorkQueue({ concurrent, work: key => worker.work(key) })
  const approvals = createApprovals({ book, record, isOverdue: ({ doc }) => isOverdue(doc, now()), lifeMs: hourMs, again })

  const removeOld = async (): Promise<void> => {
    const old = () => book.page({ where: ['keepUntil', '<', now()] })
    try {
      for (let { items } = await old(); items.length > 0; { items } = await old()) await book.remove(items)
    } catch (error) {
      // one of them registers again: the next sweep takes the rest
      if (!isConflict(error)) throw error
    }
  }

  const resume = async (): Promise<void> => {
    for (let cursor: string | undefined; ; ) {
      const page = await book.page({ where: ['status', '=', 'assigning'], ...(cursor !== undefined && { cursor }) })
      for (const { id } of page.items) {
        open.add(id)
        again(id)
      }
      if (page.next === undefined) return
      cursor = page.next
    }
  }

  /** The one to go on with, or undefined: begin anew. */
  const running = (stored: StoredOperation | undefined, who: Attested): StoredOperation | undefined => {
    if (!stored) return undefined
    const { doc } = stored
    const same = doc.enrolmentId === who.enrolmentId && doc.proof.kind === who.kind && doc.proof.spkiHash === who.spkiHash
    if (doc.status !== 'assigning')
      return same && !told.get(doc.operationId) && now() < doc.updatedAt + repeatMs ? stored : undefined
    if (same) return stored
    record.tell(doc, { type: 'clone-suspected', reason: 'another proof registers at the same time' })
    throw new LoomError('PROV_THROTTLED', `"${who.registrationId}" is being registered by somebody else`)
  }

  const begin = async (
    who: Attested,
    enrolment: Enrolment,
    stored: StoredOperation | undefined,
    o: Begin,
  ): Promise<StoredOperation> => {
    const key = keyOfRegistration(who.registrationId)
    if (open.size >= mostOpen && !open.has(key)) throw new LoomError('PROV_THROTTLED', `${mostOpen} registrations are open`)
    const at = now()
    // per enrolment too: another's proof of the same id must not use up the device's
    if (!mayBegin(`${who.enrolmentId}|${key}`, at))
      throw new LoomError('PROV_THROTTLED', `"${who.registrationId}" registers too often`)
    const { enrolmentId, registrationId, kind, fingerprint, spkiHash, subject, certificatePem } = who
    const doc: Operation = {
      operationId: operationIdOf(key, random),
      registrationId,
      enrolmentId,
      proof: {
        kind,
        ...(fingerprint !== undefined && { fingerprint }),
        ...(spkiHash !== undefined && { spkiHash }),
        ...(subject !== undefined && { subject }),
        ...(certificatePem !== undefined && { certificatePem }),
      },
      basis: basisOfAttestation(enrolment.attestation),
      state: advanced(stored?.doc.state ?? 'UNKNOWN', 'CLAIM_VERIFIED'),
      status: 'assigning',
      ...(o.payload !== undefined && { payload: o.payload }),
      ip: o.ip,
      ...(o.sniHost !== undefined && { sniHost: o.sniHost }),
      createdAt: at,
      updatedAt: at,
      // past its hour, so that the sweep ends it before it removes it
      keepUntil: at + 2 * hourMs,
    }
    open.add(key)
    try {
      return await record.started(key, doc, stored?.version ?? 'new')
    } catch (error) {
      open.delete(key)
      throw error
    }
  }

  await resume()
  return {
    ...approvals,
    async register(who, { body, ip, sniHost }) {
      const payload = payloadOf(who, body)
      const enrolment = await enrolments.find(who.enrolmentId)
      if (!enrolment) throw new LoomError('PROV_NO_ENROLMENT', `"${who.registrationId}"`)
      if (!enrolment.enabled) throw new LoomError('PROV_DISABLED', `"${who.registrationId}"`)
      if (who.enrolmentUpdatedAt !== undefined && who.enrolmentUpdatedAt !== enrolment.updatedAt)
        throw new LoomError('CRED_UNKNOWN', `"${who.registrationId}"`, { hint: 'its enrolment was changed: connect again' })
      const key = keyOfRegistration(who.registrationId)
      for (let tries = 1; ; tries++) {
        const stored = await book.operation(key)
        const known = running(stored, who)
        if (known) return operationView(known, now())
        try {
          const begun = await begin(who, enrolment, stored, { payload, ip, ...(sniHost !== undefined && { sniHost }) })
          again(key)
          return operationView(begun, now())
        } catch (error) {
          if (!isConflict(error) || tries === maxTries) throw error
        }
      }
    },
    async status(who, { operationId }) {
      const key = keyOfRegistration(who.registrationId)
      const stored = await book.operation(key)
      if (stored?.doc.operationId !== operationId || stored.doc.keepUntil <= now())
        throw new LoomError('PROV_NO_OPERATION', `"${String(operationId).slice(0, 80)}" of "${who.registrationId}"`)
      if (stored.doc.status !== 'assigning') told.set(operationId, true)
      else if (isOverdue(stored.doc, now())) again(key)
      return operationView(stored, now())
    },
    async lookup(who) {
      const registration = await book.registration(keyOfRegistration(who.registrationId))
      const same =
        registration?.enrolmentId === who.enrolmentId &&
        registration.kind === who.kind &&
        registration.spkiHash === who.spkiHash &&
        (await enrolments.find(who.enrolmentId))?.enabled
      if (!same) throw new LoomError('PROV_NO_OPERATION', `"${who.registrationId}" is not assigned`)
      return registration
    },
    async registrations(query = {}) {
      const { items, next } = await book.registrations(query)
      return { items: items.map(({ doc: { payload: _, ...rest } }) => rest), ...(next !== undefined && { next }) }
    },
    async forget(registrationId, how = {}) {
      if (!isRegistrationId(registrationId)) throw new LoomError('PROV_INVALID', 'the registration id')
      return book.forget(keyOfRegistration(registrationId), how)
    },
    async sweep() {
      for (const key of [...open]) {
        const stored = await book.operation(key)
        if (stored?.doc.status !== 'assigning' || isOverdue(stored.doc, now())) again(key)
      }
      await removeOld()
    },
    idle: () => queue.idle(),
    async close() {
      worker.close()
      queue.stop()
      await queue.idle()
    },
  }
}

interface Begin {
  payload: unknown
  ip: string
  sniHost?: string
}

/** The custom payload of a register request. REQUEST_INVALID. */
function payloadOf({ registrationId }: Attested, body: unknown): unknown {
  if (body === undefined) return undefined
  if (!isObject(body)) throw new LoomError('REQUEST_INVALID', 'the body', { hint: 'it is a JSON object' })
  if (body.tpm !== undefined) throw new LoomError('REQUEST_INVALID', 'tpm', { hint: 'attestation by TPM is not offered' })
  const named = body.registrationId
  if (named !== undefined && (typeof named !== 'string' || named.toLowerCase() !== registrationId.toLowerCase()))
    throw new LoomError('REQUEST_INVALID', 'registrationId', { hint: `it is "${registrationId}" on this connection` })
  return body.payload === undefined ? undefined : jsonCopy(body.payload, 'payload', payloadBytes)
}

/** In the form that Azure's have: a version, 16 digits of the registration, a UUID. Nobody can guess one. */
function operationIdOf(key: string, random: (size: number) => Buffer): string {
  const uuid = random(16)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
  return `5.${createHash('sha256').update(key).digest('hex').slice(0, 16)}.${uuid}`
}
