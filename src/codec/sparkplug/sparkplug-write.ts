import { codecLimits } from '../codec.ts'
import { beyondLimit, unfit } from '../fault.ts'
import { bytesOfList, isArrayType, numberOf, wholeWithin } from './sparkplug-array.ts'
import type { ShapeName, ValueKind, WireMessage, WireValue } from './sparkplug-shapes.ts'
import { shapes } from './sparkplug-shapes.ts'
import { codeOfType, wholeTypes } from './sparkplug-types.ts'

const format = 'Sparkplug'
const anyLong = [0n, 2n ** 64n] as const

type Plain = Readonly<Record<string, unknown>>

/** A `SparkplugPayload` for the wire. CODEC_INVALID with the path, CODEC_LIMIT. */
export function wirePayload(value: unknown): WireMessage {
  const payload = objectAt(value, '')
  return {
    ...scalars('payload', payload, ''),
    metrics: listAt(payload.metrics ?? [], 'metrics').map((metric, i) => wireMetric(metric, `metrics[${i}]`, 0)),
  }
}

function wireMetric(value: unknown, path: string, depth: number): WireMessage {
  if (depth > codecLimits.depth) throw beyondLimit(format, 0, `more than ${codecLimits.depth} deep`)
  const metric = objectAt(value, path)
  const { properties, metadata } = metric
  return {
    ...scalars('metric', metric, path),
    ...wireTyped(metric, path, depth),
    ...(metadata !== undefined && { metadata: scalars('metadata', objectAt(metadata, `${path}.metadata`), `${path}.metadata`) }),
    ...(properties !== undefined && { properties: wireProperties(properties, `${path}.properties`, depth) }),
  }
}

/** What is a lone number, text, truth value or bytes in the shape; the type and the value aside. */
function scalars(shape: ShapeName, from: Plain, path: string): WireMessage {
  const made: Record<string, unknown> = {}
  for (const { name, type, many, kind } of shapes[shape].values()) {
    const own = Object.hasOwn(from, name) ? from[name] : undefined
    if (own === undefined || own === null || many || kind || type in shapes) continue
    made[name] = scalarOf(type, own, path ? `${path}.${name}` : name)
  }
  return made as WireMessage
}

function scalarOf(type: string, value: unknown, path: string): unknown {
  if (type === 'uint64') return wholeWithin(value, anyLong, path)
  if (type === 'uint32') return Number(wholeWithin(value, [0n, 2n ** 32n], path))
  if (type === 'bytes') return bytesAt(value, path)
  if (type === 'bool' ? typeof value === 'boolean' : typeof value === 'string') return value
  throw unfit(format, path, type === 'bool' ? 'must be true or false' : 'must be a text')
}

function wireTyped({ type, value }: Plain, path: string, depth: number): WireMessage {
  const name = type ?? likelyType(value)
  const datatype = typeof name === 'string' ? codeOfType(name) : undefined
  if (name !== undefined && !datatype) throw unfit(format, `${path}.type`, `${JSON.stringify(name)?.slice(0, 40)} is no type`)
  const said = datatype === undefined ? {} : { datatype }
  if (value === null || value === undefined) return { ...said, isNull: true }
  if (datatype === undefined) throw unfit(format, `${path}.type`, 'is missing')
  return { ...said, value: wireValue(name as string, value, `${path}.value`, depth) }
}

/** Where no type is said: only what cannot be mistaken. */
function likelyType(value: unknown): string | undefined {
  if (typeof value === 'boolean') return 'Boolean'
  if (typeof value === 'string') return 'String'
  return typeof value === 'number' ? 'Double' : undefined
}

function wireValue(type: string, value: unknown, path: string, depth: number): WireValue {
  const whole = wholeTypes.get(type)
  if (whole) return wireWhole(type, value, whole, path)
  if (isArrayType(type)) return ['bytes', bytesOfList(type, value, path)]
  switch (type) {
    case 'Float':
    case 'Double':
      return [type === 'Float' ? 'float' : 'double', numberOf(value, path)]
    case 'Boolean':
      return ['boolean', scalarOf('bool', value, path)]
    case 'Bytes':
    case 'File':
      return ['bytes', bytesAt(value, path)]
    case 'DataSet':
      return ['dataset', wireDataSet(value, path, depth)]
    case 'Template':
      return ['template', wireTemplate(value, path, depth + 1)]
    case 'PropertySet':
      return ['properties', wireProperties(value, path, depth + 1)]
    case 'PropertySetList':
      return ['propertyList', { sets: listAt(value, path).map((set, i) => wireProperties(set, `${path}[${i}]`, depth + 1)) }]
    default:
      return ['string', scalarOf('string', value, path)]
  }
}

