import type { Listening } from '../broker/broker-port.ts'
import type { ErrorData } from '../errors.ts'
import type { CredentialRequest, CredentialView, DeviceSecrets } from '../identity/credential-types.ts'
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

export type { CredentialKind, CredentialRequest, CredentialView, DeviceSecrets } from '../identity/credential-types.ts'
export type { HubOptions } from './options.ts'

export interface DeviceView {
  id: string
  generation: string
  enabled: boolean
  state: 'pending' | 'active' | 'quarantined' | 'retired'
  credentials: CredentialView[]
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
  /** Also drops connections, sessions and the twin; telemetry stays until its retention ends. */
  delete(o: { id: string; by?: string }): Promise<void>
  count(o: Record<string, never>): Promise<{ devices: number; connected: number }>
}

export interface IdentityApi {
  addCredential(o: { id: string; credential: CredentialRequest; by?: string }): Promise<DeviceSecrets>
  /** Closes sessions that were opened with it. CRED_NOT_FOUND. */
  revokeCredential(o: { id: string; cid: string; by?: string }): Promise<void>
}

export interface PkiApi {
  /** Root and intermediate, PEM: what devices and openssl trust. */
  caCertificates(o: Record<string, never>): Promise<{ rootPem: string; issuingPem: string }>
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
  /** A named durable consumer of the journal; across the thread it resumes by itself after a restart of the hub. */
  consume(spec: ConsumerSpec, events: ConsumerEvents): Promise<Consumer>
  /** Live events; the returned function ends it. */
  subscribe(listener: (event: HubEvent) => void): () => void
  close(): Promise<void>
}

/** The request/response groups of `Hub`, as a list: the thread's port serves exactly these. */
export const hubApis = ['devices', 'identity', 'pki', 'journal', 'telemetry', 'query', 'health'] as const
