import { unfit } from '../fault.ts'
import {
  type ByteOrder,
  byteOrders,
  type LayoutField,
  type LayoutKind,
  layoutLimits,
  layoutTypes,
  type Scalar,
} from './layout.ts'

/** A field whose members are known to be right. */
export interface ReadField extends Omit<LayoutField, 'if' | 'endian'> {
  endian: ByteOrder
  /** Size in bits; absent: the rest of the payload. */
  bits?: number
  if?: { name: string; equals: readonly Scalar[] }
}

export interface ReadLayout {
  fields: readonly ReadField[]
  rows?: readonly ReadField[]
  every?: number
}

type Members = Readonly<Record<string, unknown>>

const fault = (path: string, why: string): Error => unfit('layout', path, why)

/** A layout that may be anything: CODEC_INVALID with the path of what is wrong, such as `fields[2].length`. */
export function readLayout(layout: unknown): ReadLayout {
  if (Array.isArray(layout)) return { fields: fieldsOf(layout, '', 'big', []) }
  if (!isObject(layout)) throw fault('', 'neither a list of fields nor an object')
  assertMembers(layout, ['endian', 'fields', 'rows', 'every'], '')
  const { rows, every } = layout
  const endian = orderOf(layout.endian ?? 'big', 'endian')
  const fields = layout.fields === undefined && rows !== undefined ? [] : fieldsOf(layout.fields, 'fields', endian, [])
  if (rows === undefined) {
    if (every !== undefined) throw fault('every', 'there are no rows')
    return { fields }
  }
  const open = fields.findIndex(({ bits }) => bits === undefined)
  if (open >= 0) throw fault(`fields[${open}].length`, 'missing; the rest of the payload are rows')
  const read = fieldsOf(rows, 'rows', endian, fields)
  if (read.at(-1)!.bits === undefined) throw fault(`rows[${read.length - 1}].length`, 'missing')
  return { fields, rows: read, ...(every !== undefined && { every: wholeOf(every, 'every', 1, layoutLimits.fieldBytes) }) }
}

function fieldsOf(list: unknown, path: string, endian: ByteOrder, before: readonly ReadField[]): ReadField[] {
  if (!Array.isArray(list) || list.length === 0) throw fault(path, 'not a list of fields')
  if (list.length + before.length > layoutLimits.fields) throw fault(path, `more than ${layoutLimits.fields} fields`)
  const known = new Map(before.map(field => [field.name, field]))
  return list.map((item: unknown, i) => {
    const field = fieldOf(item, `${path}[${i}]`, endian, i === list.length - 1)
    if (field.if && !known.has(field.if.name)) throw fault(`${path}[${i}].if.name`, `no field ${quoted(field.if.name)} before it`)
    const other = known.get(field.name)
    if (other && !(other.if && field.if)) throw fault(`${path}[${i}].name`, `${quoted(field.name)} is there twice`)
    known.set(field.name, field)
    return field
  })
}

function fieldOf(item: unknown, path: string, endian: ByteOrder, last: boolean): ReadField {
  if (!isObject(item)) throw fault(path, 'not an object')
  const { name, type } = item
  if (typeof name !== 'string' || name === '') throw fault(`${path}.name`, 'missing')
  if (name.length > layoutLimits.nameChars) throw fault(`${path}.name`, `longer than ${layoutLimits.nameChars} characters`)
  if (typeof type !== 'string' || !Object.hasOwn(layoutTypes, type))
    throw fault(`${path}.type`, `${quoted(type)} is none of ${Object.keys(layoutTypes).join(', ')}`)
  const kind: LayoutKind = layoutTypes[type as LayoutField['type']]
  assertMembers(item, ['name', 'type', 'at', 'if', 'unit', ...kind.members], path)
  if (!['undefined', 'string'].includes(typeof item.unit)) throw fault(`${path}.unit`, 'not a text')
  if (!['undefined', 'boolean'].includes(typeof item.signed)) throw fault(`${path}.signed`, 'neither true nor false')
  const bits = kind.bits ?? bitsOf(item, path, last)
  const { fieldBytes } = layoutLimits
  const field: ReadField = {
    ...{ name, type: type as LayoutField['type'] },
    signed: kind.signed ?? item.signed === true,
    endian: fittingOrder(item, kind, path, endian, bits),
    ...(bits !== undefined && { bits }),
    ...(item.at !== undefined && { at: wholeOf(item.at, `${path}.at`, 0, fieldBytes - 1) }),
    ...(item.bit !== undefined && { bit: wholeOf(item.bit, `${path}.bit`, 0, 8 * fieldBytes - 1) }),
    ...(item.scale !== undefined && { scale: numberOf(item.scale, `${path}.scale`) }),
    ...(item.offset !== undefined && { offset: numberOf(item.offset, `${path}.offset`) }),
    ...(item.map !== undefined && { map: mapOf(item.map, `${path}.map`) }),
    ...(item.if !== undefined && { if: conditionOf(item.if, `${path}.if`) }),
  }
  if (field.scale === 0) throw fault(`${path}.scale`, 'is 0')
  // The highest bit or the whole byte: both are meant by some manuals.
  if (type === 'bool' && field.at !== undefined && field.bit === undefined) throw fault(`${path}.bit`, 'missing')
  return field
}

