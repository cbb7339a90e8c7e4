import { flags, type JournalRecord, kinds, type NewRecord, type RecordKind, type RecordProps } from '../journal/journal-port.ts'
import { type BodyReadings, type BodySource, readingsOfBody } from './body.ts'
import type { Envelope } from './envelope.ts'

/** Where a message came in. */
export interface RecordContext {
  clientId?: string
  /** The credential or identity that authenticated. */
  principal?: string
  sourceIp?: string
  connectionId?: string
  traceId?: string
}

/** The journal record of an envelope; the topic has no bag any more. Of the flags only `will` is known here. */
export function recordOf(envelope: Envelope, context: RecordContext, kind: RecordKind = kinds.message): NewRecord {
  const { deviceId, body, properties, system, topic, qos, will, dialect } = envelope
  const { stream, module, time, seq, schema, contentType, contentEncoding, messageId, correlationId } = envelope
  const { clientId, principal, sourceIp, connectionId, traceId } = context
  const e: RecordProps['e'] = {}
  if (stream) e.stream = stream
  if (module !== undefined) e.module = module
  if (time !== undefined) e.time = time
  if (seq !== undefined) e.seq = seq
  if (schema !== undefined) e.schema = schema
  if (contentType !== undefined) e.contentType = contentType
  if (contentEncoding !== undefined) e.contentEncoding = contentEncoding
  if (messageId !== undefined) e.messageId = messageId
  if (correlationId !== undefined) e.correlationId = correlationId
  if (clientId !== undefined) e.clientId = clientId
  if (principal !== undefined) e.principal = principal
  if (sourceIp !== undefined) e.sourceIp = sourceIp
  if (traceId !== undefined) e.traceId = traceId
  if (connectionId !== undefined) e.connectionId = connectionId
  e.dialect = dialect
  const props: RecordProps = { v: 1, p: properties, s: system, e }
  return { kind, device: deviceId, topic, qos, flags: will ? flags.will : 0, props, payload: body }
}

/** The envelope again, as it was before `recordOf`. */
export function envelopeOfRecord({
  device,
  topic,
  qos,
  flags: bits,
  props,
  payload,
}: Omit<NewRecord, 'idempotencyKey'>): Envelope {
  const {
    stream = '',
    module,
    time,
    seq,
    schema,
    contentType,
    contentEncoding,
    messageId,
    correlationId,
    dialect = 'plain',
  } = props.e
  return {
    deviceId: device,
    ...(module !== undefined && { module }),
    stream,
    body: payload,
    ...(contentType !== undefined && { contentType }),
    ...(contentEncoding !== undefined && { contentEncoding }),
    ...(messageId !== undefined && { messageId }),
    ...(correlationId !== undefined && { correlationId }),
    ...(schema !== undefined && { schema }),
    ...(seq !== undefined && { seq }),
    ...(time !== undefined && { time }),
    properties: props.p,
    system: props.s,
    topic,
    qos: qos === 2 ? 2 : qos === 1 ? 1 : 0,
    will: (bits & flags.will) !== 0,
    dialect,
  }
}

/** The readings of a stored record, the same live and on replay: arrival is the record's own time, `jseq` its number. */
export function readingsOfRecord(record: JournalRecord): BodyReadings {
  const { device, topic, props, payload, seq: jseq, at } = record
  const { contentType, contentEncoding, stream, time, seq, schema } = props.e
  const source: BodySource = { body: payload, device, arrived: at, topic, properties: props.p }
  if (contentType !== undefined) source.contentType = contentType
  if (contentEncoding !== undefined) source.contentEncoding = contentEncoding
  if (stream !== undefined) source.stream = stream
  if (time !== undefined) source.time = time
  if (seq !== undefined) source.seq = seq
  if (schema !== undefined) source.schema = schema
  const decoded = readingsOfBody(source)
  if ('readings' in decoded) for (const reading of decoded.readings) reading.jseq = jseq
  return decoded
}
