import { bytesOfBase64 } from '../../routing/base64.ts'
import type { MessageSource, RuleMessage } from '../../routing/message.ts'

/** A message as a person writes it. */
export interface TryMessage {
  topic: string
  device: string
  payload: string
  format: 'json' | 'text' | 'base64'
  /** lines of `name=value` */
  properties: string
  system: string
  /** JSON or nothing */
  twin: string
  source: MessageSource
  /** What no field shows. */
  rest?: Partial<RuleMessage>
}

/** What a person meets first: a reading that SQL and conditions can be tried on. */
export const firstMessage: TryMessage = {
  topic: 'dt/pump-1/telemetry',
  device: 'pump-1',
  payload: '{\n  "temperature": 71.5,\n  "state": "running"\n}',
  format: 'json',
  properties: '',
  system: 'contentType=application/json\ncontentEncoding=utf-8',
  twin: '',
  source: 'mqtt',
}

/** Which part of a message cannot be read, and why. */
export class UnreadableMessage extends Error {
  readonly part: 'payload' | 'twin'

  constructor(part: 'payload' | 'twin', message: string) {
    super(message)
    this.part = part
  }
}

/** Throws UnreadableMessage. */
export function ruleMessageFrom(o: TryMessage): RuleMessage {
  const topic = o.topic.trim()
  const deviceId = o.device.trim()
  return {
    ...(deviceId && { deviceId, clientId: deviceId }),
    ...o.rest,
    ...(topic && { topic }),
    ...(deviceId && { deviceId }),
    source: o.source,
    payload: payloadOf(o),
    properties: linesOf(o.properties),
    system: linesOf(o.system),
    ...(o.twin.trim() && { twin: json('twin', o.twin) as NonNullable<RuleMessage['twin']> }),
  }
}

function payloadOf({ payload, format }: TryMessage): unknown {
  if (format === 'text') return payload
  if (format === 'json') return payload.trim() ? json('payload', payload) : undefined
  const bytes = bytesOfBase64(payload.replaceAll(/\s/g, ''))
  if (!bytes) throw new UnreadableMessage('payload', 'base64')
  return bytes
}

function json(part: UnreadableMessage['part'], text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (thrown) {
    throw new UnreadableMessage(part, (thrown as Error).message)
  }
}

/** `name=value`, one a line; only the first `=` parts them. */
export function linesOf(text: string): Record<string, string> {
  const pairs = text.split('\n').flatMap((line): [string, string][] => {
    const at = line.indexOf('=')
    return at > 0 ? [[line.slice(0, at).trim(), line.slice(at + 1).trim()]] : []
  })
  return Object.fromEntries(pairs)
}

export const linesFrom = (pairs: Readonly<Record<string, unknown>> = {}): string =>
  Object.entries(pairs)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join('\n')
