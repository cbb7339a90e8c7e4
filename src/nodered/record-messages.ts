import { LoomError } from '../errors.ts'
import { type Delivered, flags } from '../journal/journal-port.ts'
import type { Reading } from '../telemetry/reading.ts'
import { readingsOfRecord } from '../telemetry/record.ts'
import type { NewMsg, Result } from './define.ts'
import { type DeliveryToken, splitDelivery } from './delivery.ts'

/** What of a journal record is for the flow: readings, bytes in another form, or something that is not what it claims to be. */
type Content = { readings: Reading[]; again: boolean } | { single: NewMsg } | { broken: NewMsg } | undefined

function contentOf(record: Delivered): Content {
  if (record.flags & flags.erased) return undefined
  const decoded = readingsOfRecord(record)
  if ('readings' in decoded) return { readings: decoded.readings, again: record.deliveries > 1 }
  if ('undecodable' in decoded) {
    const { code, message } = new LoomError('TELEMETRY_UNDECODABLE', decoded.undecodable)
    return { broken: { ...bytesOf(record), notice: 'undecodable', error: { code, message } } }
  }
  return { single: bytesOf(record) }
}

function bytesOf({ device, topic, payload, at, seq: jseq, props, deliveries }: Delivered): NewMsg {
  const { contentType, contentEncoding, stream = '', time = at, seq, schema } = props.e
  return {
    payload: Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength),
    topic,
    device,
    time,
    arrived: at,
    stream,
    jseq,
    properties: props.p,
    ...(contentType !== undefined && { contentType }),
    ...(contentEncoding !== undefined && { contentEncoding }),
    ...(seq !== undefined && { seq }),
    ...(schema !== undefined && { schema }),
    ...(deliveries > 1 && { redelivered: true }),
  }
}

/**
 * The messages of some records: one a reading (`batch: false`), or the readings of consecutive JSON records together. Output 1 gets them in journal order,
 * output 2 what could not be decoded, which is a dead letter already. `done`: no message carries the token.
 */
export function messagesOf(
  records: readonly Delivered[],
  token: DeliveryToken | undefined,
  batch: boolean,
): { result: Result; done: boolean } {
  const made: NewMsg[] = []
  const broken: NewMsg[] = []
  let open: { payload: Reading[]; redelivered?: true } | undefined
  for (const record of records) {
    const content = contentOf(record)
    if (!content) continue
    if ('broken' in content) {
      broken.push(content.broken)
      continue
    }
    if ('single' in content) {
      open = undefined
      made.push(content.single)
      continue
    }
    const { readings, again } = content
    if (!batch) {
      for (const { values, ...rest } of readings) made.push({ ...rest, payload: values, ...(again && { redelivered: true }) })
    } else if (readings.length) {
      if (!open) made.push((open = { payload: [] }) as NewMsg)
      for (const reading of readings) open.payload.push(reading)
      if (again) open.redelivered = true
    }
  }
  if (token) for (const [i, part] of splitDelivery(token, made.length).entries()) made[i]!.delivery = part
  return { result: [made, broken], done: made.length === 0 }
}
