import type { InboxMessage } from '../../commands/message.ts'
import { encodeBag } from '../bag.ts'

/** Where a plain device hears of one message, without the bag. */
export const inboxTopic = (deviceId: string, id: string): string => `devices/${deviceId}/inbox/${encodeURIComponent(id)}`

/** The bag has what the message has beside its id: content type and encoding, correlation id, the wish for feedback, application properties. */
export function inboxMessage(deviceId: string, message: InboxMessage): { topic: string; payload: Uint8Array } {
  const { id, properties, contentType, contentEncoding, correlationId, ack, body } = message
  const bag = encodeBag({
    ...properties,
    ...(contentType !== undefined && { ct: contentType }),
    ...(contentEncoding !== undefined && { ce: contentEncoding }),
    ...(correlationId !== undefined && { cid: correlationId }),
    ...(ack !== 'none' && { ack }),
  })
  return { topic: inboxTopic(deviceId, id) + (bag && `/?${bag}`), payload: body }
}
