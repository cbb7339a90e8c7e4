import type { InboxMessage } from '../../commands/message.ts'
import { encodeBag } from '../bag.ts'

/** Where a plain device hears of one message, without the bag. */
export const inboxTopic = (deviceId: string, id: string): string => `devices/${deviceId}/inbox/${encodeURIComponent(id)}`

/**
 * The bag has what the message has beside its id: content type and encoding, correlation id, the wish for feedback, application properties. It is left out, or is there
 * though it is empty, where the device hears of nothing else.
 */
export function inboxMessage(
  deviceId: string,
  message: InboxMessage,
  hears: (topic: string) => boolean = () => true,
): { topic: string; payload: Uint8Array } {
  const { id, properties, contentType, contentEncoding, correlationId, ack, body } = message
  const bag = encodeBag({
    ...properties,
    ...(contentType !== undefined && { ct: contentType }),
    ...(contentEncoding !== undefined && { ce: contentEncoding }),
    ...(correlationId !== undefined && { cid: correlationId }),
    ...(ack !== 'none' && { ack }),
  })
  const short = inboxTopic(deviceId, id)
  const long = `${short}/?${bag}`
  const [fit, other] = bag ? [long, short] : [short, long]
  return { topic: hears(fit) ? fit : other, payload: body }
}
