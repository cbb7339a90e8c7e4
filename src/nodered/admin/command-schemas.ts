import { LoomError } from '../../errors.ts'
import { type NewInboxMessage, propertyTexts } from '../../commands/message.ts'
import type { Schema } from './schema.ts'
import { count, flag, free, listOf, object, open, text, textTo, time } from './shapes.ts'

const payload: Schema = { description: 'JSON; none is null' }
const waits = {
  connectTimeoutMs: { type: 'integer', minimum: 0, maximum: 300_000, description: 'for the device to come, default 0' },
  responseTimeoutMs: { type: 'integer', minimum: 1000, maximum: 300_000, description: 'for its answer, default 30000' },
} as const satisfies Record<string, Schema>
const messageMembers = {
  body: { description: 'a text as it is, any other JSON as JSON' },
  base64: { ...flag, description: 'the text is base64 of bytes' },
  id: textTo(128, 'default made here'),
  properties: { ...free, description: 'names and texts; a number or boolean becomes text' },
  contentType: textTo(256, 'default application/json of a body that is no text'),
  contentEncoding: textTo(256),
  correlationId: textTo(256),
  ttlMs: { type: 'integer', minimum: 60_000, maximum: 172_800_000, description: 'default 1 h' },
  ack: { type: 'string', enum: ['none', 'positive', 'negative', 'full'], description: 'which ends are told as feedback' },
} as const satisfies Record<string, Schema>

export const methodCall: Schema = object({ payload, ...waits })
export const newMessage: Schema = object(messageMembers, ['body'])
export const manyCommands: Schema = object({
  devices: { ...listOf(textTo(128)), description: 'ids; or:' },
  group: textTo(128, 'static with those below it, or dynamic; or:'),
  query: object({ dialect: textTo(8), text: textTo(8192), ast: free }),
  method: object({ name: textTo(64), payload, ...waits }, ['name']),
  message: newMessage,
  concurrency: { type: 'integer', minimum: 1, maximum: 256, description: 'devices at a time, default 16' },
})

type Given = Omit<NewInboxMessage, 'body' | 'properties'> & {
  body: unknown
  base64?: boolean
  properties?: Record<string, unknown>
}

/** A body as JSON has it -> bytes. REQUEST_INVALID, COMMAND_INVALID. */
export function messageOf(given: object): NewInboxMessage {
  const { body, base64 = false, properties, ...others } = given as Given
  const rest = { ...others, ...(properties && { properties: propertyTexts(properties) }) }
  if (typeof body === 'string') {
    if (base64 && !/^[A-Za-z0-9+/]*={0,2}$/.test(body)) throw invalid('body is no base64')
    return { ...rest, body: Buffer.from(body, base64 ? 'base64' : 'utf8') }
  }
  if (base64) throw invalid('base64 needs a text')
  return { contentType: 'application/json', ...rest, body: Buffer.from(JSON.stringify(body)) }
}

const invalid = (what: string): LoomError => new LoomError('REQUEST_INVALID', what, { position: 'body' })

/** Components of the OpenAPI document. */
export const commandSchemas: Readonly<Record<string, Schema>> = {
  MethodResult: object({ status: count, payload }, ['status', 'payload']),
  SentMessage: object({ id: text, seq: count, expiresAt: time }, ['id', 'seq', 'expiresAt']),
  WaitingMessage: open({ id: text, seq: count, bytes: count, held: flag, enqueuedAt: time, expiresAt: time, deliveries: count }, [
    'id',
    'seq',
  ]),
  CommandRecord: open(
    {
      id: text,
      kind: text,
      name: text,
      by: text,
      at: time,
      endedAt: time,
      outcome: text,
      status: count,
      messageId: text,
      seq: count,
    },
    ['id', 'kind'],
  ),
  CommandOperation: open({ id: text, kind: text, state: text, total: count, done: count, failed: count }, ['id', 'state']),
  DeviceOutcome: open({ device: text, ok: flag, code: text, status: count, payload, messageId: text, seq: count }, [
    'device',
    'ok',
  ]),
}
