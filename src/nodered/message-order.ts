import { LoomError } from '../errors.ts'
import { type NewInboxMessage, propertyTexts } from '../commands/message.ts'
import { isSection } from '../twin/json.ts'

type Wish = NonNullable<NewInboxMessage['ack']>

/** What a node has for messages that do not say it. */
export interface MessageDefaults {
  ttlMs: number | undefined
  ack: Wish
  contentType: string | undefined
}

interface Given {
  payload?: unknown
  properties?: unknown
  contentType?: unknown
  contentEncoding?: unknown
  message?: unknown
}

/**
 * The message for a device that a flow's message asks for: bytes as they are, text in UTF-8, everything else as JSON. COMMAND_INVALID for what is no member of the
 * right kind; the hub judges the values.
 */
export function messageOf({ payload, properties, message = {}, ...of }: Given, set: MessageDefaults): NewInboxMessage {
  if (!isSection(message)) throw wrong('msg.message', 'an object {ttlMs, ack, id, correlationId}')
  const { ttlMs = set.ttlMs, ack = set.ack, id, correlationId } = message
  const plain = payload === undefined || typeof payload === 'string' || payload instanceof Uint8Array
  const named = of.contentType ?? set.contentType
  const contentType = plain || (typeof named === 'string' && /json/i.test(named)) ? named : 'application/json'
  const { contentEncoding } = of
  return {
    body: plain ? Buffer.from((payload ?? '') as string) : Buffer.from(JSON.stringify(payload)),
    ack: ack as Wish,
    ...(ttlMs !== undefined && { ttlMs: numberOf(ttlMs) }),
    ...(id !== undefined && { id: textOf('id', id) }),
    ...(correlationId !== undefined && { correlationId: textOf('correlationId', correlationId) }),
    ...(properties !== undefined && { properties: propertiesOf(properties) }),
    ...(contentType !== undefined && contentType !== '' && { contentType: textOf('contentType', contentType) }),
    ...(contentEncoding !== undefined && { contentEncoding: textOf('contentEncoding', contentEncoding) }),
  }
}

function propertiesOf(properties: unknown): Record<string, string> {
  if (!isSection(properties)) throw wrong('msg.properties', 'an object of texts')
  return propertyTexts(properties)
}

function textOf(name: string, value: unknown): string {
  if (typeof value === 'string') return value
  throw wrong(name, 'a text')
}

function numberOf(ttlMs: unknown): number {
  if (typeof ttlMs === 'number') return ttlMs
  throw wrong(`ttlMs ${JSON.stringify(ttlMs)?.slice(0, 40)}`, 'milliseconds')
}

const wrong = (what: string, hint: string): LoomError => new LoomError('COMMAND_INVALID', what, { hint })