function bitsOf({ type, length }: Members, path: string, last: boolean): number | undefined {
  if (type === 'bits') return wholeOf(length, `${path}.length`, 1, 64)
  if (type === 'bcd') return 8 * wholeOf(length, `${path}.length`, 1, 8)
  if (length === undefined && last) return undefined
  return 8 * wholeOf(length, `${path}.length`, 1, layoutLimits.fieldBytes)
}

/** An order for all fields counts for those only that can have it. */
function fittingOrder(item: Members, kind: LayoutKind, path: string, endian: ByteOrder, bits: number | undefined): ByteOrder {
  const order = item.endian === undefined ? endian : orderOf(item.endian, `${path}.endian`)
  if (!kind.members.includes('endian') || !order.endsWith('swapped')) return order
  const inBytes = !kind.members.includes('bit')
  if (inBytes && (bits === 8 || bits! % 16 === 0)) return bits === 8 ? 'big' : order
  throw fault(`${path}.endian`, `${inBytes ? `${bits} bits are` : `${item.type} have`} no words to swap: big or little`)
}

function mapOf(map: unknown, path: string): Readonly<Record<string, Scalar>> {
  if (!isObject(map)) throw fault(path, 'not an object')
  for (const [key, value] of Object.entries(map)) {
    if (!/^(?:0|-?[1-9]\d{0,19})$/.test(key)) throw fault(path, `${quoted(key)} is no whole number`)
    if (!isScalar(value)) throw fault(`${path}.${key}`, 'neither text, number, true, false nor null')
  }
  return map as Readonly<Record<string, Scalar>>
}

function conditionOf(condition: unknown, path: string): { name: string; equals: readonly Scalar[] } {
  if (!isObject(condition) || typeof condition.name !== 'string') throw fault(path, 'not {name, equals}')
  assertMembers(condition, ['name', 'equals'], path)
  const equals: readonly unknown[] = Array.isArray(condition.equals) ? condition.equals : [condition.equals]
  if (equals.length === 0 || !equals.every(isScalar)) throw fault(`${path}.equals`, 'no value, nor a list of some')
  return { name: condition.name, equals }
}

function orderOf(order: unknown, path: string): ByteOrder {
  const known = byteOrders.find(one => one === order)
  if (known) return known
  throw fault(path, `${quoted(order)} is none of ${byteOrders.join(', ')}`)
}

function wholeOf(value: unknown, path: string, least: number, most: number): number {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return value as number
  throw fault(path, value === undefined ? 'missing' : `not a whole number from ${least} to ${most}`)
}

function numberOf(value: unknown, path: string): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw fault(path, 'not a number')
}

function assertMembers(item: Members, members: readonly string[], path: string): void {
  const wrong = Object.keys(item).find(member => !members.includes(member))
  if (wrong !== undefined) throw fault(path, `${quoted(wrong)} is none of ${members.join(', ')}`)
}

const quoted = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, 40)

const isObject = (value: unknown): value is Members => typeof value === 'object' && value !== null && !Array.isArray(value)

const isScalar = (value: unknown): value is Scalar =>
  value === null ||
  typeof value === 'string' ||
  typeof value === 'boolean' ||
  (typeof value === 'number' && Number.isFinite(value))
