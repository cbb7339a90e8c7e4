import { LoomError } from '../errors.ts'
import { isConflict } from '../identity/identity-store.ts'
import type { StateStore, Stored, Write } from '../storage/state-store.ts'
import type { Writing } from './allow-list.ts'
import {
  type Enrolment,
  type EnrolmentChange,
  type EnrolmentKind,
  type EnrolmentRequest,
  type EnrolmentSecrets,
  type EnrolmentView,
  enrolmentView,
} from './enrolment.ts'
import { type AttestationParts, type KeySlot, keysOf, newAttestation, withNewKey } from './enrolment-attestation.ts'
import { changedSettings, checkedDeviceId, defaultSettings, isEnrolmentId, isRegistrationId } from './enrolment-check.ts'
import { invalidValue, oneOf } from './enrolment-values.ts'

export interface EnrolmentReply {
  enrolment: EnrolmentView
  /** only when keys were made or given */
  secrets?: EnrolmentSecrets
}

export type Changing = Writing & { etag?: string }

/** Who may register, and what becomes of them. It must be the only writer of its collection. */
export interface Enrolments {
  /** PROV_INVALID, PROV_EXISTS, PROV_LIMIT, and what a certificate is refused for: CRED_*, PKI_*. */
  create(request: EnrolmentRequest, o?: Writing): Promise<EnrolmentReply>
  /** Its id, kind and registration id stay. PROV_NO_ENROLMENT, PROV_CONFLICT if `etag` is not the current one; as `create`. */
  update(id: string, change: EnrolmentChange, o?: Changing): Promise<EnrolmentReply>
  /** PROV_NO_ENROLMENT, PROV_CONFLICT, PROV_INVALID without keys. */
  renewKey(id: string, slot: KeySlot, o?: Changing): Promise<EnrolmentReply>
  get(id: string): Promise<EnrolmentView | undefined>
  /** By id, ascending. */
  page(o?: { kind?: EnrolmentKind; limit?: number; cursor?: string }): Promise<{ items: EnrolmentView[]; next?: string }>
  /** Devices with keys derived from a group's cannot connect any more. PROV_NO_ENROLMENT, PROV_CONFLICT. */
  delete(id: string, o?: Changing): Promise<void>

  /** With the sealed secrets, for checks only. */
  find(id: string): Promise<Enrolment | undefined>
  /** The individual one of a registration id in any case. */
  individual(registrationId: string): Promise<Enrolment | undefined>
  /** All groups, disabled ones too. Shared: not to be changed. */
  groups(): Promise<readonly Enrolment[]>
  /** Base64; none for an enrolment without keys. */
  keysOf(enrolment: Enrolment): { slot: KeySlot; key: string }[]
  /** The keys that a group's devices derive theirs from; a disabled group's devices go on, only its registrations do not. */
  groupKeys(id: string): Promise<EnrolmentSecrets | undefined>
}

const coll = 'enrolments'
const mostGroups = 200
const maxTries = 5

