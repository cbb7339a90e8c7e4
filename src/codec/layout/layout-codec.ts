import { LoomError } from '../../errors.ts'
import { type Codec, codecLimits } from '../codec.ts'
import { beyondLimit, malformed, unfit } from '../fault.ts'
import { assertInput } from '../input.ts'
import { setOwn } from '../plain.ts'
import { type Kind, kindOf, type Spot } from './kinds.ts'
import type { Layout } from './layout.ts'
import type { BitOrder } from './pieces.ts'
import { type ReadField, readLayout } from './read-layout.ts'

export interface LayoutOptions {
  layout: Layout
}

type Values = Record<string, unknown>

interface Field extends ReadField {
  kind: Kind
  order: BitOrder
  /** Whether it may begin inside of a byte. */
  inBits: boolean
}

/** Fields as they are gone through: all offsets in bytes but `next`, which is in bits. */
interface Pass {
  /** of the payload, or of the row */
  start: number
  limit: number
  /** Where the field before ended, counted in its order. */
  next: number
  order: BitOrder
  /** The furthest that a field reached. */
  end: number
}

const most = codecLimits.inputBytes

/**
 * Fields at fixed bits and bytes: an object by their names, or, of a layout with rows, a list of objects that have the fields before the rows, too. CODEC_INVALID with the path of
 * what is wrong in the layout; of what is decoded, CODEC_TRUNCATED names the field that is not there. Bytes behind the last field are passed over.
 */
export function layoutCodec({ layout }: LayoutOptions): Codec {
  const { fields: head, rows: listed, every } = readLayout(layout)
  const fields = head.map(compiled)
  const rows = listed?.map(compiled)
  return {
    name: 'layout',
    decode(bytes, context) {
      assertInput('layout', bytes, context)
      const values: Values = {}
      const pass = passFrom(0, bytes.length)
      readFields(bytes, fields, pass, values, '')
      if (!rows) return values
      const list: Values[] = []
      for (let at = pass.end; at < bytes.length; ) {
        if ((list.length + 1) * (fields.length + rows.length) > codecLimits.elements)
          throw beyondLimit('layout', at, `more than ${codecLimits.elements} values`)
        if (every && at + every > bytes.length) throw cut(bytes.length, `row ${list.length}`, at + every)
        const row = passFrom(at, every ? at + every : bytes.length)
        list.push(readFields(bytes, rows, row, copyOf(values), `[${list.length}].`, every))
        if (row.end === at) throw malformed('layout', at, 'none of the fields of a row is there')
        at = every ? at + every : row.end
      }
      return list
    },
    encode(value) {
      if (!rows) return writeFields(new Output(), fields, passFrom(0, most), valuesOf(value, ''), {}, '').bytes
      const items: readonly unknown[] = Array.isArray(value) ? value : [value]
      if (items.length === 0 && fields.length > 0) throw unfit('layout', '', 'no row, whose values stand before the rows')
      const output = new Output()
      const shared: Values = {}
      const pass = passFrom(0, most)
      for (const [i, item] of items.entries()) {
        const given = valuesOf(item, `[${i}]`)
        if (i === 0) writeFields(output, fields, pass, given, shared, '[0].')
        const other = Object.keys(shared).find(name => !Object.is(shared[name], own(given, name)))
        if (other !== undefined) throw unfit('layout', `[${i}].${other}`, 'other than in the first row')
        const row = passFrom(pass.end, every ? pass.end + every : most)
        writeFields(output, rows, row, given, copyOf(shared), `[${i}].`, every)
        if (row.end === row.start) throw unfit('layout', `[${i}]`, 'none of its fields is there')
        pass.end = every ? row.limit : row.end
        output.reach(pass.end)
      }
      return output.bytes
    },
  }
}

/** Whether several values make one payload. */
export const hasRows = (layout: Layout): boolean => 'rows' in layout

