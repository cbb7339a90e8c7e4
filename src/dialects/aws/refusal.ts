import { codes, type ErrorCode } from '../../errors.ts'
import { toAwsRejected } from '../../twin/shadow-error.ts'
import type { Classified, WireAnswer } from '../dialect.ts'
import { clientTokenOf } from './client-token.ts'
import { rejectionOf } from './rejection.ts'

type Request = Extract<Classified, { kind: 'request' }>
interface Failure {
  code: ErrorCode
  message: string
}

const jobCodes: Readonly<Record<number, string>> = {
  400: 'InvalidRequest',
  403: 'InvalidRequest',
  404: 'ResourceNotFound',
  409: 'VersionMismatch',
  413: 'InvalidRequest',
  429: 'RequestThrottled',
}
const streamCodes: Readonly<Record<number, string>> = {
  400: 'InvalidRequest',
  401: 'Unauthorized',
  403: 'Unauthorized',
  404: 'ResourceNotFound',
  409: 'VersionMismatch',
  413: 'InvalidRequest',
}
/**
 * The refusal in the form of the request's service. None for CBOR requests: an answer's payload is text, and the
 * vendor's SDKs ask in JSON.
 */
export function refusalOf(
  { operation, topic }: Request,
  payload: Uint8Array,
  failure: Failure,
  now: number,
): WireAnswer | undefined {
  if (topic.endsWith('/cbor')) return undefined
  if (operation.startsWith('streams.')) return streamRefusal(topic, payload, failure)
  const body = operation.startsWith('twin.')
    ? shadowRejection(topic, payload, failure, now)
    : operation.startsWith('jobs.')
      ? tokenBody(jobCodes[statusOf(failure.code)] ?? 'InternalError', payload, failure, now)
      : rejectionOf(failure)
  return { topic: `${topic}/rejected`, payload: JSON.stringify(body), qos: 1 }
}

const statusOf = (code: ErrorCode): number => codes[code][0]

/** `$aws/things/{thing}/shadow[/name/{shadow}]/{verb}` names what it is about. */
function shadowRejection(topic: string, payload: Uint8Array, failure: Failure, now: number) {
  const [, , thing = '', , named, shadow] = topic.split('/')
  const clientToken = clientTokenOf(payload)
  return toAwsRejected(failure, {
    now,
    thing,
    ...(clientToken !== undefined && { clientToken }),
    ...(named === 'name' && shadow !== undefined && { shadow }),
  })
}

function tokenBody(code: number | string, payload: Uint8Array, { message }: Failure, now: number) {
  const clientToken = clientTokenOf(payload)
  return { code, message, timestamp: Math.floor(now / 1000), ...(clientToken !== undefined && { clientToken }) }
}

/** `../streams/{s}/{verb}/json` is answered on `../streams/{s}/rejected/json`. */
function streamRefusal(topic: string, payload: Uint8Array, { code, message }: Failure): WireAnswer {
  const base = topic.slice(0, topic.lastIndexOf('/', topic.lastIndexOf('/') - 1))
  const c = streamToken(payload)
  const body = { o: streamCodes[statusOf(code)] ?? 'InvalidRequest', m: message, ...(c !== undefined && { c }) }
  return { topic: `${base}/rejected/json`, payload: JSON.stringify(body), qos: 0 }
}

function streamToken(payload: Uint8Array): string | undefined {
  try {
    const c = (JSON.parse(new TextDecoder().decode(payload)) as { c?: unknown } | null)?.c
    return typeof c === 'string' && Buffer.byteLength(c) <= 64 ? c : undefined
  } catch {
    return undefined
  }
}
