import type { MessageFeedback } from '../hub/hub.ts'
import { type Delivered, flags, kinds } from '../journal/journal-port.ts'
import { isSection } from '../twin/json.ts'
import type { NewMsg } from './define.ts'

const utf8 = new TextDecoder()

/** The message of a record of feedback, undefined for another one. */
export function feedbackOf({ kind, flags: marks, device, payload, deliveries }: Delivered): NewMsg | undefined {
  if (kind !== kinds.feedback || marks & flags.erased) return undefined
  let told: Partial<MessageFeedback>
  try {
    told = JSON.parse(utf8.decode(payload))
  } catch {
    return undefined
  }
  if (!isSection(told)) return undefined
  const { messageId, statusCode, outcome, seq, enqueuedAt, at: time } = told
  if (typeof messageId !== 'string' || typeof statusCode !== 'string' || typeof time !== 'number') return undefined
  return {
    payload: { messageId, statusCode, outcome, seq, enqueuedAt },
    topic: statusCode,
    device,
    time,
    ...(deliveries > 1 && { redelivered: true }),
  }
}
