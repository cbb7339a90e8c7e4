import type { Write } from '../storage/state-store.ts'

/** How a device proves, before it has an identity, that it may get one; `rotation`: by the certificate it has, for its next. */
export type ProvisioningKind = 'dps' | 'claim' | 'trusted-user' | 'jitp' | 'pairing' | 'rotation'

/** Who or what may decide about a device that asks for an identity: shown to people and to the hook, never with a secret in it. */
export interface ProvisioningRequest {
  /** names the operation: a verdict answers it */
  id: string
  kind: ProvisioningKind
  /** enrolment (DPS) or template (AWS) that admits it */
  enrolmentId?: string
  template?: string
  /** credential id of the claim that asks */
  claimId?: string
  /** DPS: the registration id as sent; AWS: the thing name the template yields; JITP: the same */
  registrationId: string
  /** the device it would become */
  deviceId: string
  /** template parameters, fixed ones of the certificate included; empty for DPS */
  parameters: Readonly<Record<string, string>>
  /** DPS: the custom payload of the register call */
  payload?: unknown
  attestation: { kind: 'sas' | 'x509'; fingerprint?: string; subject?: string }
  ip: string
  /** epoch ms */
  at: number
  /** Set if a person must look: why (clone suspected, batch over). */
  suspicion?: string
}

/** The answer of a hook or a person. What it overrides wins over enrolment and template. */
export interface Verdict {
  allow: boolean
  /** for the audit log and the refused party's operator; to the device only as a short text */
  reason?: string
  deviceId?: string
  tags?: Record<string, unknown>
  attributes?: Record<string, string>
  desired?: Record<string, unknown>
  policies?: string[]
  groups?: string[]
  /** `host[:port]` of the hub it shall use */
  hub?: string
  /** DPS: handed to the device in its registration state */
  payload?: unknown
  /** AWS: added to deviceConfiguration */
  deviceConfiguration?: Record<string, string>
  /** AWS: values of template parameters; they win over those of the device, and the template is filled in again */
  parameterOverrides?: Record<string, string>
}

/** Asks the flow. Rejects with PROV_HOOK_TIMEOUT when nobody answered in time: the enrolment's default verdict then counts. */
export interface ProvisioningHook {
  ask(request: ProvisioningRequest, o: { timeoutMs: number }): Promise<Verdict>
}

export type PlannedCredential =
  /** the certificate is registered by its fingerprint; `inactive` (default active): it cannot connect until an operator says so */
  | { kind: 'x509'; certificatePem: string; status?: 'active' | 'inactive' }
  /** base64 keys of an individual enrolment */
  | { kind: 'sas'; primaryKey: string; secondaryKey: string }
  /** the device's id is the user name */
  | { kind: 'password'; password: string }
  /** keys derived from an enrolment group's at each check; nothing stored per device. `registrationId`: what they are derived from, spelled as the device did */
  | { kind: 'sas-derived'; groupId: string; registrationId: string }

/** What provisioning makes of a device, applied in one go: nothing of it exists if any part is refused. */
export interface DevicePlan {
  deviceId: string
  credential: PlannedCredential
  enrolmentId?: string
  tags: Record<string, unknown>
  attributes: Record<string, string>
  /** desired properties that a new or reset twin starts with */
  desired: Record<string, unknown>
  model?: string
  policies: readonly string[]
  /** policy documents of this device alone, JSON texts */
  policyDocuments?: readonly string[]
  groups: readonly string[]
  /** A device of that id exists: `migrate` keeps its twin, `reset` starts a new one, `keep` changes nothing but the credential, `refuse` is PROV_DENIED. */
  existing: 'migrate' | 'reset' | 'keep' | 'refuse'
  /** With `migrate`: what becomes of these parts of an existing device. Absent: replaced. */
  overrides?: Readonly<Record<'attributes' | 'groups' | 'type', 'keep' | 'replace' | 'merge' | 'fail'>>
  /** Fingerprint of the certificate that asks for its successor: it stays good until the new one was used. */
  rotates?: string
  /** further documents of the same store, in the transaction that writes the device */
  also?: readonly Write[]
  /** for the audit log */
  by: string
}

export interface ProvisionedDevice {
  deviceId: string
  generation: string
  created: boolean
}

/** The registry side of provisioning. */
export interface DeviceWriter {
  find(deviceId: string): Promise<
    | {
        deviceId: string
        enabled: boolean
        state: 'pending' | 'active' | 'quarantined' | 'retired'
        enrolmentId?: string
        /** of its X.509 certificates that count now */
        fingerprints?: readonly string[]
      }
    | undefined
  >
  /**
   * Codes: IDENTITY_INVALID, IDENTITY_RETIRED (a tombstone: an operator must clear it), IDENTITY_DISABLED (a disabled device does not come back by itself), CRED_TAKEN,
   * CRED_REVOKED (it, or a key of it, was revoked or replaced by an operator, or the certificate that asks for its successor was),
   * PKI_KEY_REUSED, CRED_LIMIT, PROV_DENIED.
   */
  apply(plan: DevicePlan): Promise<ProvisionedDevice>
  /** The device that has a certificate for this key, to notice clones. */
  ownerOfKey(spkiHash: string): Promise<string | undefined>
}

/** Signs for devices whose name is not known yet: the certificate names no device, its fingerprint is what will be registered. */
export interface CertificateSource {
  /** PKI_* codes. Without `csrPem` the key is made here and returned, once. */
  issueUnnamed(o: { csrPem?: string; keyType?: 'ec-p256' | 'rsa-2048' }): Promise<{
    certificatePem: string
    privateKeyPem?: string
    fingerprint: string
    spkiHash: string
    serial: string
    notAfter: number
  }>
}
