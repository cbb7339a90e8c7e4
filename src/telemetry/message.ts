import { LoomError } from '../errors.ts'
import type { Reading } from './reading.ts'

/** A message of a flow: one reading (`payload` = its values) or a batch (`payload` = array of readings). */
export interface ReadingMessage {
  payload?: unknown
  device?: unknown
  time?: unknown
  arrived?: unknown
  stream?: unknown
  seq?: unknown
  schema?: unknown
  properties?: unknown
  topic?: unknown
}

/**
 * A message, single or batch, as readings; `now` fills a missing time. Throws READING_DEVICE, READING_VALUES, READING_TIME with the
 * position in the batch. The readings are new objects, their values the message's own.
 */
export function readingsOf(msg: ReadingMessage, now: number): Reading[] {
  if (!Array.isArray(msg.payload)) return [readingOf(msg, msg.payload, now, undefined)]
  return msg.payload.map((item: unknown, i) => itemOf(item, now, i))
}

function itemOf(item: unknown, now: number, i: number): Reading {
  if (!isObject(item)) throw new LoomError('READING_VALUES', `item ${i} of the batch`, { position: i })
  return readingOf(item, item.values, now, i)
}

/** An item of a batch that is no reading; `jseq` if it says of which journal record it is. */
export interface Fault {
  error: LoomError
  jseq?: number
}

/** As `readingsOf`, but an item of a batch that is no reading does not keep the others out. A single message still throws. */
export function sortedReadingsOf(msg: ReadingMessage, now: number): { readings: Reading[]; faults: Fault[] } {
  if (!Array.isArray(msg.payload)) return { readings: readingsOf(msg, now), faults: [] }
  const readings: Reading[] = []
  const faults: Fault[] = []
  msg.payload.forEach((item: unknown, i) => {
    try {
      readings.push(itemOf(item, now, i))
    } catch (thrown) {
      if (!(thrown instanceof LoomError)) throw thrown
      const { jseq } = (item ?? {}) as { jseq?: unknown }
      faults.push({ error: thrown, ...(isNumber(jseq) && { jseq }) })
    }
  })
  return { readings, faults }
}

/** The message with these readings instead, in the shape that came in; nothing left means nothing is sent. Several of a single become a batch. */
export function withReadings<M extends ReadingMessage>(msg: M, readings: readonly Reading[]): M | undefined {
  const [first, ...more] = readings
  if (!first) return undefined
  if (Array.isArray(msg.payload) || more.length > 0) return { ...msg, payload: readings }
  const { values, topic, jseq, idx, ...rest } = first
  return { ...msg, ...rest, payload: values }
}

function readingOf(from: ReadingMessage, values: unknown, now: number, i: number | undefined): Reading {
  const { device, time, arrived, stream, seq, schema, properties, topic } = from
  const { jseq, idx } = from as { jseq?: unknown; idx?: unknown }
  const where = i === undefined ? 'the message' : `item ${i} of the batch`
  const at = i === undefined ? {} : { position: i }
  if (typeof device !== 'string' || !device)
    throw new LoomError('READING_DEVICE', where, { ...at, hint: 'set msg.device, or device in each item of a batch' })
  if (!isObject(values))
    throw new LoomError('READING_VALUES', `${where}, of ${device.slice(0, 100)}`, {
      ...at,
      hint: 'for example {"temperature": 21.5}',
    })
  if (time !== undefined && time !== null && !(typeof time === 'number' && Number.isFinite(time)))
    throw new LoomError('READING_TIME', `${where}: ${String(time).slice(0, 40)}`, {
      ...at,
      hint: 'epoch milliseconds as a number',
    })
  const reading: Reading = { device, time: time ?? now, values }
  if (isNumber(arrived)) reading.arrived = arrived
  if (typeof stream === 'string') reading.stream = stream
  if (isNumber(seq)) reading.seq = seq
  if (typeof schema === 'string') reading.schema = schema
  if (isNumber(jseq)) reading.jseq = jseq
  if (isNumber(idx)) reading.idx = idx
  if (isObject(properties)) reading.properties = properties as Record<string, string>
  if (typeof topic === 'string') reading.topic = topic
  return reading
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value)

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value)
