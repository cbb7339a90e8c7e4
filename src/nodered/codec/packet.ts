import type { NewDeadLetter, RecordProps, Replayed } from '../../journal/journal-port.ts'
import type { Reading } from '../../telemetry/reading.ts'
import type { Msg, NewMsg } from '../define.ts'
import { jsonText } from '../route/intake.ts'
import type { Packet } from './decoder.ts'

/** What a dead letter needs to come back as the same thing. */
export type Original = Pick<
  NewDeadLetter,
  'device' | 'topic' | 'properties' | 'payload' | 'jseq' | 'arrived' | 'envelope' | 'letter'
>

/** Whether a payload is still to be decoded. */
export const isOpaque = (payload: unknown): payload is Uint8Array | string =>
  typeof payload === 'string' || ArrayBuffer.isView(payload)

/** Bytes, or a text as UTF-8. A dead letter that comes back is as old as it was; a time that is no more than the arrival gives way to one in the body. */
export function packetOf(msg: Msg, now: number): Packet {
  const { payload, replayed } = msg
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : viewOf(payload as Uint8Array)
  const arrived = (replayed as Partial<Replayed> | undefined)?.arrived ?? number(msg.arrived) ?? now
  const { device, topic, contentType, contentEncoding, stream, schema } = textsIn(msg)
  const [time, seq, jseq] = [number(msg.time), number(msg.seq), number(msg.jseq)]
  // The core node "mqtt in" calls them userProperties
  const properties = propertiesOf(msg.properties ?? msg.userProperties)
  return {
    bytes,
    context: {
      arrived,
      properties,
      ...(device !== undefined && { device }),
      ...(topic !== undefined && { topic }),
      ...(contentType !== undefined && { contentType }),
      ...(contentEncoding !== undefined && { contentEncoding }),
    },
    source: {
      device: device ?? '',
      arrived,
      properties,
      ...(topic !== undefined && { topic }),
      ...(stream !== undefined && { stream }),
      ...(schema !== undefined && { schema }),
      ...(seq !== undefined && { seq }),
      ...(jseq !== undefined && { jseq }),
      ...(time !== undefined && time !== number(msg.arrived) && { time }),
    },
  }
}

/** A packet as it came. */
export function originalOf({ bytes, context, source }: Packet): Original {
  const { device, topic = '', properties = {}, arrived, stream, time, seq, schema } = source
  const { contentType, contentEncoding } = context
  const envelope: RecordProps['e'] = {
    ...(stream !== undefined && { stream }),
    ...(time !== undefined && { time }),
    ...(seq !== undefined && { seq }),
    ...(schema !== undefined && { schema }),
    ...(contentType !== undefined && { contentType }),
    ...(contentEncoding !== undefined && { contentEncoding }),
  }
  const { jseq } = source
  return { device, topic, properties, payload: bytes, arrived, envelope, ...(jseq !== undefined && { jseq }) }
}

/** A reading as the JSON body of one. */
export function originalOfReading({ device, topic = '', properties = {}, jseq, arrived, time, ...rest }: Reading): Original {
  const { stream, seq, schema, values } = rest
  return {
    ...{ device, topic, properties, envelope: {} },
    payload: Buffer.from(jsonText({ time, stream: stream || undefined, seq, schema, values })),
    ...(arrived !== undefined && { arrived }),
    ...(jseq !== undefined && { jseq }),
  }
}

/** What is sent of some readings of a message: one in the place of the bytes, more as a batch. */
export function decodedMessage(msg: NewMsg, readings: readonly Reading[], single: boolean): NewMsg {
  const { contentType: _, contentEncoding: __, ...rest } = msg
  const [first] = readings
  if (!single || !first) return { ...rest, payload: readings.map(withDevice) }
  const { values, device, ...reading } = first
  return { ...rest, ...reading, ...(device && { device }), payload: values } as NewMsg
}

/** Who decodes what no hub has brought need not say of which device it is. */
function withDevice(reading: Reading): object {
  if (reading.device) return reading
  const { device: _, ...rest } = reading
  return rest
}

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): Uint8Array => new Uint8Array(buffer, byteOffset, byteLength)

const number = (value: unknown): number | undefined => (typeof value === 'number' && Number.isFinite(value) ? value : undefined)

function textsIn(
  msg: Msg,
): Record<'device' | 'topic' | 'contentType' | 'contentEncoding' | 'stream' | 'schema', string | undefined> {
  const text = (value: unknown): string | undefined => (typeof value === 'string' && value ? value : undefined)
  const { device, topic, contentType, contentEncoding, stream, schema } = msg
  return {
    device: text(device),
    topic: text(topic),
    contentType: text(contentType),
    contentEncoding: text(contentEncoding),
    stream: text(stream),
    schema: text(schema),
  }
}

const propertiesOf = (properties: unknown): Record<string, string> =>
  typeof properties === 'object' && properties !== null
    ? Object.fromEntries(Object.entries(properties).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
    : {}
