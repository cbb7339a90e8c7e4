import type { Delivered } from '../../journal/journal-port.ts'
import { replayedOf } from '../../journal/letter-record.ts'
import type { RuleMessage } from '../../routing/message.ts'
import { decodedPayload } from '../../routing/payload.ts'
import { ruleMessageOf } from '../../telemetry/rule-message.ts'
import type { Msg, NewMsg } from '../define.ts'
import { hopsOf, type Intake, intakeOf, isPartOfBatch, type Item, noReading } from './intake.ts'

interface Around {
  hubName: string
  delivery: unknown
  ack: Intake['ack']
}

/** Records of the journal as rules in the hub see them: what a device sent in one message is one thing. */
export function intakeOfRecords(records: readonly Delivered[], batch: boolean, { hubName, delivery, ack }: Around): Intake {
  const items = records.map(record => itemOf(record, hubName))
  const [{ reading, payload }] = items as [Item & { reading: NewMsg }]
  const redelivered = records.some(({ deliveries }) => deliveries > 1)
  const marks = { ...(redelivered && { redelivered }), ...(ack === 'flow' && { delivery }) }
  return { base: batch ? marks : { ...reading, payload, ...marks }, batch, items, delivery, ack }
}

function itemOf(record: Delivered, hubName: string): Item {
  const message = ruleMessageOf({ ...record, payload: bufferOf(record.payload) }, { hubName })
  const { device, topic, seq: jseq, at, props } = record
  const { stream = '', time = at, seq, schema, contentType, contentEncoding, hops } = props.e
  const replayed = replayedOf(record)
  const properties = textsOf(message.properties)
  return {
    message,
    payload: decodedPayload(message.payload),
    hops: hopsOf(hops, message.properties),
    ...(replayed && { replayed }),
    ...(isPartOfBatch(replayed) && { fault: noReading(0) }),
    reading: {
      device,
      topic,
      time,
      arrived: at,
      stream,
      jseq,
      properties,
      ...(seq !== undefined && { seq }),
      ...(schema !== undefined && { schema }),
      ...(contentType !== undefined && { contentType }),
      ...(contentEncoding !== undefined && { contentEncoding }),
      ...(replayed && { replayed }),
    },
    original: () => ({ device, topic, properties, payload: record.payload, jseq }),
  }
}

const readingMembers: ReadonlySet<string> = new Set(['time', 'stream', 'seq', 'schema', 'values'])

/** A dead letter of a message of a flow as that message again. */
export function intakeOfReplay(record: Delivered, delivery: unknown): Intake {
  const { device, topic, seq: jseq, at, props, payload } = record
  const replayed = replayedOf(record)
  const { contentType, contentEncoding, time = at, stream, hops } = props.e
  const bytes = bufferOf(payload)
  const value = decodedPayload(bytes)
  const form = formOf(value)
  const opaque = contentType !== undefined && !/\bjson\b/i.test(contentType)
  const msg: NewMsg = {
    topic,
    time,
    arrived: at,
    jseq,
    properties: { ...props.p },
    ...(device && { device }),
    ...(stream !== undefined && { stream }),
    ...(hops !== undefined && { hops }),
    ...(replayed && { replayed }),
    ...(form ?? { payload: opaque ? bytes : value }),
    ...(!form && opaque && { contentType, contentEncoding }),
  }
  return { ...intakeOf(msg as Msg), delivery, ack: 'sent' }
}

function formOf(value: unknown): object | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || ArrayBuffer.isView(value)) return undefined
  const { values, ...rest } = value as Record<string, unknown>
  if (typeof values !== 'object' || values === null || Array.isArray(values)) return undefined
  return Object.keys(rest).every(name => readingMembers.has(name)) ? { ...rest, payload: values } : undefined
}

const bufferOf = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer => Buffer.from(buffer, byteOffset, byteLength)

const textsOf = (properties: RuleMessage['properties'] = {}): Record<string, string> => ({
  ...(properties as Record<string, string>),
})
