import { LoomError } from '../errors.ts'
import { type Delivered, flags, kinds } from '../journal/journal-port.ts'
import { replayedOf } from '../journal/letter-record.ts'
import type { Reading } from '../telemetry/reading.ts'
import { faultsOfRecord, readingsOfRecord } from '../telemetry/record.ts'
import { faultText } from '../twin/model/checked-model.ts'
import type { NewMsg } from './define.ts'
import type { Handout } from './feed.ts'

/** The message of a record whose body stays bytes. */
export function bytesOf({ device, topic, payload, at, seq: jseq, props, deliveries }: Delivered): NewMsg {
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
  const errors = faultsOfRecord(record)
  if (errors) {
    const { code, message } = new LoomError('MODEL_VIOLATION', faultText(errors))
    return { ...bytesOf(record), notice: 'model', error: { code, message, errors } }
  }
  const { code, message } = new LoomError('TELEMETRY_UNDECODABLE', undecodable)
  return { ...bytesOf(record), notice: 'undecodable', error: { code, message } }
}

function messageOf({ values, device, time, arrived, stream, seq, schema, jseq, idx, properties, topic }: Reading): NewMsg {
  const msg: NewMsg = { payload: values, device, time, arrived, stream, jseq, idx, properties, topic: topic! }
  if (seq !== undefined) msg.seq = seq
  if (schema !== undefined) msg.schema = schema
  return msg
}

/** Readings of consecutive JSON records in one message. */
type Batch = { seqs: number[]; payload: Reading[]; msg: NewMsg }

/**
 * The messages of some records, in journal order: one a reading (`batch: false`), or the readings of consecutive JSON records together. Bytes of another form
 * have a message and so a delivery of their own; what could not be decoded is a notice, and done: it is a dead letter already. What devices in quarantine sent
 * is kept apart, `aside`, and marked. A dead letter that comes again is a message of its own with `replayed`.
 */
export function messagesOf(records: readonly Delivered[], batch: boolean): Handout {
  const made: Handout = { shares: [], notices: [], done: [] }
  let open: Batch | undefined
  let openAside: Batch | undefined
  for (const record of records) {
    const { seq } = record
    const aside = record.kind === kinds.quarantined
    const replayed = replayedOf(record)
    const mark = { ...(aside && { quarantined: true }), ...(replayed && { replayed }) }
    const share = (seqs: number[], messages: NewMsg[]) => made.shares.push({ seqs, messages, ...(aside && { aside }) })
    const decoded = record.flags & flags.erased ? undefined : readingsOfRecord(record)
    if (!decoded || 'undecodable' in decoded) {
      if (decoded) made.notices.push({ ...noticeOf(record, decoded.undecodable), ...mark })
      made.done.push(seq)
    } else if ('opaque' in decoded) {
      if (aside) openAside = undefined
      else open = undefined
      share([seq], [{ ...bytesOf(record), ...mark }])
    } else if (!decoded.readings.length) made.done.push(seq)
    else if (batch) {
      if (replayed) open = openAside = undefined
      let into: Batch | undefined = aside ? openAside : open
      if (!into) {
        const payload: Reading[] = []
        into = { seqs: [], payload, msg: { payload, ...mark } }
        if (aside) openAside = into
        else open = into
        share(into.seqs, [into.msg])
      }
      into.seqs.push(seq)
      for (const reading of decoded.readings) into.payload.push(reading)
      if (record.deliveries > 1) into.msg.redelivered = true
      if (replayed) open = openAside = undefined
    } else {
      const messages = decoded.readings.map(messageOf)
      for (const msg of messages) {
        Object.assign(msg, mark)
        if (record.deliveries > 1) msg.redelivered = true
      }
      share([seq], messages)
    }
  }
  return made
}
