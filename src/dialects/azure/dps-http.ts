import { type ErrorCode, LoomError } from '../../errors.ts'
import type { OperationView, Registration } from '../../provisioning/dps-port.ts'
import { decodePercent } from '../bag.ts'
import { assignedJson, bodyOf, operationJson, operationStatus } from './dps-json.ts'
import { refusedRetryS } from './dps-wire.ts'
import { dpsForm, errorBody } from './errors.ts'

/** One request of the device provisioning API over HTTP; whose it is, the credential must say. */
export type DpsHttpRequest = { idScope: string; registrationId: string } & (
  | { operation: 'register'; body: unknown }
  | { operation: 'status'; operationId: string }
  | { operation: 'lookup' }
)

export interface DpsHttpAnswer {
  status: number
  headers: Record<string, string>
  body: string
}

/**
 * `PUT /{idScope}/registrations/{id}/register`, `GET ../operations/{operation}`, `POST /{idScope}/registrations/{id}`; undefined for any other path, as far as
 * it is no registration. REQUEST_INVALID.
 */
export function readDpsHttp(o: { method: string; path: string; body: Uint8Array }): DpsHttpRequest | undefined {
  const [empty, scope, word, registration, verb, operationId, ...more] = o.path.split('?', 1)[0]!.split('/')
  if (empty !== '' || !scope || word !== 'registrations' || !registration || more.length > 0) return undefined
  const names = { idScope: decodePercent(scope), registrationId: decodePercent(registration) }
  if (o.method === 'PUT' && verb === 'register' && operationId === undefined)
    return { ...names, operation: 'register', body: checkedBody(o.body) }
  if (o.method === 'GET' && verb === 'operations' && operationId)
    return { ...names, operation: 'status', operationId: decodePercent(operationId) }
  if (o.method === 'POST' && verb === undefined) return { ...names, operation: 'lookup' }
  return undefined
}

export const dpsHttpAnswer = (view: OperationView): DpsHttpAnswer =>
  json(operationStatus(view), operationJson(view), view.retryAfterS)

export const dpsHttpLookup = (registration: Registration): DpsHttpAnswer => json(200, assignedJson(registration))

/** A request that was understood and refused. */
export function dpsHttpRefusal({ code, message }: Fault, now: number): DpsHttpAnswer {
  const [status, errorCode] = dpsForm(code)
  return refusal(status, errorCode, message, now)
}

/** A request whose sender did not prove its registration id: nothing tells it why. A failure of the hub is one here too. */
export const dpsHttpUnattested = (fault: Fault, now: number): DpsHttpAnswer =>
  dpsForm(fault.code)[0] >= 429 ? dpsHttpRefusal(fault, now) : refusal(401, 401002, 'not authorized', now)

interface Fault {
  code: ErrorCode
  message: string
}

function refusal(status: number, errorCode: number, message: string, now: number): DpsHttpAnswer {
  const refused = answer(status, errorBody(errorCode, message, '', now), status >= 429 ? refusedRetryS : undefined)
  refused.headers['x-ms-error-code'] = String(errorCode)
  return refused
}

function checkedBody(bytes: Uint8Array): unknown {
  const read = bodyOf(bytes)
  if ('fault' in read) throw new LoomError('REQUEST_INVALID', read.fault)
  return read.body
}

const json = (status: number, body: object, retryAfterS?: number) => answer(status, JSON.stringify(body), retryAfterS)

const answer = (status: number, body: string, retryAfterS: number | undefined): DpsHttpAnswer => ({
  status,
  headers: {
    'Content-Type': 'application/json; charset=utf-8',
    ...(retryAfterS !== undefined && { 'Retry-After': String(retryAfterS) }),
  },
  body,
})
