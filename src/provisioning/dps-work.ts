import { type ErrorCode, LoomError } from '../errors.ts'
import { isConflict } from '../identity/identity-store.ts'
import { allocatedHub } from './allocation.ts'
import type { AllowListMatch } from './allow-list.ts'
import { type DpsBook, hourMs, type Operation, type StoredOperation } from './dps-book.ts'
import { deviceIdOf, keptHub, planOf, registrationOf, suspicionOf } from './dps-judge.ts'
import type { DpsPorts, Registration } from './dps-port.ts'
import type { Recorder } from './dps-record.ts'
import { type Enrolment, thisHubName } from './enrolment.ts'
import { basisOfAttestation } from './enrolment-attestation.ts'
import { checkVerdict, mergedVerdict } from './hook-verdict.ts'
import type { ProvisioningRequest, Verdict } from './provisioning-port.ts'

const longestPauseMs = 60_000
const throttledPauseMs = 3000

/** Failures of the hub, not of the device: tried again within the operation's hour. */
const temporary = /^(STORE_|HUB_|NODE_FAULT|IDENTITY_CONFLICT)/

export const isOverdue = ({ createdAt }: Operation, now: number): boolean => now >= createdAt + hourMs

/**
 * Takes one operation as far as it can go: to its end, or to where somebody must decide. Everything it needs is in the store, so an interrupted operation goes on
 * from there; a device of this hub is made in the transaction that ends its operation.
 */
