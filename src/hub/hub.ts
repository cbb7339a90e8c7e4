import type { Listening } from '../broker/broker-port.ts'
import type { ErrorData } from '../errors.ts'
import type { AuditQuery, AuditView, Checkpoint, Verification } from '../guard/audit-log.ts'
import type { CredentialRequest, CredentialView, DeviceSecrets } from '../identity/credential-types.ts'
import type { IssuerView, NewIssuer } from '../identity/issuers.ts'
import type { PolicyAnswer } from '../identity/policy-tester.ts'
import type { PolicyView } from '../identity/policy-store.ts'
import type { PolicyTarget } from '../identity/policy-targets.ts'
import type { AllowListView, KeptEntry } from '../provisioning/allow-list.ts'
import type { BootstrapDocument } from '../provisioning/bootstrap.ts'
import type { ClaimView } from '../provisioning/claim.ts'
import type { MadeClaim } from '../provisioning/claim-store.ts'
import type { Registration } from '../provisioning/dps-port.ts'
import type { EnrolmentChange, EnrolmentKind, EnrolmentRequest, EnrolmentView } from '../provisioning/enrolment.ts'
import type { EnrolmentReply } from '../provisioning/enrolments.ts'
import type { ProvisioningKind, ProvisioningRequest, Verdict } from '../provisioning/provisioning-port.ts'
import type { TemplateView } from '../provisioning/template-store.ts'
import type { GroupView } from '../topology/group.ts'
import type { CredentialEvent } from '../identity/rotation.ts'
import type { CaView, DeviceCertificate, ExportedRoot, ImportRequest, RegisterCaRequest, RegisteredCa } from '../pki/authority.ts'
import type { RevocationReason } from '../pki/crl.ts'
import type { KeyType } from '../pki/keys.ts'
import type {
  Consumer,
  ConsumerEvents,
  ConsumerSpec,
  DeadLetter,
  JournalMetrics,
  JournalRecord,
} from '../journal/journal-port.ts'
import type {
  AggregateQuery,
  Duplicates,
  DownsampleQuery,
  LastValue,
  RangeQuery,
  WarmMetrics,
  WarmPage,
  WarmRow,
} from '../storage/warm-store.ts'
import type { HttpAnswer, HttpRequest } from '../telemetry/http-exchange.ts'

export type { CredentialKind, CredentialRequest, CredentialView, DeviceSecrets } from '../identity/credential-types.ts'
export type { HubOptions } from './options.ts'

export interface DeviceView {
  id: string
  generation: string
  enabled: boolean
  state: 'pending' | 'active' | 'quarantined' | 'retired'
  credentials: CredentialView[]
  /** the enrolment, or `template/{name}`, that made it */
  enrolmentId?: string
  tags: Record<string, unknown>
  attributes: Record<string, string>
  reason?: string
  createdAt: number
  updatedAt: number
  etag: string
  connection: {
    connected: boolean
    since?: number
    clientId?: string
    address?: string
    dialect?: string
    lastSeen?: number
    disconnectReason?: string
  }
}

export interface RegisterDevice {
  id: string
  credentials?: CredentialRequest
  tags?: Record<string, unknown>
  attributes?: Record<string, string>
  /** desired properties the twin starts with */
  desired?: Record<string, unknown>
  enabled?: boolean
  by?: string
}

export interface DevicesApi {
  /** IDENTITY_EXISTS, IDENTITY_INVALID, CRED_INVALID. */
  register(o: RegisterDevice): Promise<{ device: DeviceView; secrets?: DeviceSecrets }>
  /** IDENTITY_NOT_FOUND. */
  get(o: { id: string }): Promise<DeviceView>
  /**
   * `query`: an id prefix, `id:prefix`, `enabled:true|false`, `connected:true|false`, `tags.x:value`, `attributes.x:value`, joined by blanks (and). `limit`: 1 to 1,000,
   * default 100; a page may have fewer and still a next one. STORE_QUERY_INVALID.
   */
  list(o: { query?: string; limit?: number; cursor?: string }): Promise<{ items: DeviceView[]; next?: string }>
  /** `enabled: false` drops the live connection before it resolves. `tags`, `attributes` are merge patches (RFC 7396). */
  update(o: {
    id: string
    enabled?: boolean
    reason?: string
    tags?: Record<string, unknown>
    attributes?: Record<string, string | null>
    etag?: string
    by?: string
  }): Promise<DeviceView>
  /** Only twin and jobs are left to it; telemetry of its goes nowhere. IDENTITY_RETIRED. */
  quarantine(o: { id: string; reason?: string; etag?: string; by?: string }): Promise<DeviceView>
  /** Ends a quarantine: everything is as it was before. */
  release(o: { id: string; reason?: string; etag?: string; by?: string }): Promise<DeviceView>
  /**
   * Takes a device out of service for good: credentials revoked, connections, sessions and last values gone. Its record and telemetry stay, its id is not
   * registered again until it is deleted.
   */
  retire(o: { id: string; reason?: string; etag?: string; by?: string }): Promise<DeviceView>
  /** Also drops connections, sessions and the twin; telemetry stays until its retention ends. */
  delete(o: { id: string; by?: string }): Promise<void>
  count(o: Record<string, never>): Promise<{ devices: number; connected: number }>
}