function compiled(field: ReadField): Field {
  const order = field.endian.startsWith('big') ? 'big' : 'little'
  return { ...field, kind: kindOf(field), order, inBits: field.type === 'bits' || field.type === 'bool' }
}

const passFrom = (start: number, limit: number): Pass => ({ start, limit, next: 8 * start, order: 'big', end: start })

const isThere = ({ if: condition }: Field, known: Values): boolean =>
  !condition || (Object.hasOwn(known, condition.name) && condition.equals.includes(known[condition.name] as never))

function readFields(
  bytes: Uint8Array,
  fields: readonly Field[],
  pass: Pass,
  values: Values,
  path: string,
  every?: number,
): Values {
  for (const field of fields) {
    if (!isThere(field, values)) continue
    const spot = spotOf(field, pass, field.bits)
    const { end } = pass
    if (end > pass.limit)
      throw every ? beyondRow(path + field.name, every) : cut(bytes.length, `field "${path}${field.name}"`, end)
    setOwn(values, field.name, field.kind.read(bytes, spot))
  }
  return values
}

/** `known`: gets the values that were written. */
function writeFields(
  output: Output,
  fields: readonly Field[],
  pass: Pass,
  given: Values,
  known: Values,
  path: string,
  every?: number,
): Output {
  for (const field of fields) {
    if (!isThere(field, known)) continue
    const at = path + field.name
    const value = own(given, field.name)
    if (value === undefined) throw unfit('layout', at, 'missing')
    const written = field.kind.write(value, at)
    const spot = spotOf(field, pass, written.bits)
    if (pass.end > pass.limit && every) throw beyondRow(at, every)
    output.reach(pass.end)
    written.put(output.room, spot)
    setOwn(known, field.name, value)
  }
  return output
}

/** Where the field stands, and the pass behind it. */
function spotOf({ at, bit, order, inBits }: Field, pass: Pass, size: number | undefined): Spot {
  let begin: number
  if (at === undefined && bit === undefined) begin = inBits && pass.order === order ? pass.next : 8 * Math.ceil(pass.next / 8)
  else {
    const position = 8 * (pass.start + (at ?? 0)) + (bit ?? 0)
    // Bits are numbered from the least significant up, but big order runs from the most significant down.
    begin = bit !== undefined && order === 'big' ? position + 7 - 2 * (position % 8) : position
  }
  const bits = size ?? Math.max(0, 8 * pass.limit - begin)
  pass.next = begin + bits
  pass.order = order
  pass.end = Math.max(pass.end, Math.ceil(pass.next / 8))
  return { from: Math.floor(begin / 8), used: begin % 8, bits }
}

const cut = (length: number, what: string, end: number): LoomError =>
  new LoomError('CODEC_TRUNCATED', `layout, ${what.slice(0, 100)} would end at byte ${end}, there are ${length}`, {
    position: length,
  })

const beyondRow = (path: string, every: number): LoomError => unfit('layout', path, `ends behind the ${every} bytes of a row`)

const own = (values: Values, name: string): unknown => (Object.hasOwn(values, name) ? values[name] : undefined)

function copyOf(values: Values): Values {
  const copy: Values = {}
  for (const [name, value] of Object.entries(values)) setOwn(copy, name, value)
  return copy
}

function valuesOf(value: unknown, path: string): Values {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Values
  throw unfit('layout', path, 'not an object by the names of the fields')
}

/** Bytes that grow as fields reach further. */
class Output {
  room: Uint8Array = Buffer.alloc(64)
  #length = 0

  /** CODEC_LIMIT. */
  reach(end: number): void {
    if (end > most) throw beyondLimit('layout', most, `more than ${most} bytes`)
    if (end > this.room.length) {
      const wider = Buffer.alloc(Math.max(end, 2 * this.room.length))
      wider.set(this.room)
      this.room = wider
    }
    this.#length = Math.max(this.#length, end)
  }

  get bytes(): Uint8Array {
    return this.room.subarray(0, this.#length)
  }
}
