import { unfit } from '../fault.ts'
import { base64, plainInteger, setOwn } from '../plain.ts'
import { isArrayType, listOfBytes } from './sparkplug-array.ts'
import type { SparkplugMetadata, SparkplugMetric, SparkplugPayload, SparkplugTyped } from './sparkplug-payload.ts'
import type { WireMessage, WireValue } from './sparkplug-shapes.ts'
import { type SparkplugType, typeOfCode, wholeTypes } from './sparkplug-types.ts'

const format = 'Sparkplug'

type Members = readonly WireMessage[] | undefined

/** A payload of the wire as plain values. CODEC_INVALID with the path of what does not fit its type, CODEC_LIMIT. */
export const plainPayload = (message: WireMessage): SparkplugPayload => ({
  ...timeOf(message),
  ...(message.seq !== undefined && { seq: Number(message.seq) }),
  ...(message.uuid !== undefined && { uuid: message.uuid as string }),
  ...(message.body !== undefined && { body: base64(message.body as Uint8Array) }),
  metrics: metricsOf(message).map((metric, i) => plainMetric(metric, `metrics[${i}]`)),
})

export const metricsOf = (message: WireMessage): readonly WireMessage[] => (message.metrics as Members) ?? []

export const timeOf = ({ timestamp }: WireMessage): { timestamp?: number } =>
  timestamp === undefined ? {} : { timestamp: Number(timestamp) }

/** `otherwise`: the type of a metric that does not say it itself. */
export function plainMetric(metric: WireMessage, path: string, otherwise?: SparkplugType): SparkplugMetric {
  const { name, alias, properties, metadata } = metric
  return {
    ...(name !== undefined && { name: name as string }),
    ...(alias !== undefined && { alias: plainWhole(alias) }),
    ...timeOf(metric),
    ...(metric.historical === true && { historical: true }),
    ...(metric.transient === true && { transient: true }),
    ...plainTyped(metric, path, otherwise),
    ...(metadata !== undefined && { metadata: plainMetadata(metadata as WireMessage) }),
    ...(properties !== undefined && { properties: plainProperties(properties as WireMessage, `${path}.properties`) }),
  }
}

function plainTyped(from: WireMessage, path: string, otherwise?: SparkplugType): SparkplugTyped {
  const { datatype, value, isNull } = from
  const type = datatype === undefined ? otherwise : typeOfCode(datatype as number)
  if (datatype !== undefined && !type) throw unfit(format, `${path}.type`, `there is no type ${String(datatype)}`)
  return { ...(type && { type }), value: isNull === true || !value ? null : plainValue(type, value, `${path}.value`) }
}

function plainValue(type: SparkplugType | undefined, [kind, value]: WireValue, path: string): unknown {
  if (kind === 'dataset') return plainDataSet(value as WireMessage, path)
  if (kind === 'template') return plainTemplate(value as WireMessage, path)
  if (kind === 'properties') return plainProperties(value as WireMessage, path)
  if (kind === 'propertyList')
    return ((value as WireMessage).sets as Members)?.map((set, i) => plainProperties(set, `${path}[${i}]`)) ?? []
  const whole = type && wholeTypes.get(type)
  if (whole && (kind === 'int' || kind === 'long')) return signedOf(value as number | bigint, whole)
  if (type && isArrayType(type) && kind === 'bytes') return listOfBytes(type, value as Uint8Array, path)
  if (!fits(type, value)) throw unfit(format, path, `a value of kind ${kind} for the type ${type}`)
  if (typeof value === 'bigint') return plainInteger(value)
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  return value instanceof Uint8Array ? base64(value) : value
}

/** Signed ones travel as two's complement, of their own width or of the field's. */
function signedOf(value: number | bigint, [bits, signed]: readonly [number, boolean]): number | string {
  if (typeof value === 'number' && (!signed || value < 2 ** (bits - 1))) return value
  return plainInteger(signed ? BigInt.asIntN(bits, BigInt(value)) : BigInt(value))
}

function fits(type: SparkplugType | undefined, value: unknown): boolean {
  switch (type) {
    case undefined:
    case 'Unknown':
      return true
    case 'Float':
    case 'Double':
      return typeof value === 'number' || typeof value === 'bigint'
    case 'Boolean':
      return typeof value === 'boolean'
    case 'String':
    case 'Text':
    case 'UUID':
      return typeof value === 'string'
    case 'Bytes':
    case 'File':
      return value instanceof Uint8Array
    default:
      return false
  }
}

function plainDataSet(set: WireMessage, path: string): unknown {
  const columns = (set.columns as string[] | undefined) ?? []
  const types = ((set.types as number[] | undefined) ?? []).map((code, i) => {
    const type = typeOfCode(code)
    if (!type) throw unfit(format, `${path}.types[${i}]`, `there is no type ${code}`)
    return type
  })
  const rows = ((set.rows as Members) ?? []).map((row, i) => {
    const cells = (row.cells as Members) ?? []
    if (cells.length > types.length) throw unfit(format, `${path}.rows[${i}]`, `more cells than the ${types.length} columns`)
    return cells.map(({ value }, j) => (value ? plainValue(types[j], value, `${path}.rows[${i}][${j}]`) : null))
  })
  return { columns, types, rows }
}

function plainTemplate(template: WireMessage, path: string): unknown {
  const { version, ref, definition, parameters } = template
  return {
    ...(version !== undefined && { version }),
    ...(ref !== undefined && { ref }),
    ...(definition === true && { definition }),
    metrics: metricsOf(template).map((metric, i) => plainMetric(metric, `${path}.metrics[${i}]`)),
    ...(parameters !== undefined && {
      parameters: (parameters as readonly WireMessage[]).map((parameter, i) => ({
        name: parameter.name ?? '',
        ...plainTyped(parameter, `${path}.parameters[${i}]`),
      })),
    }),
  }
}

function plainProperties({ keys = [], values = [] }: WireMessage, path: string): Record<string, SparkplugTyped> {
  const [names, held] = [keys as string[], values as WireMessage[]]
  if (names.length !== held.length) throw unfit(format, path, `${names.length} names for ${held.length} values`)
  const properties: Record<string, SparkplugTyped> = {}
  for (const [i, name] of names.entries()) setOwn(properties, name, plainTyped(held[i]!, `${path}.${name}`))
  return properties
}

const plainMetadata = (metadata: WireMessage): SparkplugMetadata =>
  Object.fromEntries(
    Object.entries(metadata).map(([name, value]) => [name, typeof value === 'bigint' ? plainInteger(value) : value]),
  )

const plainWhole = (value: unknown): number | string => (typeof value === 'bigint' ? plainInteger(value) : (value as number))
