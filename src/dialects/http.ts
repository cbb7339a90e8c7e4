import type { ErrorData } from '../errors.ts'
import type { PolicyAction } from '../identity/policy-actions.ts'
import type { OwnRequest } from '../provisioning/own-provisioning-request.ts'
import type { HttpAnswer, HttpRequest } from '../telemetry/http-exchange.ts'
import type { DialectName } from '../telemetry/envelope.ts'

export type { HttpAnswer, HttpRequest } from '../telemetry/http-exchange.ts'

/** One message: what the device would have published. */
export interface HttpMessage {
  topic: string
  payload: Uint8Array
  qos: 0 | 1
  /** where the topic does not tell it */
  contentType?: string
}

/** What a device asks over HTTP; `deviceId` as the path names it, absent where only the credential tells. */
export type HttpOperation = {
  /** the family whose topics the messages use, and whose form of SAS audience counts */
  family: 'iothub' | 'thing'
  deviceId?: string
} & (
  | { kind: 'publish'; messages: HttpMessage[] }
  /** an operation by its domain name, of the dialect that reads and answers it */
  | { kind: 'request'; operation: string; name?: string; asks: PolicyQuestion[] }
  /** of who need not be a device yet */
  | { kind: 'seek'; operation: 'bootstrap.get' }
  | { kind: 'seek'; operation: 'provision'; request: OwnRequest }
)

/** What the policies are asked: first the packet that asks the same over MQTT, then an action of its own. A Deny of any counts, and else an Allow. */
export interface PolicyQuestion {
  action: PolicyAction
  /** topic, filter or thing, without the kind of the resource */
  name: string
}

export type HttpDeviceRequest = Extract<HttpOperation, { kind: 'request' }>

/** A request that was let in, as those get it who answer it. */
export interface HttpAsk extends HttpDeviceRequest {
  dialect: DialectName
  deviceId: string
  request: HttpRequest
}

/** One dialect over HTTP. Pure. */
export interface HttpDialect {
  name: DialectName
  /** undefined: no path of this dialect. REQUEST_INVALID, BROKER_PACKET_TOO_LARGE: its path, and wrong. */
  read(request: HttpRequest): HttpOperation | undefined
  /** when all messages are on disk */
  accepted(traceId: string): HttpAnswer
  /** `asked`: what was refused, where it could be read */
  refused(
    error: ErrorData,
    at: { traceId: string; now: number; asked?: { operation: HttpOperation; body: Uint8Array } },
  ): HttpAnswer
}

export const json = (status: number, body: unknown, headers: Record<string, string> = {}): HttpAnswer => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
})

export const empty = (status: number): HttpAnswer => ({ status, headers: {}, body: '' })

/** Decoded path segments, without the empty one before the first `/`; undefined for a broken escape or a control character. */
export function segmentsOf(path: string): string[] | undefined {
  try {
    const segments = path.slice(1).split('/').map(decodeURIComponent)
    return segments.some(segment => /\p{Cc}/u.test(segment)) ? undefined : segments
  } catch {
    return undefined
  }
}
