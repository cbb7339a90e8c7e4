import { LoomError } from '../errors.ts'
import { type Delivered, flags } from '../journal/journal-port.ts'
import type { Reading } from '../telemetry/reading.ts'
import { readingsOfRecord } from '../telemetry/record.ts'
import type { NewMsg } from './define.ts'
import type { Handout } from './feed.ts'

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
    properties: { ...props.p },
    ...(contentType !== undefined && { contentType }),
    ...(contentEncoding !== undefined && { contentEncoding }),
    ...(seq !== undefined && { seq }),
    ...(schema !== undefined && { schema }),
    ...(deliveries > 1 && { redelivered: true }),
  }
}

function noticeOf(record: Delivered, undecodable: string): NewMsg {
  const { code, message } = new LoomError('TELEMETRY_UNDECODABLE', undecodable)
  return { ...bytesOf(record), notice: 'undecodable', error: { code, message } }
}

function messageOf({ values, device, time, arrived, stream, seq, schema, jseq, idx, properties, topic }: Reading): NewMsg {
  const msg: NewMsg = { payload: values, device, time, arrived, stream, jseq, idx, properties, topic: topic! }
  if (seq !== undefined) msg.seq = seq
  if (schema !== undefined) msg.schema = schema
  return msg
}

/**
 * The messages of some records, in journal order: one a reading (`batch: false`), or the readings of consecutive JSON records together. Bytes of another form
 * have a message and so a delivery of their own; what could not be decoded is a notice, and done: it is a dead letter already.
 */
export function messagesOf(records: readonly Delivered[], batch: boolean): Handout {
  const made: Handout = { shares: [], notices: [], done: [] }
  let open: { seqs: number[]; payload: Reading[]; msg: NewMsg } | undefined
  for (const record of records) {
    const { seq } = record
    const decoded = record.flags & flags.erased ? undefined : readingsOfRecord(record)
    if (!decoded || 'undecodable' in decoded) {
      if (decoded) made.notices.push(noticeOf(record, decoded.undecodable))
      made.done.push(seq)
    } else if ('opaque' in decoded) {
      open = undefined
      made.shares.push({ seqs: [seq], messages: [bytesOf(record)] })
    } else if (!decoded.readings.length) made.done.push(seq)
    else if (batch) {
      if (!open) {
        const payload: Reading[] = []
        open = { seqs: [], payload, msg: { payload } }
        made.shares.push({ seqs: open.seqs, messages: [open.msg] })
      }
      open.seqs.push(seq)
      for (const reading of decoded.readings) open.payload.push(reading)
      if (record.deliveries > 1) open.msg.redelivered = true
    } else {
      const messages = decoded.readings.map(messageOf)
      if (record.deliveries > 1) for (const msg of messages) msg.redelivered = true
      made.shares.push({ seqs: [seq], messages })
    }
  }
  return made
}
