export type EnrolmentKind = 'individual' | 'group'
export const allocationPolicies = ['hashed', 'static', 'lowest-latency', 'custom'] as const
export type AllocationPolicy = (typeof allocationPolicies)[number]
export const reprovisionPolicies = ['migrate', 'reset', 'never'] as const
export type ReprovisionPolicy = (typeof reprovisionPolicies)[number]
/** What counts when the hook gives no verdict; `approval`: a person decides. */
export const hookDefaults = ['deny', 'allow', 'approval'] as const

/** Stands for the hub that provisions, whatever name a device dialled. */
export const thisHubName = 'self'

export interface HubShare {
  /** `host[:port]`, or `self` */
  host: string
  /** 1..1000 */
  weight: number
}

/** What an enrolment gives and demands, besides the proof. */
export interface EnrolmentSettings {
  enabled: boolean
  /** without hubs: this one */
  allocation: { policy: AllocationPolicy; hubs: HubShare[] }
  reprovision: ReprovisionPolicy
  initialTwin: { desired: Record<string, unknown>; tags: Record<string, unknown> }
  attributes: Record<string, string>
  model?: string
  policies: string[]
  groups: string[]
  hook: { enabled: boolean; timeoutMs: number; default: (typeof hookDefaults)[number] }
  approval: 'auto' | 'manual'
  /** devices it may have */
  quota?: number
  /** name of the list a registration id must be on */
  allowList?: string
  /** epoch ms: a device that comes for the first time later needs a person */
  notAfter?: number
}

/** A CA whose certificates prove membership: one the hub knows, or one given here. */
export type TrustedCa = { caId: string } | { pem: string; fingerprint: string; subject: string; notAfter: number }

export type StoredAttestation =
  /** keys sealed; a group's are the masters of its devices' keys */
  | { kind: 'sas'; primaryKey: string; secondaryKey: string; hints: { primary: string; secondary: string } }
  /** of an individual: fingerprints of leaf certificates */
  | { kind: 'x509'; thumbprints: { primary: string; secondary?: string } }
  /** of a group */
  | { kind: 'x509-ca'; cas: TrustedCa[] }

/** As it is stored, secrets sealed. */
export interface Enrolment extends EnrolmentSettings {
  id: string
  kind: EnrolmentKind
  attestation: StoredAttestation
  /** individual: as the operator wrote it */
  registrationId?: string
  /** individual: lower case, unique */
  registrationKey?: string
  /** individual: the device it becomes, if not named like the registration id */
  deviceId?: string
  createdAt: number
  updatedAt: number
}

/** As it may be shown. */
export type AttestationView =
  | { kind: 'sas'; hasSecret: true; hints: { primary: string; secondary: string } }
  | { kind: 'x509'; thumbprints: { primary: string; secondary?: string } }
  | { kind: 'x509-ca'; cas: ({ caId: string } | { fingerprint: string; subject: string; notAfter: number })[] }

export interface EnrolmentView extends EnrolmentSettings {
  id: string
  kind: EnrolmentKind
  attestation: AttestationView
  registrationId?: string
  deviceId?: string
  createdAt: number
  updatedAt: number
  etag: string
}

/** Keys in the one reply that made or took them. */
export interface EnrolmentSecrets {
  primaryKey: string
  secondaryKey: string
}

export type AttestationRequest =
  /** base64 of 16 to 64 bytes; what is not given is made */
  | { kind: 'sas'; primaryKey?: string; secondaryKey?: string }
  /** SHA-256 fingerprints, or the certificates as PEM */
  | { kind: 'x509'; primary: string; secondary?: string }
  /** one or two CAs: the old and the new one */
  | { kind: 'x509-ca'; cas: readonly ({ caId: string } | { pem: string })[] }

type Nullable<T> = { [K in keyof T]: T[K] | null }

/** Absent members keep what they were (or begin with the default); null clears an optional one. */
export interface EnrolmentChange
  extends Partial<Nullable<Pick<EnrolmentSettings, 'model' | 'quota' | 'allowList' | 'notAfter'>>> {
  enabled?: boolean
  attestation?: AttestationRequest
  deviceId?: string | null
  allocation?: { policy?: AllocationPolicy; hubs?: readonly { host: string; weight?: number }[] }
  reprovision?: ReprovisionPolicy
  initialTwin?: { desired?: Record<string, unknown>; tags?: Record<string, unknown> }
  attributes?: Record<string, string>
  policies?: readonly string[]
  groups?: readonly string[]
  hook?: { enabled?: boolean; timeoutMs?: number; default?: (typeof hookDefaults)[number] }
  approval?: 'auto' | 'manual'
}

export interface EnrolmentRequest extends EnrolmentChange {
  /** default: the registration id, or for a group a made one */
  id?: string
  kind: EnrolmentKind
  attestation: AttestationRequest
  /** needed for an individual */
  registrationId?: string
}

/** Members are picked one by one, so that a new secret field cannot slip into a view. */
export function enrolmentView(o: Enrolment, version: number): EnrolmentView {
  return {
    id: o.id,
    kind: o.kind,
    attestation: attestationView(o.attestation),
    ...(o.registrationId !== undefined && { registrationId: o.registrationId }),
    ...(o.deviceId !== undefined && { deviceId: o.deviceId }),
    enabled: o.enabled,
    allocation: o.allocation,
    reprovision: o.reprovision,
    initialTwin: o.initialTwin,
    attributes: o.attributes,
    ...(o.model !== undefined && { model: o.model }),
    policies: o.policies,
    groups: o.groups,
    hook: o.hook,
    approval: o.approval,
    ...(o.quota !== undefined && { quota: o.quota }),
    ...(o.allowList !== undefined && { allowList: o.allowList }),
    ...(o.notAfter !== undefined && { notAfter: o.notAfter }),
    createdAt: o.createdAt,
    updatedAt: o.updatedAt,
    etag: String(version),
  }
}

function attestationView(attestation: StoredAttestation): AttestationView {
  if (attestation.kind === 'sas') return { kind: 'sas', hasSecret: true, hints: attestation.hints }
  if (attestation.kind === 'x509') return { kind: 'x509', thumbprints: attestation.thumbprints }
  const cas = attestation.cas.map(ca =>
    'caId' in ca ? { caId: ca.caId } : { fingerprint: ca.fingerprint, subject: ca.subject, notAfter: ca.notAfter },
  )
  return { kind: 'x509-ca', cas }
}
