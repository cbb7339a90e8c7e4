import { readingsOfRows } from './header-rows.ts'
import { isTooDeep, jsonLevels } from './json-depth.ts'
import type { Reading } from './reading.ts'
import { timeOf } from './time.ts'
import { charsetOf, isUnicodeEncoding, type WideEncoding, wideBytes, wideOf, wideText } from './unicode.ts'

interface Body {
  body: Uint8Array
  /** absent means JSON */
  contentType?: string
  /** Charset or compression; other than Unicode the body stays bytes. */
  contentEncoding?: string
  time?: number
}

export interface BodySource extends Body {
  device: string
  stream?: string
  seq?: number
  schema?: string
  properties?: Record<string, string>
  topic?: string
  /** Arrival at the hub, epoch ms; fills a missing time. */
  arrived: number
}

/** `opaque`: not JSON, for a codec to read. `timeUnsure`: at least one reading's time is the hub's because the device's made no sense. */
export type BodyReadings = { readings: Reading[]; timeUnsure: boolean } | { undecodable: string } | { opaque: true }

/** A clock this far ahead of arrival is not believed. */
const AHEAD_MS = 300_000
/** More in one message would cost the hub and the flows behind it more than any device should. */
const READINGS = 1000
/** Each stream is a series of its own for as long as its data is kept. */
const STREAM_LENGTH = 64

const utf8 = new TextDecoder('utf-8', { fatal: true })
const readingMembers: ReadonlySet<string> = new Set(['time', 'seq', 'values', 'stream', 'schema', 'props'])

/**
 * The readings of a JSON telemetry payload: an object of values; a reading `{values, time?, seq?, stream?, schema?, props?}` with no
 * other members; an array of these, in order; a batch of header and rows. A bare scalar, or an array without any object, is the value named `value`.
 * At most 1,000 readings; a stream name over 64 characters counts as none. What topic or headers say (the arguments) wins over the body, the body over arrival.
 */
export function readingsOfBody(source: BodySource): BodyReadings {
  const items = itemsOf(source)
  return Array.isArray(items) ? readingsOfItems(items, source) : items
}

/** Where a value comes from that another format than JSON has decoded. */
export type ValueSource = Omit<BodySource, keyof Body> & Pick<Body, 'time'>

/** The same for a value that is decoded already, of at most `most` readings. */
export function readingsOfValue(
  value: unknown,
  source: ValueSource,
  most: number,
): { readings: Reading[]; timeUnsure: boolean } | { undecodable: string } {
  const items = itemsIn(value, most)
  return Array.isArray(items) ? readingsOfItems(items, source) : items
}

function readingsOfItems(items: readonly unknown[], source: ValueSource): { readings: Reading[]; timeUnsure: boolean } {
  let timeUnsure = false
  const readings = items.map((item, idx) => {
    const { unsure, reading } = readingOf(item, idx, source)
    timeUnsure ||= unsure
    return reading
  })
  return { readings, timeUnsure }
}

/** Sees the values of each reading, `path` its place in the body, and gives back those that shall stand there instead: others, or the same. */
export type BodyLook = (values: Record<string, unknown>, path: string) => Record<string, unknown>

/**
 * What `readingsOfBody` would say of the same body at the same arrival, without making the readings. `body`: the one with what `look` put into it, if that is anything.
 */
export function verdictOnBody(
  source: Body,
  arrived: number,
  look?: BodyLook,
): { undecodable?: string; timeUnsure: boolean; body?: Uint8Array } {
  const items = itemsOf(source)
  if (!Array.isArray(items)) return 'undecodable' in items ? { ...items, timeUnsure: false } : { timeUnsure: false }
  const timeUnsure = items.some(item => isUnsure(source.time ?? timeSaid(item, arrived), arrived))
  const body = look && rewritten(items, source, look)
  return { timeUnsure, ...(body && { body }) }
}

/** In the encoding in which it came. */
function rewritten(items: readonly unknown[], source: Body, look: BodyLook): Uint8Array | undefined {
  let changed = false
  // White space of JSON is all below '!', the bytes of a byte order mark are all above '~'.
  const list = isObject(items[0]) && (items.length > 1 || source.body.find(byte => byte > 32 && byte < 127) === 91)
  const written = items.map((item, i) => {
    const form = formOf(item)
    const path = list ? `[${i}]` : ''
    const values = look(form.values, path)
    if (values === form.values) return item
    changed = true
    return isObject(item) && isForm(item) ? { ...item, values } : values
  })
  if (!changed) return undefined
  const text = JSON.stringify(list ? written : written[0])
  const wide = wideOf(source.body, charsetOf(source))
  return wide ? wideBytes(text, wide) : new TextEncoder().encode(text)
}

