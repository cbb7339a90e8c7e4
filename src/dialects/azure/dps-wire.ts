import { type ErrorCode, LoomError } from '../../errors.ts'
import type { OperationView } from '../../provisioning/dps-port.ts'
import { decodePercent, rawValue } from '../bag.ts'
import type { Classified, WireAnswer } from '../dialect.ts'
import { bodyOf, operationJson, operationStatus } from './dps-json.ts'
import { dpsForm, errorBody } from './errors.ts'

type Request = Extract<Classified, { kind: 'request' }>

/** What a provisioning connection asks with one publish. `rid`: as on the wire, to be echoed. */
export type DpsRequest =
  | { operation: 'register'; rid: string; body: unknown }
  | { operation: 'status'; rid: string; operationId: string }

/** An SDK repeats refusals from 429 on without end; this often. */
export const refusedRetryS = 30

/** A request that the topic table found, with its payload. REQUEST_INVALID. */
export function readDpsRequest({ operation, topic, rid = '' }: Request, payload: Uint8Array): DpsRequest {
  if (operation === 'provisioning.register') {
    const read = bodyOf(payload)
    if ('fault' in read) throw new LoomError('REQUEST_INVALID', read.fault)
    return { operation: 'register', rid, body: read.body }
  }
  const operationId = rawValue(topic.slice(topic.indexOf('?') + 1), 'operationId')
  if (!operationId) throw new LoomError('REQUEST_INVALID', 'operationId', { hint: 'name the operation to ask for' })
  return { operation: 'status', rid, operationId: decodePercent(operationId) }
}

/** The state of an operation as the answer to a request. */
export const dpsAnswer = (rid: string, view: OperationView): WireAnswer =>
  answer(operationStatus(view), rid, JSON.stringify(operationJson(view)), view.retryAfterS)

/** A refused request. */
export function dpsRefusal(rid: string, { code, message }: { code: ErrorCode; message: string }, now: number): WireAnswer {
  const [status, errorCode] = dpsForm(code)
  return answer(status, rid, errorBody(errorCode, message, rid, now), status >= 429 ? refusedRetryS : undefined)
}

const answer = (status: number, rid: string, payload: string, retryAfterS: number | undefined): WireAnswer => ({
  topic: `$dps/registrations/res/${status}/?$rid=${rid}${retryAfterS === undefined ? '' : `&retry-after=${retryAfterS}`}`,
  payload,
  qos: 1,
})