export function createDpsWorker(o: {
  ports: DpsPorts
  book: DpsBook
  record: Recorder
  /** takes the operation up again */
  again(key: string): void
  ended(key: string): void
}): { work(key: string): Promise<void>; close(): void } {
  const { ports, book, record } = o
  const { now, enrolments, devices } = ports
  /** verdicts that came, until their operation ends; lost with the process, and then asked for again */
  const answers = new Map<string, Answer>()
  const asking = new Map<string, string>()
  const tries = new Map<string, number>()
  const pauses = new Set<() => void>()
  const oneAtATime = createTurns()
  let closed = false

  const later = (key: string, ms: number): void => {
    if (closed) return
    const cancel = ports.schedule(ms, () => {
      pauses.delete(cancel)
      o.again(key)
    })
    pauses.add(cancel)
  }
  const end = (key: string): void => {
    answers.delete(key)
    tries.delete(key)
    o.ended(key)
  }
  const refuse = async (stored: StoredOperation, code: ErrorCode, reason: string, shared?: string): Promise<void> => {
    await record.failed(stored, { code, reason, ...(shared !== undefined && { shared }) })
    end(stored.id)
  }

  const step = async (key: string): Promise<void> => {
    const stored = await book.operation(key)
    if (stored?.doc.status !== 'assigning') return end(key)
    if (isOverdue(stored.doc, now())) return refuse(stored, 'PROV_HOOK_TIMEOUT', 'nobody decided within an hour')
    const operation = answered(key, stored.doc)
    const { proof, registrationId } = operation
    const enrolment = await enrolments.find(operation.enrolmentId)
    if (!enrolment) return refuse(stored, 'PROV_NO_ENROLMENT', `enrolment "${operation.enrolmentId}" is gone`)
    if (!enrolment.enabled) return refuse(stored, 'PROV_DISABLED', `enrolment "${enrolment.id}"`)
    if (operation.basis !== undefined && operation.basis !== basisOfAttestation(enrolment.attestation))
      return refuse(stored, 'CRED_UNKNOWN', `enrolment "${enrolment.id}" has other keys or certificates now`)
    const listed =
      enrolment.allowList === undefined ? undefined : await ports.allowLists.match(enrolment.allowList, registrationId)
    if (enrolment.allowList !== undefined && !listed) return refuse(stored, 'PROV_DENIED', `not on list "${enrolment.allowList}"`)

    const before = await book.registration(key)
    const verdict = mergedVerdict(operation.verdict, operation.approval?.verdict)
    const deviceId = deviceIdOf(enrolment, operation, before, verdict)
    const owner = proof.spkiHash === undefined ? undefined : await devices.ownerOfKey(proof.spkiHash)
    if (owner !== undefined && owner !== deviceId) {
      record.tell(operation, { type: 'clone-suspected', reason: `its key is that of device "${owner}"` })
      return refuse(stored, 'PKI_KEY_REUSED', `device "${owner}" has that key`)
    }
    const device = await devices.find(deviceId)
    const entry = listed?.entry
    const suspicion = suspicionOf({ enrolment, registrationKey: key, proof, before, device, entry, now: now() })

    const current: StoredOperation = { ...stored, doc: operation }
    if (enrolment.hook.enabled && !operation.verdict && !operation.askPerson)
      return ask(current, enrolment, deviceId, suspicion?.reason)
    if (!verdict.allow) {
      if (answers.get(key)?.timedOut) return refuse(current, 'PROV_HOOK_TIMEOUT', 'the flow gave no verdict')
      return refuse(current, 'PROV_DENIED', verdict.reason ?? 'by the flow', verdict.reason)
    }
    const needsPerson = suspicion !== undefined || operation.askPerson || (enrolment.approval === 'manual' && !before)
    if (needsPerson && !operation.approval) {
      if (operation.state !== 'PENDING_APPROVAL') await record.pending(current, suspicion)
      return
    }
    const finish = () => assign(current, { enrolment, before, listed, verdict, deviceId })
    await (enrolment.quota === undefined ? finish() : oneAtATime(enrolment.id, finish))
  }

  const answered = (key: string, doc: Operation): Operation => {
    const answer = answers.get(key)
    return answer?.operationId === doc.operationId && !doc.verdict ? { ...doc, ...answer.gives } : doc
  }

  const assign = async (stored: StoredOperation, judged: Judged): Promise<void> => {
    const { id: key } = stored
    const { enrolment, before } = judged
    const { quota } = enrolment
    if (quota !== undefined && before?.enrolmentId !== enrolment.id && (await book.count(enrolment.id)) >= quota)
      return refuse(stored, 'PROV_QUOTA', `enrolment "${enrolment.id}" has ${quota}`)
    try {
      await make(stored, judged)
    } catch (error) {
      if (!(error instanceof LoomError) || temporary.test(error.code)) throw error
      return refuse(stored, error.code, error.message)
    }
    end(key)
  }

  const make = async (stored: StoredOperation, { enrolment, before, listed, verdict, deviceId }: Judged): Promise<void> => {
    const { id: key, doc: operation } = stored
    const { sniHost, payload } = operation
    const { allocation } = enrolment
    const thisHub = ports.thisHub(sniHost === undefined ? {} : { sniHost })
    const named = verdict.hub?.toLowerCase() ?? keptHub(enrolment, before)
    const chosen = named ?? allocatedHub({ allocation, registrationKey: key, payload, thisHub })
    const hub = chosen === thisHub.toLowerCase() ? thisHubName : chosen
    const at = now()
    const assignedHub = hub === thisHubName ? thisHub : hub
    const etag = ports.random(8).toString('hex')
    const registration = registrationOf({ enrolment, operation, deviceId, before, verdict, hub, assignedHub, at, etag })
    const keys = enrolments.keysOf(enrolment)
    const plan = planOf({ enrolment, operation, deviceId, before, entry: listed?.entry, verdict, keys })
    const spent = listed?.entry.spentBy === undefined ? (listed?.spend({ by: key, at }) ?? []) : []
    await record.assigned(stored, {
      registration,
      before,
      async make(writes) {
        const also = [...writes, ...spent]
        if (hub === thisHubName) await devices.apply({ ...plan, also })
        else {
          // another hub's store shares no transaction with ours; making the device there once more changes nothing
          await ports.devicesOf?.(hub)?.apply(plan)
          await ports.store.tx(also, { by: plan.by })
        }
      },
    })
  }

  const ask = async (
    stored: StoredOperation,
    enrolment: Enrolment,
    deviceId: string,
    suspicion: string | undefined,
  ): Promise<void> => {
    const { id: key, doc } = stored
    const { operationId } = doc
    if (asking.get(key) === operationId) return
    await record.deciding(stored)
    asking.set(key, operationId)
    const { timeoutMs, default: otherwise } = enrolment.hook
    const answer = (gives: Answer['gives'], timedOut = false): void => {
      if (closed) return
      answers.set(key, { operationId, gives, timedOut })
      o.again(key)
    }
    const asked = async (): Promise<Verdict> => {
      try {
        return checkVerdict(await ports.hook.ask(requestOf(doc, deviceId, now(), suspicion), { timeoutMs }))
      } finally {
        if (asking.get(key) === operationId) asking.delete(key)
      }
    }
    asked().then(
      verdict => answer({ verdict }),
      error => {
        if (error instanceof LoomError && error.code === 'PROV_THROTTLED') return later(key, throttledPauseMs)
        if (otherwise === 'approval') return answer({ askPerson: true })
        answer({ verdict: { allow: otherwise === 'allow' } }, true)
      },
    )
  }

  return {
    async work(key) {
      try {
        await step(key)
      } catch (error) {
        if (closed) return
        const count = (tries.get(key) ?? 0) + 1
        tries.set(key, count)
        const code = error instanceof LoomError ? error.code : 'NODE_FAULT'
        const stored = isConflict(error) ? undefined : await book.operation(key).catch(() => undefined)
        if (stored) record.tell(stored.doc, { type: 'fault', code, reason: String((error as Error)?.message).slice(0, 200) })
        later(key, Math.min(longestPauseMs, 500 * 2 ** Math.min(count, 10)))
      }
    },
    close() {
      closed = true
      for (const cancel of pauses) cancel()
    },
  }
}

interface Answer {
  operationId: string
  gives: Pick<Operation, 'verdict' | 'askPerson'>
  timedOut: boolean
}

interface Judged {
  enrolment: Enrolment
  before: Registration | undefined
  listed: AllowListMatch | undefined
  verdict: Verdict
  deviceId: string
}

const requestOf = (doc: Operation, deviceId: string, at: number, suspicion: string | undefined): ProvisioningRequest => ({
  id: doc.operationId,
  kind: 'dps',
  enrolmentId: doc.enrolmentId,
  registrationId: doc.registrationId,
  deviceId,
  parameters: {},
  ...(doc.payload !== undefined && { payload: doc.payload }),
  attestation: {
    kind: doc.proof.kind,
    ...(doc.proof.fingerprint !== undefined && { fingerprint: doc.proof.fingerprint }),
    ...(doc.proof.subject !== undefined && { subject: doc.proof.subject }),
  },
  ip: doc.ip,
  at,
  ...(suspicion !== undefined && { suspicion }),
})

/** Work of one key runs one after the other, whatever becomes of it. */
function createTurns(): <T>(key: string, work: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>()
  return (key, work) => {
    const turn = (last.get(key) ?? Promise.resolve()).then(work, work)
    last.set(key, turn)
    const done = () => last.get(key) === turn && last.delete(key)
    turn.then(done, done)
    return turn
  }
}