/** Of up to 32 bits with a sign and 16 without in the short field; others read unsigned ones of 32 bits from the long one. */
function wireWhole(type: string, value: unknown, [bits, signed]: readonly [number, boolean], path: string): WireValue {
  const half = 2n ** BigInt(bits - 1)
  const given = wholeWithin(value, signed ? [-half, half] : [0n, 2n * half], path)
  const kind: ValueKind = bits === 64 || type === 'UInt32' ? 'long' : 'int'
  return kind === 'long' ? [kind, given] : [kind, Number(BigInt.asUintN(32, given))]
}

function wireDataSet(value: unknown, path: string, depth: number): WireMessage {
  const { columns, types, rows } = objectAt(value, path)
  const names = listAt(columns, `${path}.columns`).map((name, i) => scalarOf('string', name, `${path}.columns[${i}]`))
  const kinds = listAt(types, `${path}.types`).map((type, i) => {
    const code = typeof type === 'string' ? codeOfType(type) : undefined
    if (!code) throw unfit(format, `${path}.types[${i}]`, 'is no type')
    return [type as string, code] as const
  })
  if (names.length !== kinds.length) throw unfit(format, `${path}.types`, `${kinds.length} for ${names.length} columns`)
  return {
    width: names.length,
    columns: names,
    types: kinds.map(([, code]) => code),
    rows: listAt(rows, `${path}.rows`).map((row, i) => {
      const cells = listAt(row, `${path}.rows[${i}]`)
      if (cells.length !== names.length) throw unfit(format, `${path}.rows[${i}]`, `${cells.length} for ${names.length} columns`)
      return {
        cells: cells.map((cell, j) =>
          cell === null ? {} : { value: wireValue(kinds[j]![0], cell, `${path}.rows[${i}][${j}]`, depth) },
        ),
      }
    }),
  }
}

function wireTemplate(value: unknown, path: string, depth: number): WireMessage {
  const template = objectAt(value, path)
  const { metrics, parameters } = template
  return {
    ...scalars('template', template, path),
    metrics: listAt(metrics ?? [], `${path}.metrics`).map((metric, i) => wireMetric(metric, `${path}.metrics[${i}]`, depth)),
    ...(parameters !== undefined && {
      parameters: listAt(parameters, `${path}.parameters`).map((item, i) => {
        const parameter = objectAt(item, `${path}.parameters[${i}]`)
        const { isNull: _, ...typed } = wireTyped(parameter, `${path}.parameters[${i}]`, depth)
        return { ...scalars('parameter', parameter, `${path}.parameters[${i}]`), ...typed }
      }),
    }),
  }
}

function wireProperties(value: unknown, path: string, depth: number): WireMessage {
  if (depth > codecLimits.depth) throw beyondLimit(format, 0, `more than ${codecLimits.depth} deep`)
  const entries = Object.entries(objectAt(value, path))
  return {
    keys: entries.map(([name]) => name),
    values: entries.map(([name, item]) => wireTyped(objectAt(item, `${path}.${name}`), `${path}.${name}`, depth)),
  }
}

function objectAt(value: unknown, path: string): Plain {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Plain
  throw unfit(format, path, 'must be an object')
}

function listAt(value: unknown, path: string): unknown[] {
  if (!Array.isArray(value)) throw unfit(format, path, 'must be a list')
  if (value.length > codecLimits.elements) throw beyondLimit(format, 0, `more than ${codecLimits.elements} elements`)
  return value
}

function bytesAt(value: unknown, path: string): Uint8Array {
  if (value instanceof Uint8Array) return value
  if (typeof value === 'string' && /^[A-Za-z0-9+/]*={0,2}$/.test(value)) return Buffer.from(value, 'base64')
  throw unfit(format, path, 'must be base64')
}