function itemsOf(source: Body): unknown[] | { undecodable: string } | { opaque: true } {
  if (!isJson(source)) return { opaque: true }
  const { body } = source
  const wide = wideOf(body, charsetOf(source))
  let decoded: unknown
  try {
    const text = wide ? wideText(body, wide) : utf8.decode(body)
    if (isTooDeep(text)) return { undecodable: `nested deeper than ${jsonLevels} levels` }
    decoded = JSON.parse(text)
  } catch (error) {
    return { undecodable: body.length === 0 ? 'the payload is empty' : reasonOf(error, wide) }
  }
  return itemsIn(decoded, READINGS)
}

function itemsIn(value: unknown, most: number): unknown[] | { undecodable: string } {
  const rows = readingsOfRows(value, most)
  if (rows && 'undecodable' in rows) return rows
  const items = rows ?? (Array.isArray(value) && (value.length === 0 || value.some(isObject)) ? value : [value])
  const misfit = items.length > 1 ? items.findIndex(item => !isObject(item)) : -1
  if (misfit >= 0) return { undecodable: `item ${misfit} of the batch is not an object` }
  if (items.length > most) return { undecodable: `${items.length} readings in one message, at most ${most}` }
  return items
}

/** `application/json`, `..+json`, parameters ignored but for the charset; no content type at all. */
function isJson({ contentType = '', contentEncoding = '' }: Body): boolean {
  const encoding = contentEncoding.trim()
  if (encoding && encoding.toLowerCase() !== 'identity' && !isUnicodeEncoding(encoding)) return false
  if (!contentType || contentType === 'application/json') return true
  const charset = charsetOf({ contentType })
  if (charset && !isUnicodeEncoding(charset) && charset.toLowerCase() !== 'us-ascii') return false
  return /^(application|text)\/([a-z0-9.-]+\+)?json$/i.test(contentType.split(';', 1)[0]!.trim())
}

/** The engine's words without its quotation of the payload. */
function reasonOf(error: unknown, wide: WideEncoding | undefined): string {
  if (!(error instanceof SyntaxError)) return `the payload is not UTF-${8 * (wide?.width ?? 1)}`
  const position = /at position (\d+)/.exec(error.message)?.[1]
  return position ? `no JSON at position ${position}` : 'no JSON'
}

interface Form {
  values: Record<string, unknown>
  time?: unknown
  seq?: unknown
  stream?: unknown
  schema?: unknown
  props?: unknown
}

function readingOf(item: unknown, idx: number, source: ValueSource): { reading: Reading; unsure: boolean } {
  const form = formOf(item)
  const { device, arrived, topic } = source
  const asked = source.time ?? timeOfForm(form, arrived)
  const unsure = isUnsure(asked, arrived)
  const seq = source.seq ?? (Number.isSafeInteger(form.seq) ? (form.seq as number) : undefined)
  const schema = source.schema ?? text(form.schema)
  const reading: Reading = {
    device,
    time: unsure ? arrived : asked!,
    values: form.values,
    arrived,
    stream: streamOf(source.stream) || streamOf(text(form.stream)),
    idx,
    properties: form.props === undefined ? { ...source.properties } : { ...texts(form.props), ...source.properties },
  }
  if (seq !== undefined) reading.seq = seq
  if (schema !== undefined) reading.schema = schema
  if (topic !== undefined) reading.topic = topic
  return { reading, unsure }
}

const streamOf = (name = ''): string => (name.length > STREAM_LENGTH ? '' : name)

function formOf(item: unknown): Form {
  if (!isObject(item)) return { values: { value: item } }
  return isForm(item) ? item : { values: item }
}

const isForm = (item: Record<string, unknown>): item is Record<string, unknown> & Form =>
  isObject(item.values) && Object.keys(item).every(key => readingMembers.has(key))

const timeSaid = (item: unknown, arrived: number): number | undefined =>
  isObject(item) && isForm(item) ? timeOfForm(item, arrived) : arrived

const timeOfForm = ({ time }: Form, arrived: number): number | undefined => (time === undefined ? arrived : timeOf(time))

const isUnsure = (asked: number | undefined, arrived: number): boolean => asked === undefined || asked > arrived + AHEAD_MS

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const text = (value: unknown): string | undefined => (typeof value === 'string' && value ? value : undefined)

/** Properties are strings; of other kinds only numbers and booleans have an obvious one. */
function texts(props: unknown): Record<string, string> {
  if (!isObject(props)) return {}
  const kept = Object.entries(props).filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value))
  return Object.fromEntries(kept.map(([key, value]) => [key, String(value)]))
}
