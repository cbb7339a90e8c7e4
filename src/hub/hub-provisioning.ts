import type { AllowListView, KeptEntry } from '../provisioning/allow-list.ts'
import type { BootstrapPruning } from '../provisioning/bootstrap.ts'
import type { BootstrapView } from '../provisioning/bootstrap-book.ts'
import type { ClaimView } from '../provisioning/claim.ts'
import type { MadeClaim } from '../provisioning/claim-store.ts'
import type { Registration } from '../provisioning/dps-port.ts'
import type { EnrolmentChange, EnrolmentKind, EnrolmentRequest, EnrolmentView } from '../provisioning/enrolment.ts'
import type { EnrolmentReply } from '../provisioning/enrolments.ts'
import type { MadePairing, PairingTarget, PairingView } from '../provisioning/pairing-store.ts'
import type { ProvisioningKind, Verdict } from '../provisioning/provisioning-port.ts'
import type { TemplateView } from '../provisioning/template-store.ts'

/** A device that waits for a person's word. */
export interface WaitingDevice {
  id: string
  kind: ProvisioningKind
  registrationId: string
  deviceId?: string
  enrolmentId?: string
  template?: string | undefined
  attestation: { kind: 'sas' | 'x509'; fingerprint?: string; subject?: string }
  ip: string
  suspicion?: string
  /** epoch ms */
  since: number
  until: number
}

/** PROV_* codes. Secrets are in the answer that made them, once. */
export interface ProvisioningApi {
  enrolments(o: { kind?: EnrolmentKind; limit?: number; cursor?: string }): Promise<{ items: EnrolmentView[]; next?: string }>
  enrolment(o: { id: string }): Promise<EnrolmentView | undefined>
  createEnrolment(o: { enrolment: EnrolmentRequest; by?: string }): Promise<EnrolmentReply>
  updateEnrolment(o: { id: string; change: EnrolmentChange; etag?: string; by?: string }): Promise<EnrolmentReply>
  renewEnrolmentKey(o: { id: string; slot: 'primary' | 'secondary'; etag?: string; by?: string }): Promise<EnrolmentReply>
  deleteEnrolment(o: { id: string; etag?: string; by?: string }): Promise<void>
  registrations(o: {
    enrolmentId?: string
    deviceId?: string
    limit?: number
    cursor?: string
  }): Promise<{ items: Registration[]; next?: string }>
  forgetRegistration(o: { registrationId: string; by?: string }): Promise<void>

  templates(o: { limit?: number; cursor?: string }): Promise<{ items: TemplateView[]; next?: string }>
  template(o: { name: string }): Promise<TemplateView | undefined>
  /** `settings.body`: an AWS provisioning template. PROV_TEMPLATE_INVALID with the place. */
  createTemplate(o: { name: string; settings: Record<string, unknown>; by?: string }): Promise<TemplateView>
  updateTemplate(o: { name: string; change: Record<string, unknown>; etag?: string; by?: string }): Promise<TemplateView>
  deleteTemplate(o: { name: string; etag?: string; by?: string }): Promise<void>

  claims(o: { limit?: number; cursor?: string }): Promise<{ items: ClaimView[]; next?: string }>
  claim(o: { id: string }): Promise<ClaimView | undefined>
  createClaim(o: { id: string; settings: Record<string, unknown>; by?: string }): Promise<MadeClaim & { caPem: string }>
  /** A claim of five minutes for one device, for an application of its owner. */
  createTrustedClaim(o: {
    template: string
    deviceId?: string
    keyType?: 'rsa-2048' | 'ec-p256'
    by?: string
  }): Promise<MadeClaim & { caPem: string }>
  /** Disabling closes its sessions. */
  updateClaim(o: { id: string; change: Record<string, unknown>; etag?: string; by?: string }): Promise<ClaimView>
  deleteClaim(o: { id: string; etag?: string; by?: string }): Promise<void>

  allowLists(o: Record<string, never>): Promise<{ items: AllowListView[] }>
  createAllowList(o: { name: string; by?: string }): Promise<AllowListView>
  deleteAllowList(o: { name: string; by?: string }): Promise<void>
  allowListEntries(o: { name: string; limit?: number; cursor?: string }): Promise<{ items: KeptEntry[]; next?: string }>
  /** At most 500, all or none. */
  addToAllowList(o: { name: string; entries: unknown[]; by?: string }): Promise<{ added: number; replaced: number }>
  removeFromAllowList(o: { name: string; serials: string[]; by?: string }): Promise<{ removed: number }>

  /** Devices that wait for a person. */
  pending(o: { limit?: number; cursor?: string }): Promise<{ items: WaitingDevice[]; next?: string }>
  approve(o: { id: string; verdict?: Omit<Verdict, 'allow'>; by?: string }): Promise<void>
  deny(o: { id: string; reason?: string; by?: string }): Promise<void>

  /** Templates by which unknown certificates of registered CAs become devices. */
  caTemplates(o: Record<string, never>): Promise<{ items: { ca: string; template: string }[] }>
  /** Without `template` unknown certificates of that CA are refused again. */
  setCaTemplate(o: { ca: string; template?: string; by?: string }): Promise<void>

  /**
   * While at least one listener is on, questions of hooks come as `provisioning-question` events, the open ones at once. Who comes under a listener's name takes
   * its place, and only that `instance` can end it then.
   */
  listen(o: { listener: string; instance?: string; on: boolean }): Promise<void>
  /** The first answer counts. PROV_INVALID, NOT_FOUND. */
  answer(o: { id: string; verdict: Verdict }): Promise<void>

  /** Codes of the last hour; none shows its code. */
  pairings(o: { limit?: number; cursor?: string }): Promise<{ items: PairingView[]; next?: string }>
  /** A code of ten minutes, by which one device gets its identity. It is in this answer, once. */
  createPairing(o: PairingTarget & { by?: string }): Promise<MadePairing>
  /** NOT_FOUND. */
  revokePairing(o: { id: string; by?: string }): Promise<void>

  /** Where devices find this hub, what they shall trust, and what operators set for them. */
  bootstrap(o: Record<string, never>): Promise<BootstrapView>
  /** Adds or replaces; nothing goes away. Devices that listen are told. STORE_LIMIT past 64 KiB. */
  setBootstrap(o: {
    intervals?: Record<string, number>
    configuration?: Record<string, unknown>
    etag?: string
    by?: string
  }): Promise<BootstrapView>
  /** Takes out what no device needs any more; what the hub still says of itself stays. */
  pruneBootstrap(o: BootstrapPruning & { etag?: string; by?: string }): Promise<BootstrapView>
}
