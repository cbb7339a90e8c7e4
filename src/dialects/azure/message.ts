import type { InboxMessage } from '../../commands/message.ts'
import { encodeBag } from '../bag.ts'

/** Where an Azure device hears of its messages; a bag of properties follows. */
export const deviceboundTopic = (deviceId: string): string => `devices/${deviceId}/messages/devicebound/`

/**
 * Application properties, then those of the system, which none of the application can replace. Always `k=v` with both sides encoded: the Node SDK makes "undefined" of a
 * lone key and splits at every `=`.
 */
export function deviceboundMessage(deviceId: string, message: InboxMessage): { topic: string; payload: Uint8Array } {
  const { id, properties, contentType, contentEncoding, correlationId, expiresAt, ack, body } = message
  const bag = encodeBag({
    ...properties,
    '$.mid': id,
    ...(correlationId !== undefined && { '$.cid': correlationId }),
    '$.to': `/devices/${deviceId}/messages/deviceBound`,
    ...(contentType !== undefined && { '$.ct': contentType }),
    ...(contentEncoding !== undefined && { '$.ce': contentEncoding }),
    '$.exp': new Date(expiresAt).toISOString(),
    ...(ack !== 'none' && { 'iothub-ack': ack }),
  })
  return { topic: deviceboundTopic(deviceId) + bag, payload: body }
}