export async function openEnrolments(o: AttestationParts & { store: StateStore }): Promise<Enrolments> {
  const { store, now, random, sealer } = o
  await store.declare(coll, { indexes: ['kind'], unique: ['registrationKey'] })
  let groups: Promise<readonly Enrolment[]> | undefined

  const found = async (id: string): Promise<Stored<Enrolment>> => {
    const stored = isEnrolmentId(id) ? await store.get<Enrolment>(coll, id) : null
    if (!stored) throw new LoomError('PROV_NO_ENROLMENT', JSON.stringify(String(id).slice(0, 80)))
    return stored
  }
  /** What was read before or during a write is forgotten. */
  const write = async (writes: readonly Write[], by: string | undefined): Promise<number> => {
    groups = undefined
    try {
      return (await store.tx(writes, by === undefined ? {} : { by }))[0]!
    } finally {
      groups = undefined
    }
  }
  const readGroups = async (): Promise<readonly Enrolment[]> =>
    (await store.query<Enrolment>(coll, { where: [['kind', '=', 'group']], limit: 1000 })).items.map(({ doc }) => doc)

  const allGroups = (): Promise<readonly Enrolment[]> => {
    const reading = (groups ??= readGroups())
    // a failure is not remembered
    reading.catch(() => {
      if (groups === reading) groups = undefined
    })
    return reading
  }

  const change = async (
    id: string,
    { etag, by, also = [] }: Changing,
    edit: (before: Enrolment) => Promise<{ doc: Enrolment; secrets?: EnrolmentSecrets }>,
  ): Promise<EnrolmentReply> => {
    for (let tries = 1; ; tries++) {
      const { doc: before, version } = await found(id)
      checkEtag(id, etag, version)
      const { doc, secrets } = await edit(before)
      // never the same twice: proofs are told from it
      doc.updatedAt = Math.max(now(), before.updatedAt + 1)
      try {
        const after = await write([{ op: 'put', coll, id, doc, version }, ...also], by)
        return { enrolment: enrolmentView(doc, after), ...(secrets && { secrets }) }
      } catch (error) {
        if (!isConflict(error)) throw error
        if (tries === maxTries) throw new LoomError('PROV_CONFLICT', `"${id}"`, { cause: error, hint: 'try again' })
      }
    }
  }

  return {
    async create(request, { by, also = [] } = {}) {
      if (typeof request !== 'object' || request === null) throw invalidValue('enrolment', 'it is an object')
      const kind = oneOf(request.kind, 'kind', ['individual', 'group'])
      const names = kind === 'individual' ? individualNames(request) : groupNames(request, random)
      const settings = changedSettings(defaultSettings, request)
      if (kind === 'group' && (await allGroups()).length >= mostGroups) throw new LoomError('PROV_LIMIT', `${mostGroups} groups`)
      const { attestation, secrets } = await newAttestation(o, { id: names.id, kind, request: request.attestation })
      const at = now()
      const doc: Enrolment = { ...names, kind, ...settings, attestation, createdAt: at, updatedAt: at }
      try {
        const version = await write([{ op: 'put', coll, id: doc.id, doc, version: 'new' }, ...also], by)
        return { enrolment: enrolmentView(doc, version), ...(secrets && { secrets }) }
      } catch (error) {
        if (!isConflict(error)) throw error
        throw new LoomError('PROV_EXISTS', `"${doc.registrationId ?? doc.id}"`, { cause: error })
      }
    },
    update: (id, request, how = {}) =>
      change(id, how, async before => {
        if (typeof request !== 'object' || request === null) throw invalidValue('change', 'it is an object')
        const { deviceId = before.deviceId } = request
        if (deviceId != null && before.kind === 'group') throw invalidValue('deviceId', 'only an individual enrolment has one')
        const made =
          request.attestation === undefined
            ? undefined
            : await newAttestation(o, { id, kind: before.kind, request: request.attestation })
        const doc: Enrolment = {
          ...namesOf(before),
          ...(deviceId != null && { deviceId: checkedDeviceId(deviceId) }),
          ...changedSettings(before, request),
          attestation: made?.attestation ?? before.attestation,
        }
        return { doc, ...(made?.secrets && { secrets: made.secrets }) }
      }),
    renewKey: (id, slot, how = {}) =>
      change(id, how, async before => {
        const { attestation, secrets } = withNewKey(o, before, oneOf(slot, 'slot', ['primary', 'secondary']))
        return { doc: { ...before, attestation }, secrets }
      }),
    async get(id) {
      const stored = isEnrolmentId(id) ? await store.get<Enrolment>(coll, id) : null
      return stored ? enrolmentView(stored.doc, stored.version) : undefined
    },
    async page({ kind, limit = 100, cursor } = {}) {
      const { items, next } = await store.query<Enrolment>(coll, {
        where: kind === undefined ? [] : [['kind', '=', kind]],
        limit,
        ...(cursor !== undefined && { cursor }),
      })
      return { items: items.map(({ doc, version }) => enrolmentView(doc, version)), ...(next !== undefined && { next }) }
    },
    async delete(id, { etag, by, also = [] } = {}) {
      const { version } = await found(id)
      checkEtag(id, etag, version)
      await write([{ op: 'delete', coll, id, ...(etag !== undefined && { version }) }, ...also], by).catch(error =>
        Promise.reject(isConflict(error) ? new LoomError('PROV_CONFLICT', `"${id}"`, { cause: error }) : error),
      )
    },
    find: async id => (isEnrolmentId(id) ? (await store.get<Enrolment>(coll, id))?.doc : undefined),
    async individual(registrationId) {
      if (!isRegistrationId(registrationId)) return undefined
      const where = [['registrationKey', '=', registrationId.toLowerCase()]] as const
      return (await store.query<Enrolment>(coll, { where, limit: 1 })).items[0]?.doc
    },
    groups: allGroups,
    keysOf: enrolment => keysOf(sealer, enrolment),
    async groupKeys(id) {
      const group = (await allGroups()).find(one => one.id === id)
      const [primary, secondary] = group ? keysOf(sealer, group) : []
      return primary && secondary && { primaryKey: primary.key, secondaryKey: secondary.key }
    },
  }
}

type Names = Pick<Enrolment, 'id' | 'registrationId' | 'registrationKey' | 'deviceId'>

function individualNames({ id, registrationId, deviceId }: EnrolmentRequest): Names {
  if (!isRegistrationId(registrationId)) throw invalidValue('registrationId', 'it has 1 to 128 of A-Z a-z 0-9 : . _ -')
  return {
    id: checkedId(id ?? registrationId),
    registrationId,
    registrationKey: registrationId.toLowerCase(),
    ...(deviceId != null && { deviceId: checkedDeviceId(deviceId) }),
  }
}

function groupNames({ id, registrationId, deviceId }: EnrolmentRequest, random: (size: number) => Buffer): Names {
  if (registrationId !== undefined || deviceId != null)
    throw invalidValue('registrationId', 'a group has none: its devices bring theirs')
  return { id: checkedId(id ?? `group-${random(6).toString('hex')}`) }
}

function namesOf({ id, kind, registrationId, registrationKey, createdAt, updatedAt }: Enrolment) {
  return {
    id,
    kind,
    ...(registrationId !== undefined && { registrationId }),
    ...(registrationKey !== undefined && { registrationKey }),
    createdAt,
    updatedAt,
  }
}

function checkedId(id: unknown): string {
  if (!isEnrolmentId(id)) throw invalidValue('id', 'it has 1 to 128 of A-Z a-z 0-9 : . _ - and begins with a letter or digit')
  return id
}

function checkEtag(id: string, etag: string | undefined, version: number): void {
  if (etag !== undefined && etag !== String(version))
    throw new LoomError('PROV_CONFLICT', `"${id}" has etag ${version}`, { hint: 'read the enrolment again and repeat' })
}