export interface IdentityApi {
  addCredential(o: { id: string; credential: CredentialRequest; by?: string }): Promise<DeviceSecrets>
  /** Adds a credential that replaces those of its kind: they go on until it was used, and then for the overlap, by default 7 days. */
  rotate(o: { id: string; credential: CredentialRequest; overlapMs?: number; by?: string }): Promise<DeviceSecrets>
  /** A new key in one slot of a `sas` credential; the other slot goes on. CRED_NOT_FOUND, CRED_INVALID. */
  regenerateKey(o: { id: string; cid: string; slot: 'primary' | 'secondary'; by?: string }): Promise<DeviceSecrets>
  /** Closes sessions that were opened with it. CRED_NOT_FOUND. */
  revokeCredential(o: { id: string; cid: string; reason?: RevocationReason; by?: string }): Promise<void>
  /** Token services whose bearer tokens count. */
  issuers(o: Record<string, never>): Promise<IssuerView[]>
  /** ISSUER_INVALID, ISSUER_CONFLICT. */
  putIssuer(o: { issuer: NewIssuer; etag?: string; by?: string }): Promise<IssuerView>
  /** Sessions that its tokens opened are closed. NOT_FOUND. */
  deleteIssuer(o: { id: string; by?: string }): Promise<void>
}

export interface PkiApi {
  /** Root and intermediate, PEM: what devices and openssl trust. */
  caCertificates(o: Record<string, never>): Promise<{ rootPem: string; issuingPem: string }>
  /** The hub's own authorities and those it trusts. */
  cas(o: Record<string, never>): Promise<CaView[]>
  /** Certificate and newest revocation list of one, PEM; no list where the hub never had the key. NOT_FOUND. */
  ca(o: { id: string }): Promise<{ certificatePem: string; crlPem?: string }>
  /** A CA of someone else: pending until its owner has proved the key. PKI_CA_INVALID, PKI_CA_EXISTS. */
  registerCa(o: RegisterCaRequest & { by?: string }): Promise<RegisteredCa>
  /** PKI_PROOF_FAILED, NOT_FOUND. */
  verifyCa(o: { id: string; proofPem: string; by?: string }): Promise<CaView>
  /** An inactive CA vouches for nobody: sessions of its certificates are closed. */
  setCaActive(o: { id: string; active: boolean; by?: string }): Promise<CaView>
  removeCa(o: { id: string; by?: string }): Promise<void>
  /** An issuing authority with its key: certificates come from it from now on. */
  importIssuing(o: ImportRequest & { by?: string }): Promise<CaView>
  /** The root's key under a passphrase, to be put away; `erase` then removes it here. */
  exportRootKey(o: { passphrase: string; by?: string }): Promise<ExportedRoot>
  eraseRootKey(o: { by?: string }): Promise<void>
  restoreRootKey(o: { pem: string; passphrase?: string; by?: string }): Promise<void>
  /** A certificate that is nobody's yet: it lets nobody in until it is registered with a device. PKI_*. */
  issue(o: { csrPem?: string; keyType?: KeyType; days?: number; by?: string }): Promise<DeviceCertificate & { caPem: string }>
}

