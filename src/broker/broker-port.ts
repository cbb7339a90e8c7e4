import type { LoomError } from '../errors.ts'
import type { HttpAnswer, HttpRequest } from '../telemetry/http-exchange.ts'

/**
 * `https`: device requests and secure WebSockets; `shared`: those and MQTT over TLS on one port, told apart by ALPN or the first byte.
 */
export type ListenerKind = 'mqtt' | 'mqtts' | 'ws' | 'wss' | 'https' | 'shared'

export interface ListenerOptions {
  kind: ListenerKind
  host: string
  /** 0 lets the system choose; the real one is in `listeners()`. */
  port: number
  /** Needed for mqtt and ws beyond loopback. */
  allowPlaintext?: boolean
}

export interface Listening extends ListenerOptions {
  state: 'open' | 'failed'
  error?: { code: string; message: string }
}

export interface TlsMaterial {
  /** leaf followed by its intermediates, PEM */
  certPem: string
  keyPem: string
}

/** A peer certificate as TLS delivered it: `possession` was proved by the handshake, nothing else is. */
export interface PeerCertificate {
  /** lower hex SHA-256 of the DER */
  fingerprint: string
  der: Uint8Array
  subjectCn: string
  /** epoch ms */
  notBefore: number
  notAfter: number
  /** DER of what the peer sent above its own, in order; absent on a resumed session */
  issuers?: readonly Uint8Array[]
}

/** A CONNECT before anything was decided. */
export interface ConnectHello {
  clientId: string
  /** The client named none: `clientId` was made for this connection alone. */
  generatedId?: true
  username?: string
  password?: Uint8Array
  clean: boolean
  keepAliveS: number
  listener: ListenerKind
  remoteAddress: string
  /** as of `Connection` */
  dialled?: string
  certificate?: PeerCertificate
  will?: { topic: string; qos: number; retain: boolean; payload: Uint8Array }
}

/** Who a connection belongs to, fixed at CONNECT. */
export interface Principal {
  /** the device; '' for a service */
  deviceId: string
  module?: string
  family: 'iothub' | 'dps' | 'thing' | 'claim' | 'service'
  /** credential id and kind that proved it */
  cid: string
  kind: 'sas' | 'x509' | 'password' | 'x509-group' | 'sas-derived' | 'jwt' | 'anonymous'
  fingerprint?: string
  /** opaque: what the proof rested on beside the credential */
  basis?: string
  /** dps: what it registers; `cid` is the enrolment that admits it */
  registrationId?: string
}

export type Admission =
  | {
      admit: true
      principal: Principal
      /** The broker's client id: `{family}|{client id}`, so that families never share a session. */
      sessionKey: string
      /** Close at this time, epoch ms; absent: never. */
      expiresAt?: number
      /** The will may be published at the end. */
      willAllowed: boolean
      /** Forces a clean session. */
      clean?: boolean
    }
  | {
      admit: false
      /** MQTT 3.1.1 CONNACK code */
      connack: 1 | 2 | 3 | 4 | 5
      /** for audit and logs, never for the wire */
      reason: string
    }

export interface Connection {
  /** unique in the hub's life and across restarts */
  readonly id: string
  readonly clientId: string
  readonly sessionKey: string
  readonly principal: Principal
  readonly listener: ListenerKind
  readonly remoteAddress: string
  /** The name the client dialled (SNI), lower case; without one the address it reached. */
  readonly dialled?: string
  readonly clean: boolean
  /** epoch ms */
  readonly since: number
}

export interface InboundPublish {
  topic: string
  payload: Uint8Array
  qos: 0 | 1 | 2
  retain: boolean
  dup: boolean
  will: boolean
}

/**
 * What becomes of a publish: `route` goes on to subscribers (its retain flag cleared), `retain` also keeps it as the topic's retained message,
 * `sink` ends here, `refuse` ends here too and counts as refused (over 100 a minute close the connection), `close` closes at once, without PUBACK.
 */
export type PublishOutcome = 'route' | 'retain' | 'sink' | 'refuse' | 'close'

