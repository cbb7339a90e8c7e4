import { LoomError } from '../errors.ts'
import type { GatewaysApi, LeafTelemetry } from '../hub/hub.ts'
import type { Msg } from './define.ts'

const text = (value: unknown, name: string, where: string): string | undefined => {
  if (value === undefined || value === '') return undefined
  if (typeof value === 'string') return value
  throw new LoomError('REQUEST_INVALID', `${name} of ${where} is no text`)
}

/** Bytes as they are; anything else as JSON. */
function bodyOf(value: unknown, where: string): Uint8Array {
  if (value instanceof Uint8Array) return value
  const json = value === undefined ? undefined : JSON.stringify(value)
  if (json === undefined) throw new LoomError('READING_VALUES', where, { hint: 'set msg.payload' })
  return Buffer.from(json)
}

function timeOf(value: unknown, where: string): number | undefined {
  if (value === undefined || value === null) return undefined
  const time = value instanceof Date ? value.getTime() : value
  if (typeof time === 'number' && Number.isFinite(time)) return time
  throw new LoomError('READING_TIME', where, { hint: 'ms since 1970' })
}

/** READING_DEVICE. */
export function leafOf(value: unknown, where = 'the message'): string {
  if (typeof value === 'string' && value) return value
  throw new LoomError('READING_DEVICE', where, { hint: 'set msg.device' })
}

function oneOf(reading: Record<string, unknown>, body: unknown, where: string): LeafTelemetry {
  const { device, time, stream, properties, contentType } = reading
  const at = timeOf(time, where)
  const streamName = text(stream, 'stream', where)
  const type = text(contentType, 'contentType', where)
  return {
    device: leafOf(device, where),
    payload: bodyOf(body, where),
    ...(streamName !== undefined && { stream: streamName }),
    ...(type !== undefined && { contentType: type }),
    ...(at !== undefined && { time: at }),
    ...(isObject(properties) && { properties: textsOf(properties) }),
  }
}

/** The readings of a message: `many` for a batch `[{device, time, values, ..}, ..]`. READING_DEVICE, READING_VALUES, READING_TIME. */
export function leafReadings(msg: Msg): { messages: LeafTelemetry[]; many: boolean } {
  const { payload } = msg
  if (!Array.isArray(payload)) return { messages: [oneOf(msg, payload, 'the message')], many: false }
  const messages = payload.map((item: unknown, i) => {
    const where = `item ${i}`
    if (!isObject(item)) throw new LoomError('READING_VALUES', where, { hint: '{device, time, values}' })
    return oneOf({ device: msg.device, ...item }, item.values ?? item.payload, where)
  })
  return { messages, many: true }
}

/** What ends a message of a leaf, by the name of the action. */
export const settlements = { complete: 'completed', reject: 'rejected', abandon: 'abandoned' } as const satisfies Record<
  string,
  Parameters<GatewaysApi['settle']>[0]['as']
>

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const textsOf = (properties: Record<string, unknown>): Record<string, string> =>
  Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, String(value)]))