export interface PoliciesApi {
  list(o: { prefix?: string; limit?: number; cursor?: string }): Promise<{ items: PolicyView[]; next?: string }>
  get(o: { id: string }): Promise<PolicyView | undefined>
  /** `text`: an AWS IoT policy document. POLICY_INVALID with the place, POLICY_EXISTS. */
  create(o: { id: string; text: string; description?: string; by?: string }): Promise<PolicyView>
  /** Acts on live sessions at once. POLICY_NOT_FOUND, POLICY_INVALID, POLICY_CONFLICT. */
  update(o: { id: string; text?: string; description?: string; etag?: string; by?: string }): Promise<PolicyView>
  /** POLICY_NOT_FOUND, POLICY_CONFLICT, POLICY_ATTACHED. */
  delete(o: { id: string; etag?: string; by?: string }): Promise<void>
  /** POLICY_NOT_FOUND, POLICY_LIMIT. */
  attach(o: { policy: string; target: PolicyTarget; by?: string }): Promise<void>
  detach(o: { policy: string; target: PolicyTarget; by?: string }): Promise<void>
  attached(o: { target: PolicyTarget }): Promise<string[]>
  targets(o: { policy: string; limit?: number; cursor?: string }): Promise<{ items: PolicyTarget[]; next?: string }>
  strict(o: Record<string, never>): Promise<{ strict: boolean }>
  /** Strict: what the table of reserved topics grants needs an Allow too, as in AWS. */
  setStrict(o: { strict: boolean; by?: string }): Promise<void>
  /** What the device's policies, or a `document` that is not stored, say of one action, by policies alone. POLICY_INVALID, REQUEST_INVALID. */
  test(o: {
    device: string
    action: string
    topic?: string
    clientId?: string
    sourceIp?: string
    document?: string
  }): Promise<PolicyAnswer>
  /** Devices that policies allow it, with the statement; looks at no more than 10,000 for one answer, so a page may be short, or longer than `limit` by 200. */
  whoMay(o: {
    action: string
    topic?: string
    limit?: number
    cursor?: string
  }): Promise<{ items: { id: string; statement: NonNullable<PolicyAnswer['statement']> }[]; next?: string }>
}

export interface GroupsApi {
  list(o: {
    parent?: string | null
    prefix?: string
    limit?: number
    cursor?: string
  }): Promise<{ items: GroupView[]; next?: string }>
  get(o: { id: string }): Promise<GroupView | undefined>
  /** GROUP_INVALID, GROUP_EXISTS, GROUP_LIMIT, GROUP_NOT_FOUND for the parent. */
  create(o: { id: string; parent?: string; description?: string; by?: string }): Promise<GroupView>
  /** `parent: null` moves it to the top. GROUP_NOT_FOUND, GROUP_LIMIT, ENTITY_CYCLE, GROUP_CONFLICT. */
  update(o: { id: string; parent?: string | null; description?: string; etag?: string; by?: string }): Promise<GroupView>
  /** GROUP_NOT_EMPTY unless `force`. */
  delete(o: { id: string; force?: boolean; etag?: string; by?: string }): Promise<void>
  /** At most 1,000, all or none. */
  add(o: { group: string; devices: string[]; by?: string }): Promise<{ added: number }>
  remove(o: { group: string; devices: string[]; by?: string }): Promise<{ removed: number }>
  members(o: { group: string; deep?: boolean; limit?: number; cursor?: string }): Promise<{ items: string[]; next?: string }>
  groupsOf(o: { device: string }): Promise<{ direct: string[]; all: string[] }>
}

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

  /** While at least one listener is on, questions of hooks come as `provisioning-question` events, the open ones at once. */
  listen(o: { listener: string; on: boolean }): Promise<void>
  /** The first answer counts. PROV_INVALID, NOT_FOUND. */
  answer(o: { id: string; verdict: Verdict }): Promise<void>

  /** Where devices find this hub and what they shall trust. */
  bootstrap(o: Record<string, never>): Promise<BootstrapDocument>
}

export interface AuditApi {
  /** Newest first. */
  query(o: AuditQuery): Promise<{ items: AuditView[]; next?: string }>
  /** Recomputes the chain; `upTo`: a checkpoint kept elsewhere. */
  verify(o: { upTo?: Checkpoint }): Promise<Verification>
  checkpoints(o: { limit?: number }): Promise<Checkpoint[]>
  /** Something a flow or a person wants on record. */
  note(o: { action: string; target: string; detail?: Record<string, unknown>; by?: string }): Promise<void>
}

export interface DeviceHttpApi {
  /** A request of a device that came in by another door than the hub's `https` listener; refusals are answers too. `secure`: TLS, or this machine itself. */
  handle(o: { request: HttpRequest; peer: { address: string; secure: boolean } }): Promise<HttpAnswer>
}

export interface ConsumerView {
  name: string
  /** Highest seq below which (inclusive) all is acknowledged. */
  position: number
  /** records behind the head, counted by seq */
  lag: number
  inFlight: number
  /** epoch ms; absent for one that only keeps a part of the journal */
  lastSeen?: number
  /** whether a node reads under that name now */
  inUse: boolean
}

