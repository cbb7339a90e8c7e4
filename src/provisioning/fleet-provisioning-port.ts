import type { ErrorCode } from '../errors.ts'
import type { Write } from '../storage/state-store.ts'
import type { AllowLists } from './allow-list.ts'
import type { Claims } from './claim-store.ts'
import type { TemplateApprovals } from './fleet-provisioning-approvals.ts'
import type { DeviceWriter, ProvisioningHook, ProvisioningKind } from './provisioning-port.ts'
import type { Templates } from './template-store.ts'

/** Who asks, as its CONNECT was accepted. A certificate can be a claim and a device's own: then both are set. */
export interface FleetPrincipal {
  claimId?: string
  deviceId?: string
  /** of the certificate it connected with, if it did with one */
  fingerprint?: string
  ip: string
}

/** What happened, for audit and the event stream; no secret in it. */
export interface FleetEvent {
  type: 'certificate-issued' | 'provisioned' | 'pending' | 'refused' | 'clone-suspected' | 'claim-disabled' | 'token-misused'
  kind: ProvisioningKind
  claimId?: string
  template?: string
  deviceId?: string
  fingerprint?: string
  code?: ErrorCode
  reason?: string
  /** `claim {id}`, `device {id}`, `certificate {fingerprint}` */
  by: string
  ip: string
  /** epoch ms */
  at: number
}

/** What deciding about a device and writing it needs. */
export interface AdmissionPorts {
  templates: Pick<Templates, 'find'>
  claims: Pick<Claims, 'spend'>
  approvals: TemplateApprovals
  allowLists: Pick<AllowLists, 'match'>
  devices: DeviceWriter
  hook: ProvisioningHook
  events(event: FleetEvent): void
  /** Writes of the same store that become durable together with the device, for an audit outbox. */
  also?(event: FleetEvent): readonly Write[]
  now: () => number
}
