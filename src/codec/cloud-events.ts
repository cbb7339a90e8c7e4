import { timeOf } from '../telemetry/time.ts'
import type { Codec, CodecContext } from './codec.ts'
import { encodableOf } from './encodable.ts'
import { unfit } from './fault.ts'
import { assertInput } from './input.ts'
import { jsonCodec } from './json.ts'
import { isJsonType, mediaTypeOf } from './media-type.ts'
import { base64, plainOf, setOwn } from './plain.ts'

/** One event: the attributes, `data` as plain JSON or text, bytes as `data_base64`. */
export interface CloudEvent {
  specversion: '1.0'
  id: string
  source: string
  type: string
  datacontenttype?: string
  data?: unknown
  data_base64?: string
  [attribute: string]: unknown
}

/** An event as MQTT 5 carries it: its attributes are user properties. */
export interface BinaryEvent {
  payload: Uint8Array
  contentType?: string
  properties: Record<string, string>
}

const format = 'CloudEvents'
const required = ['specversion', 'id', 'source', 'type'] as const
/** CloudEvents 1.0.2, 3.1; the members of the JSON form may not be called so. */
const attributeName = /^[a-z0-9]+$/
const structured = 'application/cloudevents+json'
const batch = 'application/cloudevents-batch+json'
/** RFC 3339, which knows seconds that are inserted. */
const rfc3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/
const isTime = (text: unknown): boolean =>
  typeof text === 'string' && rfc3339.test(text) && timeOf(text.replace(/:60(?=[.Zz+-])/, ':59')) !== undefined
const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * CloudEvents 1.0: structured JSON and batches by the content type, else the binary form of MQTT 5 with the attributes in `context.properties`. There, data is read as JSON or
 * text where the content type says so, and stays base64 else. Writes the structured form; `binaryEvent` the other. CODEC_INVALID for what is no event.
 */
export const cloudEventsCodec: Codec = {
  name: 'cloudevents',
  detect: (_bytes, context) => isStructured(context) || isBinary(context),
  decode(bytes, context) {
    if (!isStructured(context)) return binaryToEvent(bytes, context)
    const value = jsonCodec.decode(bytes, context)
    if (mediaTypeOf(context.contentType) === structured) return checkedEvent(value, '')
    if (!Array.isArray(value)) throw unfit(format, '', 'a batch is a list of events')
    return value.map((event, i) => checkedEvent(event, `[${i}]`))
  },
  encode(value, context) {
    const events = plainOf(encodableOf(format, value))
    if (Array.isArray(events)) for (const [i, event] of events.entries()) checkedEvent(event, `[${i}]`)
    else checkedEvent(events, '')
    return jsonCodec.encode!(events, context)
  },
}

/** The event in the binary form; `data` of other kinds than text and bytes is written as JSON. CODEC_INVALID. */
export function binaryEvent(value: unknown): BinaryEvent {
  const { data, data_base64, datacontenttype, ...attributes } = checkedEvent(plainOf(encodableOf(format, value)), '')
  const properties = Object.fromEntries(Object.entries(attributes).map(([name, attribute]) => [name, String(attribute)]))
  if (data_base64 !== undefined)
    return { payload: Buffer.from(data_base64, 'base64'), ...(datacontenttype && { contentType: datacontenttype }), properties }
  const contentType = datacontenttype ?? (data === undefined ? undefined : 'application/json')
  const text = data === undefined ? '' : typeof data === 'string' && !isJsonType(contentType) ? data : JSON.stringify(data)
  return { payload: Buffer.from(text), ...(contentType !== undefined && { contentType }), properties }
}

const isStructured = ({ contentType }: CodecContext): boolean => [structured, batch].includes(mediaTypeOf(contentType))

const isBinary = ({ properties = {} }: CodecContext): boolean => required.every(name => Object.hasOwn(properties, name))

function binaryToEvent(bytes: Uint8Array, context: CodecContext): CloudEvent {
  assertInput(format, bytes, context)
  const { contentType, properties = {} } = context
  const event: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(properties))
    if (attributeName.test(name) && name !== 'data' && name !== 'datacontenttype') event[name] = value
  if (contentType) event.datacontenttype = contentType
  if (bytes.length > 0) setData(event, bytes, context)
  return checkedEvent(event, '')
}

function setData(event: Record<string, unknown>, bytes: Uint8Array, context: CodecContext): void {
  if (isJsonType(context.contentType)) event.data = jsonCodec.decode(bytes, context)
  else if (mediaTypeOf(context.contentType).startsWith('text/')) {
    try {
      event.data = utf8.decode(bytes)
    } catch {
      event.data_base64 = base64(bytes)
    }
  } else event.data_base64 = base64(bytes)
}

/** A copy without members that are null, which count as absent. */
function checkedEvent(value: unknown, path: string): CloudEvent {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw unfit(format, path, 'not an event')
  const at = (name: string): string => (path ? `${path}.${name}` : name)
  const event: Record<string, unknown> = {}
  for (const [name, member] of Object.entries(value)) {
    if (name === 'data') setOwn(event, name, member)
    if (name === 'data' || member === null) continue
    if (name !== 'data_base64' && !attributeName.test(name))
      throw unfit(format, at(name.slice(0, 60)), 'names of attributes are small letters and digits')
    if (!['string', 'number', 'boolean'].includes(typeof member)) throw unfit(format, at(name), 'not an attribute')
    event[name] = member
  }
  for (const name of required)
    if (typeof event[name] !== 'string' || event[name] === '') throw unfit(format, at(name), 'the attribute is missing')
  if (event.specversion !== '1.0') throw unfit(format, at('specversion'), 'only version 1.0 is known')
  if (Object.hasOwn(event, 'data_base64')) {
    if (Object.hasOwn(event, 'data')) throw unfit(format, at('data_base64'), 'data is there twice')
    const { data_base64: data } = event
    if (typeof data !== 'string' || data.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(data))
      throw unfit(format, at('data_base64'), 'not base64')
  }
  if (event.time !== undefined && !isTime(event.time)) throw unfit(format, at('time'), 'not a time of RFC 3339')
  if (event.datacontenttype !== undefined && typeof event.datacontenttype !== 'string')
    throw unfit(format, at('datacontenttype'), 'not a text')
  return event as CloudEvent
}
