import type { Backpressure } from './backpressure.ts'
import type { BrokerGate } from './broker-port.ts'
import type { FilterTree } from './filter-tree.ts'
import type { Links } from './links.ts'
import type { Retained } from './retained.ts'
import type { Sessions } from './sessions.ts'
import type { TakeoverWatch } from './takeover-watch.ts'
import type { TokenBuckets } from './token-buckets.ts'
import type { Wills } from './wills.ts'

export interface BrokerLimits {
  /** payload of one message */
  payloadBytes: number
  /** TLS connections accepted a second; twice as many at once; 0 = no limit */
  connectsPerSecond: number
  /** the same for one address; 0 = no limit */
  connectsPerSecondPerAddress: number
  /** publishes of one connection that wait for their commit before it is no longer read */
  openSlots: number
  /** bytes of all connections that wait for their commit before no PUBLISH is read */
  pendingBytes: number
  /** a connection that was not read for so long is closed */
  maxHoldMs: number
  /** life of a session that is not used */
  sessionTtlMs: number
  /** of one connection, default 50 */
  subscriptions?: number
  /** live connections of one device, default 20; 0 = no limit */
  connectionsPerDevice?: number
  /** authenticated CONNECTs of one device a second, default 1; 20 times as many at once; 0 = no limit */
  connectsPerSecondPerDevice?: number
  /** stored sessions of one device, default 20; 0 = no limit */
  sessionsPerDevice?: number
  /** queued for all sessions together, default 256 MiB */
  queueBytes?: number
  /** until a CONNECT, default 10 s */
  connectTimeoutMs?: number
  /** a peer that takes nothing for so long is closed, default 5 s */
  drainTimeoutMs?: number
  /** sockets that wait for a TLS handshake, default 2,000, at most 5 s each; more are closed unread */
  waitingConnects?: number
}

export interface Counts {
  received: number
  routed: number
  delivered: number
  refusedConnects: number
  refusedPublishes: number
  dropped: number
}

/** What the parts of the embedded broker share. */
export interface Core {
  readonly gate: BrokerGate
  readonly now: () => number
  readonly log: (level: 'warn' | 'error', text: string) => void
  readonly limits: Required<BrokerLimits>
  readonly links: Links
  /** the filters of live connections, by connection id */
  readonly subscribed: FilterTree
  readonly sessions: Sessions
  readonly retained: Retained
  readonly wills: Wills
  readonly takeovers: TakeoverWatch
  /** authenticated CONNECTs by device */
  readonly connects: TokenBuckets
  readonly backpressure: Backpressure
  readonly counts: Counts
  /** Hands a message to the library's routing. */
  route(message: Routed, done?: (error?: Error | null) => void): void
}

export interface Routed {
  topic: string
  payload: Uint8Array
  qos: 0 | 1 | 2
  retain: boolean
}

/** A packet may be this much larger than its payload. */
export const headerBytes = 4096
/** largest packet before the CONNECT was decided */
export const connectBytes = 16_384
