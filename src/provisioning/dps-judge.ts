import type { KeptEntry } from './allow-list.ts'
import type { Operation } from './dps-book.ts'
import type { Registration, Substatus } from './dps-port.ts'
import type { Enrolment } from './enrolment.ts'
import type { DevicePlan, PlannedCredential, Verdict } from './provisioning-port.ts'

/** Why a person must look before a device gets what it asks for. */
export interface Suspicion {
  reason: string
  /** somebody else may pretend to be the device */
  clone: boolean
}

/**
 * A serial that comes with another proof than before, a device that is somebody else's, a batch that is over. What an operator wrote into an individual enrolment
 * is no suspicion; a group's device speaks for itself only.
 */
export function suspicionOf(o: {
  enrolment: Enrolment
  registrationKey: string
  proof: Operation['proof']
  before: Registration | undefined
  /** the device of that id */
  device: { enrolmentId?: string } | undefined
  entry: KeptEntry | undefined
  now: number
}): Suspicion | undefined {
  const { enrolment, registrationKey, proof, before, device, entry, now } = o
  const clone = (reason: string): Suspicion => ({ reason, clone: true })
  if (entry && otherProof(entry, proof, registrationKey)) return clone('its proof is not the one on the allow list')
  if (entry?.spentBy !== undefined && (!before || entry.spentBy !== registrationKey))
    return clone('its entry of the allow list was used before')
  if (enrolment.kind === 'group') {
    if (before && before.enrolmentId !== enrolment.id) return clone(`it was registered by enrolment "${before.enrolmentId}"`)
    if (before && before.kind !== proof.kind) return clone(`it was registered by ${before.kind}`)
    if (before && before.spkiHash !== proof.spkiHash) return clone('it was registered with another key')
    if (!before && device && device.enrolmentId !== enrolment.id) return clone('a device of that id exists')
  }
  const end = Math.min(enrolment.notAfter ?? Number.POSITIVE_INFINITY, entry?.notAfter ?? Number.POSITIVE_INFINITY)
  if (!before && now > end) return { reason: `its batch ended ${new Date(end).toISOString()}`, clone: false }
  return undefined
}

function otherProof({ thumbprint, keyHash, cn }: KeptEntry, proof: Operation['proof'], registrationKey: string): boolean {
  if (thumbprint !== undefined && thumbprint !== proof.fingerprint) return true
  if (keyHash !== undefined && keyHash !== proof.spkiHash) return true
  // a certificate's common name was found equal to the registration id
  return cn !== undefined && (proof.kind !== 'x509' || cn.toLowerCase() !== registrationKey)
}

/** The id of the device that a registration is about. */
export const deviceIdOf = (
  enrolment: Enrolment,
  operation: Operation,
  before: Registration | undefined,
  verdict: Verdict,
): string => verdict.deviceId ?? enrolment.deviceId ?? before?.deviceId ?? operation.registrationId

/** What kind of assignment it is, seen from the one before. */
function substatusOf(enrolment: Enrolment, hub: string, before: Registration | undefined): Substatus {
  if (!before) return 'initialAssignment'
  if (enrolment.reprovision === 'reset') return 'deviceDataReset'
  return before.hub === hub ? 'reprovisionedToInitialAssignment' : 'deviceDataMigrated'
}

export function registrationOf(o: {
  enrolment: Enrolment
  operation: Operation
  deviceId: string
  before: Registration | undefined
  verdict: Verdict
  hub: string
  assignedHub: string
  at: number
  etag: string
}): Registration {
  const { enrolment, operation, deviceId, before, verdict, hub, assignedHub, at, etag } = o
  const { proof, registrationId } = operation
  return {
    registrationId: before?.registrationId ?? registrationId,
    enrolmentId: enrolment.id,
    enrolmentKind: enrolment.kind,
    deviceId,
    hub,
    assignedHub,
    substatus: substatusOf(enrolment, hub, before),
    kind: proof.kind,
    ...(proof.fingerprint !== undefined && { fingerprint: proof.fingerprint }),
    ...(proof.spkiHash !== undefined && { spkiHash: proof.spkiHash }),
    ...(verdict.payload !== undefined && { payload: verdict.payload }),
    createdAt: before?.createdAt ?? at,
    updatedAt: at,
    etag,
  }
}

/** What the registry shall make of it. The verdict wins over the allow list, the list over the enrolment. */
export function planOf(o: {
  enrolment: Enrolment
  operation: Operation
  deviceId: string
  before: Registration | undefined
  entry: KeptEntry | undefined
  verdict: Verdict
  keys: readonly { slot: string; key: string }[]
}): DevicePlan {
  const { enrolment, operation, deviceId, before, entry, verdict } = o
  const { initialTwin } = enrolment
  const model = entry?.model ?? enrolment.model
  return {
    deviceId,
    credential: credentialOf(enrolment, operation, o.keys),
    enrolmentId: enrolment.id,
    tags: verdict.tags ?? initialTwin.tags,
    attributes: { ...enrolment.attributes, ...verdict.attributes },
    desired: verdict.desired ?? initialTwin.desired,
    ...(model !== undefined && { model }),
    policies: verdict.policies ?? enrolment.policies,
    groups: verdict.groups ?? enrolment.groups,
    existing: existingOf(enrolment, deviceId, before, verdict),
    by: `enrolment ${enrolment.id}`,
  }
}

/** A name that only a verdict gave must not take over a device that was there before. */
function existingOf(
  enrolment: Enrolment,
  deviceId: string,
  before: Registration | undefined,
  verdict: Verdict,
): DevicePlan['existing'] {
  if (verdict.deviceId === deviceId && before?.deviceId !== deviceId && enrolment.deviceId !== deviceId) return 'refuse'
  if (!before) return 'migrate'
  return ({ migrate: 'migrate', reset: 'reset', never: 'keep' } as const)[enrolment.reprovision]
}

function credentialOf(
  enrolment: Enrolment,
  { registrationId, proof }: Operation,
  keys: readonly { slot: string; key: string }[],
): PlannedCredential {
  if (proof.certificatePem !== undefined) return { kind: 'x509', certificatePem: proof.certificatePem }
  if (enrolment.kind === 'group') return { kind: 'sas-derived', groupId: enrolment.id, registrationId }
  const of = (slot: string) => keys.find(key => key.slot === slot)?.key ?? ''
  return { kind: 'sas', primaryKey: of('primary'), secondaryKey: of('secondary') }
}

/** The hub of a device that stays where it is. */
export const keptHub = (enrolment: Enrolment, before: Registration | undefined): string | undefined =>
  enrolment.reprovision === 'never' ? before?.hub : undefined
