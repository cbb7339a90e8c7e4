import type { StateStore, Stored, Write } from '../storage/state-store.ts'
import type { Failure, OperationView, Registration } from './dps-port.ts'
import type { ProvisioningState } from './dps-state.ts'
import type { Verdict } from './provisioning-port.ts'

export const minuteMs = 60_000
export const hourMs = 60 * minuteMs

/** One registration under way, or the last one: there is one document per registration id, so an old operation id is forgotten with the next registration. */
export interface Operation {
  operationId: string
  /** as sent */
  registrationId: string
  enrolmentId: string
  proof: { kind: 'sas' | 'x509'; fingerprint?: string; spkiHash?: string; subject?: string; certificatePem?: string }
  /** of its enrolment's attestation, when the proof was judged */
  basis?: string
  state: ProvisioningState
  status: OperationView['status']
  payload?: unknown
  ip: string
  sniHost?: string
  createdAt: number
  updatedAt: number
  /** since when a hook or a person decides */
  decidingSince?: number
  /** why a person must look */
  suspicion?: string
  /** the hook's */
  verdict?: Verdict
  /** the hook gave none, and a person shall decide instead */
  askPerson?: boolean
  /** a person said yes */
  approval?: { by: string; verdict?: Verdict }
  registration?: Registration
  failure?: Failure
  /** removed then */
  keepUntil: number
}

export type StoredOperation = Stored<Operation>

const operations = 'dps_operations'
const registrations = 'dps_registrations'

export const keyOfRegistration = (registrationId: string): string => registrationId.toLowerCase()

/** Operations and registrations in the state store, by the lower-case registration id. */
export class DpsBook {
  readonly #store: StateStore
  /** registrations per enrolment, counted when first asked for and kept right by `counted` */
  readonly #counts = new Map<string, Promise<number>>()

  constructor(store: StateStore) {
    this.#store = store
  }

  async open(): Promise<void> {
    await this.#store.declare(operations, { indexes: ['status', 'state', 'keepUntil'], unique: ['operationId'] })
    await this.#store.declare(registrations, { indexes: ['enrolmentId', 'deviceId'] })
  }

  async operation(key: string): Promise<StoredOperation | undefined> {
    return (await this.#store.get<Operation>(operations, key)) ?? undefined
  }

  async operationById(operationId: string): Promise<StoredOperation | undefined> {
    const { items } = await this.#store.query<Operation>(operations, { where: [['operationId', '=', operationId]], limit: 1 })
    return items[0]
  }

  async registration(key: string): Promise<Registration | undefined> {
    return (await this.#store.get<Registration>(registrations, key))?.doc
  }

  page(o: {
    where: [path: 'status' | 'state' | 'keepUntil', op: '=' | '<', value: string | number]
    limit?: number
    cursor?: string
  }) {
    const { where, limit = 500, cursor } = o
    return this.#store.query<Operation>(operations, { where: [where], limit, ...(cursor !== undefined && { cursor }) })
  }

  registrations(o: { enrolmentId?: string; deviceId?: string; limit?: number; cursor?: string }) {
    const { enrolmentId, deviceId, limit = 100, cursor } = o
    return this.#store.query<Registration>(registrations, {
      where: [
        ...(enrolmentId === undefined ? [] : [['enrolmentId', '=', enrolmentId] as const]),
        ...(deviceId === undefined ? [] : [['deviceId', '=', deviceId] as const]),
      ],
      limit,
      ...(cursor !== undefined && { cursor }),
    })
  }

  /** STORE_VERSION_CONFLICT if somebody else changed the operation. Resolves with what is stored now. */
  async put(key: string, doc: Operation, version: number | 'new', also: readonly Write[], by: string): Promise<StoredOperation> {
    const put: Write = { op: 'put', coll: operations, id: key, doc, version }
    const [written] = await this.#store.tx([put, ...also], { by })
    return { id: key, doc, version: written! }
  }

  /** The writes of an operation's end and of what became of the device: to be made in one transaction, then `counted`. */
  endWrites(key: string, o: { doc: Operation; version: number; registration: Registration }): Write[] {
    return [
      { op: 'put', coll: operations, id: key, doc: o.doc, version: o.version },
      { op: 'put', coll: registrations, id: key, doc: o.registration },
    ]
  }

  /** `before`: what was registered under that id. */
  counted(registration: Registration, before: Registration | undefined): void {
    if (before?.enrolmentId === registration.enrolmentId) return
    this.#add(registration.enrolmentId, 1)
    if (before) this.#add(before.enrolmentId, -1)
  }

  async forget(key: string, o: { by?: string; also?: readonly Write[] }): Promise<void> {
    const before = await this.registration(key)
    const remove: Write = { op: 'delete', coll: registrations, id: key }
    await this.#store.tx([remove, ...(o.also ?? [])], o.by === undefined ? {} : { by: o.by })
    if (before) this.#add(before.enrolmentId, -1)
  }

  async remove(stored: readonly StoredOperation[]): Promise<void> {
    const writes = stored.map(({ id, version }): Write => ({ op: 'delete', coll: operations, id, version }))
    if (writes.length > 0) await this.#store.tx(writes, { by: 'provisioning' })
  }

  /** Devices of an enrolment. */
  count(enrolmentId: string): Promise<number> {
    const known = this.#counts.get(enrolmentId)
    if (known) return known
    const counting = this.#counted(enrolmentId)
    this.#counts.set(enrolmentId, counting)
    counting.catch(() => this.#counts.delete(enrolmentId))
    return counting
  }

  #add(enrolmentId: string, n: number): void {
    const known = this.#counts.get(enrolmentId)
    if (known)
      this.#counts.set(
        enrolmentId,
        known.then(count => count + n),
      )
  }

  async #counted(enrolmentId: string): Promise<number> {
    let count = 0
    for (let cursor: string | undefined; ; ) {
      const page = await this.registrations({ enrolmentId, limit: 1000, ...(cursor !== undefined && { cursor }) })
      count += page.items.length
      if (page.next === undefined) return count
      cursor = page.next
    }
  }
}

export const operationView = ({ doc, version }: StoredOperation, now: number): OperationView => ({
  operationId: doc.operationId,
  registrationId: doc.registration?.registrationId ?? doc.registrationId,
  status: doc.status,
  ...(doc.status === 'assigning' && { retryAfterS: retryAfterS(doc, now) }),
  ...(doc.registration && { registration: doc.registration }),
  ...(doc.failure && { failure: doc.failure }),
  kind: doc.proof.kind,
  createdAt: doc.createdAt,
  updatedAt: doc.updatedAt,
  etag: String(version),
})

/** Seldom where somebody decides: a device would ask for as long as that takes. */
function retryAfterS({ decidingSince }: Operation, now: number): number {
  return decidingSince === undefined || now - decidingSince < minuteMs ? 2 : 30
}