export interface JournalApi {
  metrics(o: Record<string, never>): Promise<JournalMetrics>
  read(o: { from: number; limit: number }): Promise<JournalRecord[]>
  /** By name: nodes that read now, those that did and may go on, and owners of pins. */
  consumers(o: { limit?: number; cursor?: string }): Promise<{ items: ConsumerView[]; next?: string }>
  /** Its place is gone: the journal need keep nothing for it. JOURNAL_CONSUMER_EXISTS while it is in use; with `existing` NOT_FOUND for an unknown name. */
  forget(o: { name: string; existing?: boolean }): Promise<void>
  pin(o: { name: string; seq?: number }): Promise<void>
  deadLetters(o: { limit: number; cursor?: string; state?: DeadLetter['state'] }): Promise<{ items: DeadLetter[]; next?: string }>
  replayDeadLetter(o: { id: number }): Promise<{ seq: number }>
  discardDeadLetter(o: { id: number }): Promise<void>
}

export interface TelemetryApi {
  /** A message that did not come over a device connection (HTTP, flow) enters the same log; resolves when it is on disk. */
  inject(o: {
    device: string
    payload: Uint8Array
    topic?: string
    stream?: string
    contentType?: string
    properties?: Record<string, string>
    time?: number
    by?: string
  }): Promise<{ seq: number }>
  /** Readings into the warm store (loom-store); resolves when durable. */
  store(o: { rows: WarmRow[]; duplicates?: Duplicates }): Promise<{ stored: number; duplicates: number }>
}

export interface QueryApi {
  range(o: RangeQuery): Promise<WarmPage>
  aggregate(o: AggregateQuery): Promise<WarmPage>
  downsample(o: DownsampleQuery): Promise<WarmPage>
  last(o: { devices: string[]; streams?: string[]; points?: string[] }): Promise<LastValue[]>
}

export interface HubHealth {
  hubId: string
  name: string
  status: 'starting' | 'ok' | 'degraded' | 'blocked' | 'failed' | 'stopped'
  /** epoch ms of the last start */
  since: number
  /** starts after a crash since the runtime began */
  restarts: number
  listeners: Listening[]
  journal: { state: 'ok' | 'degraded' | 'full'; headSeq: number; diskBytes: number }
  store: { kind: string; state: 'ok' | 'warn' | 'error'; message?: string }
  devices: number
  connections: number
  problems: ErrorData[]
}

export interface HealthApi {
  get(o: Record<string, never>): Promise<HubHealth>
  /** Prometheus text exposition format 0.0.4. */
  metrics(o: Record<string, never>): Promise<{ text: string; warm: WarmMetrics }>
}

/** Live changes for people's eyes: at most once, never the source of truth (that is the journal). */
export type HubEvent =
  | {
      type: 'device'
      id: string
      change: 'created' | 'updated' | 'deleted' | 'connected' | 'disconnected' | 'online' | 'offline'
      at: number
      reason?: string
    }
  | { type: 'health'; status: HubHealth['status']; at: number }
  | { type: 'metrics'; at: number; connections: number; received: number; headSeq: number }
  | ({ type: 'credential'; at: number } & CredentialEvent)
  | {
      type: 'provisioning'
      at: number
      /** ISSUED, ACTIVE, PENDING_APPROVAL, DENIED, CLONE_SUSPECTED, .. */
      state: string
      by: string
      ip: string
      deviceId?: string
      registrationId?: string
      enrolmentId?: string
      template?: string
      claimId?: string
      code?: string
      reason?: string
    }
  | { type: 'provisioning-question'; at: number; request: ProvisioningRequest; until: number }
  | { type: 'deadletter'; at: number; id: number; code: string; device: string }
  | { type: 'security'; at: number; code: string; message: string; device?: string; address?: string }

/**
 * One running hub. Each method takes one object and resolves with plain, structured-clonable data; failures are LoomErrors. The same interface is served
 * in-process and across the hub thread's port; `consume` and `subscribe` are its two streams.
 */
export interface Hub {
  readonly devices: DevicesApi
  readonly identity: IdentityApi
  readonly pki: PkiApi
  readonly journal: JournalApi
  readonly telemetry: TelemetryApi
  readonly query: QueryApi
  readonly health: HealthApi
  readonly audit: AuditApi
  readonly policies: PoliciesApi
  readonly groups: GroupsApi
  readonly provisioning: ProvisioningApi
  readonly deviceHttp: DeviceHttpApi
  /** A named durable consumer of the journal; across the thread it resumes by itself after a restart of the hub. */
  consume(spec: ConsumerSpec, events: ConsumerEvents): Promise<Consumer>
  /** Live events; the returned function ends it. */
  subscribe(listener: (event: HubEvent) => void): () => void
  close(): Promise<void>
}

/** The request/response groups of `Hub`, as a list: the thread's port serves exactly these. */
export const hubApis = [
  'devices',
  'identity',
  'pki',
  'journal',
  'telemetry',
  'query',
  'health',
  'audit',
  'policies',
  'groups',
  'provisioning',
  'deviceHttp',
] as const
