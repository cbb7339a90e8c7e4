import { openCbor } from './cbor.ts'
import type { Codec } from './codec.ts'
import { unfit } from './fault.ts'
import { jsonCodec } from './json.ts'
import { labelledRecord, namedRecord } from './senml-labels.ts'
import { assertName, resolvedRecords, type SenmlRecord } from './senml-records.ts'

const format = 'SenML'
const earliestMs = 2 ** 28 * 1000

/** SenML in JSON (RFC 8428, 5): the resolved records as `SenmlRecord[]`, and back. Times that count from now count from `context.arrived`. */
export const senmlJson: Codec = {
  name: 'senml',
  decode: (bytes, context) => resolvedRecords(jsonCodec.decode(bytes, context), context.arrived),
  encode: (value, context) =>
    jsonCodec.encode!(
      packOf(value).map(({ vd, ...rest }) => ({
        ...rest,
        ...(vd !== undefined && { vd: vd.toString('base64url') }),
      })),
      context,
    ),
}

/** SenML in CBOR (RFC 8428, 6), otherwise like `senmlJson`. CODEC_UNAVAILABLE without the package cbor-x. */
export async function openSenmlCbor(): Promise<Codec> {
  const cbor = await openCbor()
  return {
    name: 'senml-cbor',
    decode(bytes, context) {
      const pack = cbor.decode(bytes, context)
      const named = Array.isArray(pack) ? pack.map(record => (isObject(record) ? namedRecord(record) : record)) : pack
      return resolvedRecords(named, context.arrived)
    },
    encode: (value, context) => cbor.encode!(packOf(value).map(labelledRecord), context),
  }
}

/** Consecutive records of one time as one reading: `{time?, values}` with the names as they are. Units and sums are left behind. */
export function readingsOfSenml(records: readonly SenmlRecord[]): { time?: number; values: Record<string, unknown> }[] {
  const readings: { time?: number; values: Record<string, unknown> }[] = []
  for (const { name, time, value, data, sum } of records) {
    let last = readings.at(-1)
    if (!last || last.time !== time || Object.hasOwn(last.values, name)) {
      last = { ...(time !== undefined && { time }), values: {} }
      readings.push(last)
    }
    last.values[name] = value ?? data ?? sum
  }
  return readings
}

type Labels = { vd?: Buffer; [label: string]: unknown }

/** As short as it goes without arithmetic: what all have in common stands in the first record. */
function packOf(value: unknown): Labels[] {
  const records = (Array.isArray(value) ? value : [value]).map(checkedRecord)
  if (records.length === 0) throw unfit(format, '', 'a pack has at least one record')
  const prefix = records.length > 1 ? commonPrefix(records.map(({ name }) => name)) : ''
  const time = common(records.map(record => record.time))
  const unit = common(records.map(record => record.unit))
  return records.map((record, i) => {
    const name = record.name.slice(prefix.length)
    return {
      ...(i === 0 && prefix && { bn: prefix }),
      ...(i === 0 && time !== undefined && { bt: time / 1000 }),
      ...(i === 0 && unit !== undefined && { bu: unit }),
      ...(name && { n: name }),
      ...(unit === undefined && record.unit !== undefined && { u: record.unit }),
      ...(record.data !== undefined ? { vd: Buffer.from(record.data, 'base64') } : valueLabel(record.value)),
      ...(record.sum !== undefined && { s: record.sum }),
      ...(time === undefined && record.time !== undefined && { t: record.time / 1000 }),
      ...(record.updateMs !== undefined && { ut: record.updateMs / 1000 }),
    }
  })
}

function valueLabel(value: SenmlRecord['value']): Labels {
  if (value === undefined) return {}
  return typeof value === 'number' ? { v: value } : typeof value === 'string' ? { vs: value } : { vb: value }
}

function checkedRecord(value: unknown, i: number): SenmlRecord {
  const path = `[${i}]`
  if (!isObject(value)) throw unfit(format, path, 'not a record')
  const record = value as Partial<SenmlRecord>
  const { name, time } = record
  if (typeof name !== 'string') throw unfit(format, `${path}.name`, 'not a text')
  assertName(name, `${path}.name`)
  const kinds = { unit: 'string', data: 'string', sum: 'number', time: 'number', updateMs: 'number' } as const
  for (const [member, kind] of Object.entries(kinds)) {
    const found = value[member]
    const fits = typeof found === kind && (kind === 'string' || Number.isFinite(found))
    if (found !== undefined && !fits) throw unfit(format, `${path}.${member}`, `not a ${kind}`)
  }
  if (time !== undefined && time < earliestMs) throw unfit(format, `${path}.time`, 'before July 1978 a time counts from now')
  const { value: own, data, sum } = record
  if (own !== undefined && !(typeof own === 'number' ? Number.isFinite(own) : ['string', 'boolean'].includes(typeof own)))
    throw unfit(format, `${path}.value`, 'neither number, text nor truth value')
  if (own === undefined && data === undefined && sum === undefined) throw unfit(format, path, 'no value')
  return record as SenmlRecord
}

/** What all have, if they have one and the same. */
const common = <T>(items: readonly (T | undefined)[]): T | undefined =>
  items.every(item => item === items[0]) ? items[0] : undefined

function commonPrefix(names: readonly string[]): string {
  let prefix = names[0]!
  for (const name of names) while (!name.startsWith(prefix)) prefix = prefix.slice(0, -1)
  return prefix
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
