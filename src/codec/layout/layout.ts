/** Of bytes, first to last ABCD: `big` ABCD, `little` DCBA; with the words of 16 bits swapped, as registers of Modbus may be, CDAB and BADC. */
export type ByteOrder = (typeof byteOrders)[number]
export const byteOrders = ['big', 'little', 'big-swapped', 'little-swapped'] as const

export type Scalar = string | number | boolean | null

export interface LayoutField {
  name: string
  type: LayoutType
  /** Byte at which it begins, from 0; without it the field stands behind the one before. */
  at?: number
  /** Of `bits` and `bool`: 0 is the least significant of the byte; beyond 7 it counts on in the bytes behind. Of Intel order the lowest bit of the number, of Motorola the highest. */
  bit?: number
  /** Of `bits` in bits; of `text`, `bytes` and `bcd` in bytes. The last `text` or `bytes` without it takes the rest. */
  length?: number
  signed?: boolean
  endian?: ByteOrder
  /** The value is what is read times `scale` plus `offset`. */
  scale?: number
  offset?: number
  /** For people who read the layout. */
  unit?: string
  /** Values by the number that is read, before scale and offset. */
  map?: Readonly<Record<string, Scalar>>
  /** Whether the field is there: the value of one before it is this, or one of these. */
  if?: { name: string; equals: Scalar | readonly Scalar[] }
}

/** Fields, or fields of which `rows` repeat to the end of the payload, `every` so many bytes or one behind the other. */
export type Layout =
  | readonly LayoutField[]
  | { endian?: ByteOrder; fields?: readonly LayoutField[]; rows?: readonly LayoutField[]; every?: number }

/** What a type says about its fields. `members`: those that it may have besides `name`, `type`, `at`, `if` and `unit`. */
export interface LayoutKind {
  /** Size in bits, if it is always the same. */
  bits?: number
  signed?: boolean
  members: readonly (keyof LayoutField)[]
}

const scaled = ['scale', 'offset'] as const
const whole = (bits: number, signed: boolean): LayoutKind => ({ bits, signed, members: ['endian', 'map', ...scaled] })

export const layoutTypes = {
  uint8: whole(8, false),
  int8: whole(8, true),
  uint16: whole(16, false),
  int16: whole(16, true),
  uint24: whole(24, false),
  int24: whole(24, true),
  uint32: whole(32, false),
  int32: whole(32, true),
  uint64: whole(64, false),
  int64: whole(64, true),
  float32: { bits: 32, members: ['endian', ...scaled] },
  float64: { bits: 64, members: ['endian', ...scaled] },
  bits: { members: ['bit', 'length', 'signed', 'endian', 'map', ...scaled] },
  bool: { bits: 1, members: ['bit', 'endian', 'map'] },
  text: { members: ['length'] },
  bytes: { members: ['length'] },
  bcd: { members: ['length', 'endian', 'map', ...scaled] },
} as const satisfies Record<string, LayoutKind>

export type LayoutType = keyof typeof layoutTypes

export const layoutLimits = {
  fields: 1000,
  nameChars: 128,
  /** `at` and `length` of a field. */
  fieldBytes: 65_536,
} as const
