import type { Taken } from '../../commands/inbox.ts'
import { empty, type HttpAnswer } from '../http.ts'

/** A message as an answer: its lock as ETag, properties as headers. None: 204. */
export function azureInboxAnswer(deviceId: string, message: Taken | undefined): HttpAnswer {
  if (!message) return empty(204)
  const { id, lock, seq, properties, contentType, contentEncoding, correlationId, ack, enqueuedAt, expiresAt, deliveries } =
    message
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(properties)) headers[`iothub-app-${headerName(name)}`] = headerValue(value)
  Object.assign(headers, {
    etag: `"${lock}"`,
    'content-type': contentType === undefined ? 'application/octet-stream' : headerValue(contentType),
    ...(contentEncoding !== undefined && { 'content-encoding': headerValue(contentEncoding) }),
    'iothub-messageid': headerValue(id),
    ...(correlationId !== undefined && { 'iothub-correlationid': headerValue(correlationId) }),
    'iothub-sequencenumber': String(seq),
    'iothub-to': `/devices/${deviceId}/messages/deviceBound`,
    'iothub-enqueuedtime': new Date(enqueuedAt).toISOString(),
    'iothub-expiry': new Date(expiresAt).toISOString(),
    'iothub-deliverycount': String(deliveries),
    'iothub-ack': ack,
  })
  return { status: 200, headers, body: '', bytes: message.body }
}

/** The lock of a path: with or without the quotes of an ETag. */
export const lockOf = (token: string): string => token.replace(/^"(.*)"$/, '$1')

/** RFC 9110 section 5.5: what is no visible ASCII travels percent-encoded. */
const headerValue = (text: string): string =>
  /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$|^$/.test(text) ? text : encodeURIComponent(text.toWellFormed())
const headerName = (text: string): string =>
  encodeURIComponent(text.toWellFormed()).replace(/[()]/g, c => `%${c.charCodeAt(0).toString(16)}`)