export type DisconnectReason =
  | 'CLIENT_INITIATED_DISCONNECT'
  | 'MQTT_KEEP_ALIVE_TIMEOUT'
  | 'CONNECTION_LOST'
  | 'DUPLICATE_CLIENTID'
  | 'CLIENT_ERROR'
  | 'CUSTOMAUTH_TTL_EXPIRATION'
  | 'FORBIDDEN_ACCESS'
  | 'THROTTLED'
  | 'SERVER_INITIATED_DISCONNECT'
  | 'SERVER_ERROR'

/** What the broker asks of the hub. Only `connect` may take time; the rest is synchronous and on the hot path. */
export interface BrokerGate {
  connect(hello: ConnectHello): Promise<Admission>
  /**
   * One PUBLISH in arrival order of its connection (a will left by a crash comes at the next start, with the connection as it was).
   * The PUBACK leaves only once `acknowledge()` was called, and after those of earlier publishes. `acknowledge(error)`: it never leaves; the
   * connection is closed so that the device repeats.
   */
  publish(connection: Connection, packet: InboundPublish, acknowledge: (error?: LoomError) => void): PublishOutcome
  /** Granted QoS (at most 1), or 128 to refuse. Also asked for every stored filter when a session is restored, and by `recheck` for those that are there. */
  subscribe(connection: Connection, filter: string, qos: 0 | 1 | 2, recheck?: true): 0 | 1 | 128
  /** So many more filters, and messages of the hub that wait, than another connection: it speaks for other devices too. */
  extraRoom?(connection: Connection): number
  unsubscribed?(connection: Connection, filter: string): void
  /** May this connection receive this routed message? `filters` not known to the library: decide by topic. */
  forward(connection: Connection, topic: string): boolean
  /** A device request over HTTPS; never rejects. Absent: there is no device API, and https listeners answer 404. */
  request?(
    request: HttpRequest,
    peer: { remoteAddress: string; dialled?: string; certificate?: PeerCertificate },
  ): Promise<HttpAnswer>
  connected(connection: Connection): void
  disconnected(connection: Connection, reason: DisconnectReason): void
  /** A CONNECT or packet that never became a connection: broken, too large, too slow, over the rate. */
  refused(o: { remoteAddress: string; clientId?: string; reason: string; code?: string }): void
}

export interface BrokerMetrics {
  connections: number
  received: number
  routed: number
  delivered: number
  refusedConnects: number
  refusedPublishes: number
  /** QoS 0 dropped towards slow clients, or over throttle */
  dropped: number
  openSlots: number
  pendingBytes: number
  paused: number
  sessions: number
  queued: number
  retained: number
}

export interface BrokerPort {
  /** Opens listeners one by one; a port that is taken makes that listener `failed` (BROKER_PORT_TAKEN names port and address), the others serve. */
  start(): Promise<Listening[]>
  listeners(): Listening[]
  /**
   * Writes a message to one connection, subscribed or not. Resolves when written (QoS 0) or acknowledged (QoS 1); rejects when the connection is gone.
   */
  send(connectionId: string, message: { topic: string; payload: Uint8Array | string; qos: 0 | 1 }): Promise<void>
  /** Routes a message of the hub itself to subscribers. */
  publish(message: { topic: string; payload: Uint8Array | string; qos: 0 | 1; retain?: boolean }): Promise<void>
  connections(): Iterable<Connection>
  connectionsOf(deviceId: string): readonly Connection[]
  /** The device that is connected under a session key, or has a session stored there. */
  holderOf(sessionKey: string): string | undefined
  /** Asks the gate again for every filter of a connection and ends the subscriptions that it refuses now. */
  recheck(connectionId: string): Promise<void>
  /** Closes at once; resolves when the socket is closed. */
  disconnect(connectionId: string, reason: DisconnectReason): Promise<void>
  /** Removes stored sessions, queues and retained messages of a device (deleted or retired). */
  purge(deviceId: string): Promise<void>
  /** New certificate for new handshakes; live sessions go on. */
  setTls(material: TlsMaterial): void
  metrics(): BrokerMetrics
  /** No accepts, no reads, drain open slots, write sessions, close; at most `withinMs`. */
  stop(withinMs: number): Promise<void>
}
