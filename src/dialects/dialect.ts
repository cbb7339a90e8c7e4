import type { ErrorCode } from '../errors.ts'
import type { DialectName, Envelope } from '../telemetry/envelope.ts'

/** Family of a CONNECT: decided once, before authentication; only `claim` is what the certificate makes of a `thing`. */
export type Family = 'iothub' | 'dps' | 'thing' | 'claim'

export interface ConnectForm {
  family: Exclude<Family, 'claim'>
  /** As the dialect names the device; for `thing` the client id stands for it until a credential says more. */
  deviceId: string
  module?: string
  /** Azure's host as in the user name, lower case, port kept. */
  host?: string
  /** DPS id scope. */
  idScope?: string
  /** The user name without its query part (row 4), for user/password devices. */
  username?: string
  /** Decoded query parameters of the user name. */
  query: Record<string, string>
}

/** What a device asks with one publish. */
export type Classified =
  /** to the journal; `route`: also to subscribers as it stands */
  | { kind: 'telemetry'; dialect: DialectName; route: boolean; envelope(at: InboundBytes): Envelope }
  /** an operation of the dialect; `operation` is its name in the domain (`twin.get`, ..) */
  | { kind: 'request'; dialect: DialectName; operation: string; name?: string; rid?: string; topic: string }
  /** the topic table refuses it */
  | { kind: 'denied'; reason: string }
  /** nothing reserved: policy decides; journaled as telemetry if allowed */
  | { kind: 'ordinary' }

export interface InboundBytes {
  topic: string
  payload: Uint8Array
  qos: 0 | 1 | 2
  retain: boolean
  will: boolean
  deviceId: string
  module?: string
}

export type FilterRuling =
  /** `features`: all that the filter can hear of, if that is more than `feature`; `onlyByPolicy`: it is of others too, and needs an Allow */
  | { kind: 'granted'; feature: string; features?: readonly string[]; onlyByPolicy?: true }
  /** of an operation that this version does not offer: SUBACK 128 */
  | { kind: 'unsupported' }
  | { kind: 'denied'; reason: string }
  | { kind: 'ordinary' }

/** The form an answer takes on the wire. */
export interface WireAnswer {
  topic: string
  payload: string
  qos: 0 | 1
}

/** Granted, if the filter can hear of something that is offered. */
export function rulingOf(features: readonly string[], offered: (feature: string) => boolean): FilterRuling | undefined {
  const [feature, ...more] = features.filter(offered)
  if (feature === undefined) return features.length ? { kind: 'unsupported' } : undefined
  return { kind: 'granted', feature, ...(more.length && { features: [feature, ...more] }) }
}

/** One dialect: topics and payloads <-> domain calls. Pure; every topic literal of the dialect lives in its folder. */
export interface Dialect {
  readonly name: DialectName
  /** undefined: not a topic of this dialect. */
  classify(topic: string, me: { deviceId: string; module?: string }): Classified | undefined
  filter(filter: string, me: { deviceId: string; module?: string }): FilterRuling | undefined
  /** The refusal of a request, or undefined where the dialect has none. */
  refuse(
    request: Extract<Classified, { kind: 'request' }>,
    payload: Uint8Array,
    error: { code: ErrorCode; message: string },
    now: number,
  ): WireAnswer | undefined
}
