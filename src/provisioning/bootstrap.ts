import type { JsonWebKey } from 'node:crypto'
import { LoomError } from '../errors.ts'

/** Where a device reaches a hub. */
export interface BootstrapEndpoint {
  kind: 'mqtts' | 'wss' | 'https' | 'dps'
  /** `host[:port]` */
  address: string
}

/** What a hub says about itself, now. */
export interface BootstrapSource {
  endpoints: readonly BootstrapEndpoint[]
  /** PEM: the CA in use, and before a change the coming one */
  cas: readonly string[]
  /** epoch ms */
  now: number
  /** names of intervals -> ms: `telemetryMs`, `heartbeatMs`, .. */
  intervals: Readonly<Record<string, number>>
  configuration: Readonly<Record<string, unknown>>
}

/** The document a device starts from. */
export interface BootstrapDocument {
  /** Raised when a member is added; none is ever removed or changes its meaning. */
  v: 1
  endpoints: BootstrapEndpoint[]
  /** old and new: a device trusts all of them */
  cas: string[]
  /** the hub's, epoch ms, for devices without a clock of their own */
  time: number
  /** the same as ISO 8601 */
  timeUtc: string
  intervals: Record<string, number>
  configuration: Record<string, unknown>
  /** public key of the hub's wake-up tokens, a JWK */
  wakeKey?: JsonWebKey
}

const mostBytes = 65_536

/**
 * The bootstrap document after `previous`: what a device may have learned from that one still stands. Endpoints and CAs are added, the present ones first; an
 * interval or a configuration member gets its present value and is never taken out. STORE_LIMIT past 64 KiB.
 */
export function bootstrapDocument(source: BootstrapSource, previous?: BootstrapDocument): BootstrapDocument {
  const endpoints = [...source.endpoints, ...(previous?.endpoints ?? [])].map(({ kind, address }) => ({ kind, address }))
  const document: BootstrapDocument = {
    v: 1,
    endpoints: [...new Map(endpoints.map(one => [`${one.kind} ${one.address}`, one])).values()],
    cas: [...new Set([...source.cas, ...(previous?.cas ?? [])])],
    time: source.now,
    timeUtc: new Date(source.now).toISOString(),
    intervals: { ...previous?.intervals, ...source.intervals },
    configuration: { ...previous?.configuration, ...source.configuration },
  }
  const bytes = Buffer.byteLength(JSON.stringify(document))
  if (bytes > mostBytes)
    throw new LoomError('STORE_LIMIT', `a bootstrap document of ${bytes} bytes`, { hint: `at most ${mostBytes}` })
  return document
}

/** Drops CAs that ended or are trusted no more, endpoints that are gone for good, members nobody reads: an operator's decision, the one way the document shrinks. */
export function prunedBootstrap(document: BootstrapDocument, o: BootstrapPruning): BootstrapDocument {
  const gone = new Set(o.endpoints?.map(({ kind, address }) => `${kind} ${address}`))
  const without = <T>(members: Record<string, T>, names: readonly string[] = []) =>
    Object.fromEntries(Object.entries(members).filter(([name]) => !names.includes(name)))
  return {
    ...document,
    cas: document.cas.filter(pem => !o.cas?.includes(pem)),
    endpoints: document.endpoints.filter(({ kind, address }) => !gone.has(`${kind} ${address}`)),
    intervals: without(document.intervals, o.intervals),
    configuration: without(document.configuration, o.configuration),
  }
}

/** What an operator takes out. */
export interface BootstrapPruning {
  /** PEM, as the document has them */
  cas?: readonly string[]
  endpoints?: readonly BootstrapEndpoint[]
  /** names */
  intervals?: readonly string[]
  configuration?: readonly string[]
}
