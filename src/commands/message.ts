import { LoomError } from '../errors.ts'

/** When the sender wants to hear what became of a message. */
export const feedbackWishes = ['none', 'positive', 'negative', 'full'] as const
export type FeedbackWish = (typeof feedbackWishes)[number]

/** A message for a device, as its sender gives it. */
export interface NewInboxMessage {
  /** for the device; default made here. Letters, digits and `-:.+%_#*?!(),=@;$'`, at most 128 */
  id?: string
  body: Uint8Array
  /** application properties; not `$.…`, `iothub-ack`, `ct`, `ce`, `cid`, `ack`, which are the system's on the wire */
  properties?: Record<string, string>
  contentType?: string
  contentEncoding?: string
  correlationId?: string
  /** default 1 h; 1 minute to 48 hours */
  ttlMs?: number
  /** default none */
  ack?: FeedbackWish
}

/** A message in the inbox of a device. */
export interface InboxMessage {
  id: string
  /** grows by one per message of the device */
  seq: number
  body: Uint8Array
  properties: Record<string, string>
  contentType?: string
  contentEncoding?: string
  correlationId?: string
  ack: FeedbackWish
  /** epoch ms */
  enqueuedAt: number
  expiresAt: number
  /** how often it was given out and came back */
  deliveries: number
}

/** What became of a message. The names are those of IoT Hub's feedback, which devices' senders know. */
export const outcomes = {
  completed: 'Success',
  rejected: 'Rejected',
  expired: 'Expired',
  deadlettered: 'DeliveryCountExceeded',
  purged: 'Purged',
} as const
export type Outcome = keyof typeof outcomes

export const inboxLimits = {
  /** messages of a device */
  depth: 50,
  bodyBytes: 65_536,
  /** of all properties together, names and values */
  propertyBytes: 8_192,
  ttlMs: { least: 60_000, default: 3_600_000, most: 172_800_000 },
  lockMs: 60_000,
  deliveries: 10,
} as const

/** A message may be carried to a device of any dialect: what one of them reads as a system property is none of the application. */
const systemName = /^(\$\.|iothub-ack|(ct|ce|cid|ack)$)/i

/** Properties as people and flows give them: a number or boolean becomes its text. COMMAND_INVALID for anything else. */
export function propertyTexts(given: Readonly<Record<string, unknown>>): Record<string, string> {
  const textOf = (name: string, value: unknown): string => {
    if (typeof value === 'string') return value
    if (typeof value === 'boolean' || Number.isFinite(value)) return String(value)
    throw invalid(propertyNamed(name), 'a text, number or boolean')
  }
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, textOf(name, value)]))
}

const propertyNamed = (name: string): string => `property ${JSON.stringify(name.slice(0, 60))}`

/** Throws COMMAND_INVALID or COMMAND_TOO_LARGE for what cannot be a message. */
export function checkMessage({ id, body, properties = {}, ttlMs, ack, ...texts }: NewInboxMessage): void {
  if (id !== undefined && !/^[\w:.+%#*?!(),=@;$'-]{1,128}$/.test(id))
    throw invalid(`message id ${JSON.stringify(id.slice(0, 60))}`)
  if (!(body instanceof Uint8Array)) throw invalid('the body is no bytes')
  if (body.length > inboxLimits.bodyBytes)
    throw new LoomError('COMMAND_TOO_LARGE', `a message of ${body.length} bytes`, { hint: `at most ${inboxLimits.bodyBytes}` })
  let bytes = 0
  for (const [name, value] of Object.entries(properties)) {
    if (!name || typeof value !== 'string') throw invalid(propertyNamed(name))
    if (systemName.test(name)) throw invalid(propertyNamed(name), 'the name means a system property on the wire')
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value)
  }
  if (bytes > inboxLimits.propertyBytes)
    throw new LoomError('COMMAND_TOO_LARGE', `${bytes} bytes of properties`, { hint: `at most ${inboxLimits.propertyBytes}` })
  for (const name of ['contentType', 'contentEncoding', 'correlationId'] as const) {
    const text = texts[name]
    if (text !== undefined && (typeof text !== 'string' || text.length > 256)) throw invalid(name)
  }
  const { least, most } = inboxLimits.ttlMs
  if (ttlMs !== undefined && !(ttlMs >= least && ttlMs <= most)) throw invalid(`ttlMs ${ttlMs}`, `${least} to ${most}`)
  if (ack !== undefined && !feedbackWishes.includes(ack))
    throw invalid(`ack ${String(ack).slice(0, 40)}`, feedbackWishes.join(', '))
}

/** Whether its sender wants to hear of that outcome. */
export const wants = (ack: FeedbackWish, outcome: Outcome): boolean =>
  ack === 'full' || ack === (outcome === 'completed' ? 'positive' : 'negative')

const invalid = (what: string, hint?: string) => new LoomError('COMMAND_INVALID', what, hint === undefined ? {} : { hint })
