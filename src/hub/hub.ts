import type { HttpAnswer, HttpRequest } from '../telemetry/http-exchange.ts'
import type { ConnectionView } from './connection-history.ts'
import type { DecommissionReport, TelemetryFate } from './decommission.ts'
import type { AuditApi, GroupsApi, PoliciesApi } from './hub-access.ts'
import type { ActionsApi } from './hub-actions.ts'
import type { ConfigurationsApi } from './hub-configurations.ts'
import type { FleetApi } from './hub-fleet.ts'
import type { FleetDialect } from '../topology/fleet-query/ast.ts'
import type { CommandsApi } from './hub-commands.ts'
import type { ModelsApi } from './hub-models.ts'
import type { SchemasApi } from './hub-schemas.ts'
import type { ReferenceApi } from './hub-reference.ts'
import type { HubEvent } from './hub-event.ts'
import type { GatewaysApi } from './hub-gateways.ts'
import type { ImportsApi } from './hub-imports.ts'
import type { ProvisioningApi } from './hub-provisioning.ts'
import type { TwinsApi } from './hub-twins.ts'
import type { Listening } from '../broker/broker-port.ts'
import type { ErrorData } from '../errors.ts'
import type { CredentialRequest, CredentialView, DeviceSecrets } from '../identity/credential-types.ts'
import type { IssuerView, NewIssuer } from '../identity/issuers.ts'
import type { CaView, DeviceCertificate, ExportedRoot, ImportRequest, RegisterCaRequest, RegisteredCa } from '../pki/authority.ts'
import type { RevocationReason } from '../pki/crl.ts'
import type { KeyType } from '../pki/keys.ts'
import type { RuleText } from '../routing/rule-text.ts'
import type {
  Consumer,
  ConsumerEvents,
  ConsumerSpec,
  DeadLetter,
  LetterFilter,
  NewDeadLetter,
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

export type { ConnectionView } from './connection-history.ts'
export type { Decommission, DecommissionReport, TelemetryFate } from './decommission.ts'
export type { AuditApi, GroupsApi, PoliciesApi } from './hub-access.ts'
export type { ActionsApi, EndpointView } from './hub-actions.ts'
export type { ConfigurationMetrics, ConfigurationsApi, ConfigurationView } from './hub-configurations.ts'
export type { DynamicGroupView, FleetApi, FleetFigures } from './hub-fleet.ts'
export type { CommandsApi, CommandsEvent, CommandTargets, MessageFeedback } from './hub-commands.ts'
export type { GatewaysApi, LeafEvent, LeafTelemetry } from './hub-gateways.ts'
export type { ImportsApi, ImportView } from './hub-imports.ts'
export type { TwinsApi, TwinView } from './hub-twins.ts'
export type { ReferenceApi, ReferenceView } from './hub-reference.ts'
export type { ProvisioningApi, WaitingDevice } from './hub-provisioning.ts'
export type { CredentialKind, CredentialRequest, CredentialView, DeviceSecrets } from '../identity/credential-types.ts'
export type { DeviceChange, HubEvent } from './hub-event.ts'
export type { HubOptions } from './options.ts'

export interface DeviceView {
  id: string
  generation: string
  enabled: boolean
  state: 'pending' | 'active' | 'quarantined' | 'retired'
  credentials: CredentialView[]
  /** the enrolment, `template/{name}` or `pairing/{id}` that made it */
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
    /** the gateway it is behind */
    via?: string
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
   * default 100; a page may have fewer and still a next one. STORE_QUERY_INVALID. With `dialect` the query is one of the fleet: QUERY_SYNTAX, QUERY_LIMIT.
   */
  list(o: {
    query?: string
    dialect?: FleetDialect
    limit?: number
    cursor?: string
  }): Promise<{ items: DeviceView[]; next?: string }>
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
   * Takes a device out of service for good: credentials revoked, connections, sessions and last values gone, memberships left, its record archived, its telemetry
   * kept (default) or erased. Each step is on record: after a failure or crash the hub goes on by itself, and the same call answers with the same report. Its
   * id is not registered again until it is deleted.
   */
  retire(o: {
    id: string
    telemetry?: TelemetryFate
    reason?: string
    etag?: string
    by?: string
  }): Promise<DeviceView & { decommission: DecommissionReport }>
  /** NOT_FOUND of a device that is not retired. */
  decommission(o: { id: string }): Promise<DecommissionReport>
  /** Also drops connections, sessions, the twin and the archive; telemetry stays until its retention ends unless it was erased. */
  delete(o: { id: string; by?: string }): Promise<void>
  count(o: Record<string, never>): Promise<{ devices: number; connected: number }>
  /** Its last connections, the newest first: 100, for 90 days. `limit`: 1 to 1,000, default 100. IDENTITY_NOT_FOUND, REQUEST_INVALID. */
  connections(o: { id: string; limit?: number; cursor?: string }): Promise<{ items: ConnectionView[]; next?: string }>
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
  deadLetters(o: LetterFilter & { limit: number; cursor?: string }): Promise<{ items: DeadLetter[]; next?: string }>
  /** What a node could not process, as it got it; resolves with the id when the letter is on disk. JOURNAL_FULL. */
  addDeadLetter(o: NewDeadLetter): Promise<{ id: number }>
  replayDeadLetter(o: { id: number }): Promise<{ seq: number }>
  /** Those that the filter holds for and that are open, in the order in which they failed, the oldest 10,000 in one call; `more`: others wait. */
  replayDeadLetters(o: LetterFilter): Promise<{ replayed: number; more: boolean }>
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

/** Rules that run in the hub. One that does not compile lets nothing through. */
export interface ConsumerRules {
  rules: readonly RuleText[]
  logic?: 'three-valued' | 'strict'
}
/** With `rules`: only records for which one of them may fire are handed over. Replayed dead letters always are. */
export interface HubConsumerSpec extends ConsumerSpec {
  rules?: ConsumerRules
}
export interface HubConsumer extends Consumer {
  /** Other rules from the next record on; no effect on a consumer that was opened without. */
  setRules(rules: ConsumerRules): void
}

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
  readonly fleet: FleetApi
  readonly configurations: ConfigurationsApi
  readonly gateways: GatewaysApi
  readonly provisioning: ProvisioningApi
  readonly imports: ImportsApi
  readonly deviceHttp: DeviceHttpApi
  readonly twins: TwinsApi
  readonly commands: CommandsApi
  readonly models: ModelsApi
  readonly schemas: SchemasApi
  readonly reference: ReferenceApi
  readonly actions: ActionsApi
  /** A named durable consumer of the journal; across the thread it resumes by itself after a restart of the hub. */
  consume(spec: HubConsumerSpec, events: ConsumerEvents): Promise<HubConsumer>
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
  'fleet',
  'configurations',
  'gateways',
  'provisioning',
  'deviceHttp',
  'twins',
  'commands',
  'models',
  'schemas',
  'reference',
  'actions',
  'imports',
] as const
