import { LoomError } from '../errors.ts'
import { readingsOfValue, type ValueSource } from '../telemetry/body.ts'
import { readingsOfRows } from '../telemetry/header-rows.ts'
import type { Reading } from '../telemetry/reading.ts'
import { timeOf } from '../telemetry/time.ts'
import type { CloudEvent } from './cloud-events.ts'
import { codecLimits } from './codec.ts'
import type { CodecName } from './codecs.ts'
import { setOwn } from './plain.ts'
import { readingsOfSenml } from './senml.ts'
import type { SenmlRecord } from './senml-records.ts'

export interface DecodedSource extends ValueSource {
  /** Name of the value that is the time of its reading; empty: none is. */
  timeMember?: string
  /** of the journal's record */
  jseq?: number
}

/**
 * The readings of what a format decoded, by the rules of JSON telemetry (`readingsOfBody`), of any number: records of SenML make one for each time, events of CloudEvents those of
 * their data, with their time and, as properties, their attributes. TELEMETRY_UNDECODABLE for a list of things that are not all objects.
 */
export function readingsOfDecoded(format: CodecName, value: unknown, source: DecodedSource): Reading[] {
  if (format === 'cloudevents') return ofEvents(value as CloudEvent | CloudEvent[], source)
  const senml = format === 'senml' || format === 'senml-cbor'
  return readingsIn(senml ? readingsOfSenml(value as SenmlRecord[]) : value, source)
}

function readingsIn(value: unknown, { timeMember = '', jseq, ...source }: DecodedSource): Reading[] {
  const found = readingsOfValue(timeMember === '' ? value : timed(value, timeMember), source, codecLimits.elements)
  if ('undecodable' in found) throw new LoomError('TELEMETRY_UNDECODABLE', found.undecodable)
  if (jseq !== undefined) for (const reading of found.readings) reading.jseq = jseq
  return found.readings
}

function timed(value: unknown, member: string): unknown {
  const rows = readingsOfRows(value, codecLimits.elements, member)
  if (rows) return 'undecodable' in rows ? value : rows
  return Array.isArray(value) ? value.map(timedBy(member)) : timedBy(member)(value)
}

/** Takes the time out of the values, where it is one. */
function timedBy(member: string): (item: unknown) => unknown {
  return item => {
    if (typeof item !== 'object' || item === null || Array.isArray(item) || !Object.hasOwn(item, member)) return item
    const time = timeOf((item as Record<string, unknown>)[member])
    if (time === undefined) return item
    const values: Record<string, unknown> = {}
    for (const [name, value] of Object.entries(item)) if (name !== member) setOwn(values, name, value)
    return { time, values }
  }
}

function ofEvents(value: CloudEvent | CloudEvent[], source: DecodedSource): Reading[] {
  const readings = (Array.isArray(value) ? value : [value]).flatMap(({ data, data_base64, ...attributes }) => {
    const time = timeOf(attributes.time)
    const properties = { ...source.properties }
    for (const [name, attribute] of Object.entries(attributes)) properties[name] = String(attribute)
    return readingsIn(data ?? data_base64, { ...source, properties, ...(time !== undefined && { time }) })
  })
  readings.forEach((reading, idx) => {
    reading.idx = idx
  })
  return readings
}
