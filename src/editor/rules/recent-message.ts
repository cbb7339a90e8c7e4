import { bytesOfBase64 } from '../../routing/base64.ts'
import type { RuleMessage } from '../../routing/message.ts'
import { decodedPayload } from '../../routing/payload.ts'
import { isBytes } from '../../routing/values.ts'
import { linesFrom, type TryMessage } from './try-message.ts'

/** A message that a node saw, as the admin API tells it. */
export interface RecentMessage {
  /** epoch ms */
  at: number
  /** Names of the rules that matched. */
  matched?: string[]
  message: Omit<RuleMessage, 'payload' | 'raw'> & { payload?: unknown; payloadBase64?: string }
  /** Its payload was not kept. */
  tooLarge?: true
}

/** The same message to be looked at again. Bytes of JSON are shown as what they hold. */
export function tryMessageOf({ at, message }: RecentMessage): TryMessage {
  const { payload, payloadBase64, topic = '', deviceId = '', properties, system, twin, source, ...rest } = message
  return {
    topic,
    device: deviceId,
    ...writtenPayload(payload, payloadBase64),
    properties: linesFrom(properties),
    system: linesFrom(system),
    twin: twin ? JSON.stringify(twin, null, 2) : '',
    source: source ?? 'mqtt',
    rest: { timestamp: at, ...rest },
  }
}

function writtenPayload(payload: unknown, base64: string | undefined): Pick<TryMessage, 'payload' | 'format'> {
  if (base64 === undefined) return { payload: JSON.stringify(payload, null, 2) ?? '', format: 'json' }
  const bytes = bytesOfBase64(base64)
  const value = bytes && decodedPayload(bytes)
  if (value === undefined || isBytes(value)) return { payload: base64, format: 'base64' }
  return { payload: JSON.stringify(value, null, 2), format: 'json' }
}
