import {
  flags,
  type JournalRecord,
  kinds,
  modelFaults,
  type LetterFault,
  type NewRecord,
  type RecordKind,
  type RecordProps,
} from '../journal/journal-port.ts'
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
export const recordOf = (envelope: Envelope, context: RecordContext, kind: RecordKind = kinds.message): NewRecord =>
  bareRecord(envelope, kind, propsOf(envelope, context))

const bareRecord = ({ deviceId, topic, qos, will, body }: Envelope, kind: RecordKind, props: RecordProps): NewRecord => ({
  kind,
  device: deviceId,
  topic,
  qos,
  flags: will ? flags.will : 0,
  props,
  payload: body,
})

function propsOf(envelope: Envelope, context: RecordContext): RecordProps {
  const { properties, system, dialect } = envelope
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
  return { v: 1, p: properties, s: system, e }
}

/**
 * The records of one connection. What its messages say about themselves mostly repeats: while it does, the properties and their text are made once, and
 * shared by the records.
 */
export class ConnectionRecords {
  readonly #context: RecordContext
  #props: RecordProps | undefined
  #text = ''

  constructor(context: RecordContext) {
    this.#context = context
  }

  of(envelope: Envelope, kind: RecordKind = kinds.message): NewRecord {
    if (!this.#props || !says(this.#props, envelope)) {
      this.#props = frozen(propsOf(envelope, this.#context))
      this.#text = JSON.stringify(this.#props)
    }
    const record = bareRecord(envelope, kind, this.#props)
    record.propsText = this.#text
    return record
  }
}

function says({ p, s, e }: RecordProps, envelope: Envelope): boolean {
  return (
    (e.stream ?? '') === envelope.stream &&
    e.module === envelope.module &&
    e.time === envelope.time &&
    e.seq === envelope.seq &&
    e.schema === envelope.schema &&
    e.contentType === envelope.contentType &&
    e.contentEncoding === envelope.contentEncoding &&
    e.messageId === envelope.messageId &&
    e.correlationId === envelope.correlationId &&
    e.dialect === envelope.dialect &&
    sameTexts(p, envelope.properties) &&
    sameTexts(s, envelope.system)
  )
}

function sameTexts(a: Record<string, string>, b: Record<string, string>): boolean {
  let more = 0
  for (const name in a) {
    if (a[name] !== b[name]) return false
    more++
  }
  for (const _ in b) more--
  return more === 0
}

function frozen(props: RecordProps): RecordProps {
  for (const part of [props.p, props.s, props.e]) Object.freeze(part)
  return Object.freeze(props)
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

/** What its device's model does not allow of a record that was set aside for it; undefined of any other. */
export function faultsOfRecord({ flags: bits, props }: Pick<JournalRecord, 'flags' | 'props'>): LetterFault[] | undefined {
  const text = bits & flags.invalid ? props.s[modelFaults] : undefined
  return text === undefined ? undefined : (JSON.parse(text) as LetterFault[])
}

/** The readings of a stored record, the same live and on replay: arrival is the record's own time, `jseq` its number. None of what was set aside. */
export function readingsOfRecord(record: JournalRecord): BodyReadings {
  if (record.flags & flags.invalid && record.props.s[modelFaults] !== undefined)
    return { undecodable: 'its model does not allow it' }
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
