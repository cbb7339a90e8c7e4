import { LoomError } from '../../errors.ts'
import type { NewDeadLetter, Replayed } from '../../journal/journal-port.ts'
import type { RuleMessage } from '../../routing/message.ts'
import { eventSources } from '../../routing/rule-text.ts'
import type { Msg, NewMsg } from '../define.ts'
import { mqttPropertiesOf } from './mqtt-properties.ts'

/** What a dead letter needs to come back as the same thing. */
export type Original = Pick<NewDeadLetter, 'device' | 'topic' | 'properties' | 'payload' | 'jseq'>

/** One thing that rules look at: a reading, a message of any kind, or a record of the journal. */
export interface Item {
  message: RuleMessage
  /** The place of an output in a batch: all of the reading but its values. */
  reading?: Record<string, unknown>
  /** As it is sent on when no rule matches. */
  payload: unknown
  hops: number
  replayed?: Replayed
  /** Why it cannot be looked at. */
  fault?: LoomError
  original(): Original
}

/** What arrived together. */
export interface Intake {
  /** What outputs have in common with what came in. */
  base: NewMsg
  batch: boolean
  items: Item[]
  delivery: unknown
  /** `flow`: the delivery travels on with the messages; `sent`: it is complete once they are on their way. */
  ack: 'flow' | 'sent'
}

const json = { contentType: 'application/json', contentEncoding: 'utf-8' }

/** The stage of an item of a batch that is no reading: its dead letter comes back as a batch of it alone. */
export const readingStage = 'reading'

export const isPartOfBatch = (replayed: unknown): boolean => (replayed as Replayed | undefined)?.stage === readingStage

export const noReading = (i: number): LoomError => new LoomError('READING_VALUES', `item ${i} of the batch`, { position: i })

/** A message of a flow: a batch of readings if it holds at least one, else one thing. */
export function intakeOf(msg: Msg): Intake {
  const { payload, delivery, replayed } = msg
  const batch = Array.isArray(payload) && (payload.some(isReading) || isPartOfBatch(replayed))
  return {
    base: msg,
    batch,
    delivery,
    ack: 'flow',
    items: batch ? payload.map((each, i) => itemOfBatch(msg, each, i)) : [itemOf(msg, payload)],
  }
}

function itemOfBatch(msg: Msg, item: unknown, i: number): Item {
  const { hops, replayed, twin, hubName, clientId } = msg
  if (!isReading(item)) {
    const { device, topic, properties, jseq } = isObject(item) ? item : {}
    const around = { _msgid: msg._msgid, hops, replayed, device, topic, properties, jseq } as Msg
    return { ...itemOf(around, item), fault: noReading(i), original: () => originalOf(around, [item]) }
  }
  const { values, ...reading } = item
  return { ...itemOf({ _msgid: msg._msgid, hops, replayed, twin, hubName, clientId, ...reading }, values), reading }
}

function itemOf(msg: Msg, payload: unknown): Item {
  const { topic, device, time, contentType, contentEncoding = 'utf-8', system, clientId, traceId, hubName, source } = msg
  const message: RuleMessage = { payload }
  if (typeof topic === 'string') message.topic = topic
  if (typeof device === 'string') message.deviceId = device
  if (typeof time === 'number') message.timestamp = time
  const properties = propertiesOf(msg)
  if (isObject(properties)) message.properties = properties as Record<string, string>
  const mqtt = mqttPropertiesOf(msg)
  if (mqtt) message.mqtt = mqtt
  if (typeof clientId === 'string') message.clientId = clientId
  if (typeof traceId === 'string') message.traceId = traceId
  if (typeof hubName === 'string') message.hubName = hubName
  const event = eventSources.find(one => one === source)
  if (event) message.source = event
  const twin = twinOf(msg.twin)
  if (twin) message.twin = twin
  const bytes = ArrayBuffer.isView(payload)
  if (bytes) message.raw = payload as Uint8Array
  if (typeof contentType === 'string') message.system = { contentType, contentEncoding: String(contentEncoding) }
  else if (!bytes) message.system = json
  if (isObject(system)) message.system = { ...message.system, ...(system as Record<string, string>) }
  return {
    message,
    payload,
    hops: hopsOf(msg.hops, message.properties),
    ...(isObject(msg.replayed) && { replayed: msg.replayed as unknown as Replayed }),
    original: () => originalOf(msg, payload),
  }
}

/** The form of a reading, so that time and stream come back with the values; bytes and other values as they are. */
function originalOf(msg: Msg, payload: unknown): Original {
  const { device, topic, time, stream, seq, schema, jseq } = msg
  const form = isObject(payload) && !ArrayBuffer.isView(payload) ? { time, stream, seq, schema, values: payload } : payload
  return {
    device: typeof device === 'string' ? device : '',
    topic: typeof topic === 'string' ? topic : '',
    properties: textsOf(propertiesOf(msg)),
    payload: bytesOf(form),
    ...(typeof jseq === 'number' && { jseq }),
  }
}

/** Bytes as they are, anything else as JSON. */
export function bytesOf(value: unknown): Uint8Array {
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  return Buffer.from(jsonText(value))
}

/** What no JSON can hold is `null`, large integers are texts. */
export function jsonText(value: unknown): string {
  try {
    return JSON.stringify(value, (_, member) => (typeof member === 'bigint' ? String(member) : member)) ?? 'null'
  } catch {
    return 'null'
  }
}

/** A twin as the hub gives it, or as conditions see it. */
export function twinOf(twin: unknown): RuleMessage['twin'] {
  if (!isObject(twin)) return undefined
  if (isObject(twin.properties)) return twin as RuleMessage['twin']
  const { tags, desired, reported } = twin
  return desired === undefined && reported === undefined ? undefined : { tags, properties: { desired, reported } }
}

/** How often rules have sent it on already; a property tells it across brokers. */
export function hopsOf(hops: unknown, properties: RuleMessage['properties']): number {
  const count = Number(hops ?? properties?.['loom-hops'] ?? 0)
  return Number.isFinite(count) ? count : 0
}

/** User properties are called otherwise by the core node "mqtt in". */
const propertiesOf = ({ properties, userProperties }: Msg): unknown => properties ?? userProperties

const textsOf = (properties: unknown): Record<string, string> =>
  isObject(properties)
    ? Object.fromEntries(Object.entries(properties).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
    : {}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isReading = (item: unknown): item is Record<string, unknown> & { values: object } =>
  isObject(item) && isObject(item.values) && !ArrayBuffer.isView(item.values)
