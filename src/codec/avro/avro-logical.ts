import type { AvroType, Logical } from './avro-type.ts'

const fitting: Readonly<Record<string, readonly string[]>> = {
  date: ['int'],
  'time-millis': ['int'],
  'time-micros': ['long'],
  'timestamp-millis': ['long'],
  'timestamp-micros': ['long'],
  'timestamp-nanos': ['long'],
  'local-timestamp-millis': ['long'],
  'local-timestamp-micros': ['long'],
  'local-timestamp-nanos': ['long'],
  uuid: ['string', 'fixed'],
  duration: ['fixed'],
  decimal: ['bytes', 'fixed'],
}
const fixedSizes: Readonly<Record<string, number>> = { uuid: 16, duration: 12 }
const mostDigits = 1000

/** The logical type that a definition names; one that does not fit is ignored, as Avro asks. */
export function logicalOf(json: Record<string, unknown>, kind: string, size: number): { logical?: Logical } {
  const { logicalType: name, precision, scale = 0 } = json
  if (typeof name !== 'string' || !Object.hasOwn(fitting, name) || !fitting[name]!.includes(kind)) return {}
  if (kind === 'fixed' && Object.hasOwn(fixedSizes, name) && fixedSizes[name] !== size) return {}
  if (name !== 'decimal') return { logical: name as Exclude<Logical, object> }
  const whole = (n: unknown): n is number => Number.isSafeInteger(n) && (n as number) >= 0 && (n as number) <= mostDigits
  if (!whole(precision) || precision < 1 || !whole(scale) || scale > precision) return {}
  return { logical: { precision, scale } }
}

/** Figures per millisecond of what counts time otherwise; a date counts days. */
const perMs: Readonly<Record<string, number>> = {
  date: 1 / 86_400_000,
  'time-micros': 1000,
  'timestamp-micros': 1000,
  'local-timestamp-micros': 1000,
  'timestamp-nanos': 1_000_000,
  'local-timestamp-nanos': 1_000_000,
}

export const logicalIn = (type: AvroType): Logical | undefined => ('logical' in type ? type.logical : undefined)

/** From the number as it is written to ms, if the type counts time in another unit. */
export function toMs(logical: Logical | undefined): ((value: number | bigint) => number) | undefined {
  if (logical === 'date') return days => Number(days) * 86_400_000
  const per = typeof logical === 'string' ? perMs[logical] : undefined
  return per === undefined ? undefined : value => Number(value) / per
}

/** From ms to the number as it is written. */
export function fromMs(logical: Logical | undefined): ((ms: number) => number | bigint) | undefined {
  if (logical === 'date') return ms => Math.floor(ms / 86_400_000)
  const per = typeof logical === 'string' ? perMs[logical] : undefined
  if (per === undefined) return undefined
  if (per === 1000) return ms => Math.round(ms * per)
  // Of nanoseconds a number holds those of 104 days only.
  return ms => BigInt(Math.floor(ms)) * 1_000_000n + BigInt(Math.round((ms - Math.floor(ms)) * per))
}

/** A big-endian two's complement as a number, or as decimal text where a number would lose digits. */
export function decimalOf(bytes: Uint8Array, scale: number): number | string {
  let value = 0n
  for (const byte of bytes) value = (value << 8n) | BigInt(byte)
  if (bytes.length && bytes[0]! > 127) value -= 1n << BigInt(8 * bytes.length)
  const text = decimalText(value, scale)
  const digits = (value < 0n ? -value : value).toString().length
  return digits <= 15 ? Number(text) : text
}

function decimalText(value: bigint, scale: number): string {
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, '0')
  const sign = value < 0n ? '-' : ''
  return scale ? `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}` : sign + digits
}

/** The bytes of a decimal, as few as there can be or just `size`; undefined if it has more digits than the type, or is none. */
export function decimalBytes(
  value: unknown,
  { precision, scale }: { precision: number; scale: number },
  size?: number,
): Uint8Array | undefined {
  const text = typeof value === 'number' && Number.isFinite(value) ? plainText(value) : typeof value === 'string' ? value : ''
  const [, sign, whole, part = ''] = /^(-?)(\d{1,1100})(?:\.(\d{1,1100}))?$/.exec(text) ?? []
  if (whole === undefined) return undefined
  const kept = part.replace(/0+$/, '')
  if (kept.length > scale) return undefined
  const digits = BigInt(whole + kept.padEnd(scale, '0'))
  if (digits.toString().length > precision) return undefined
  const unscaled = sign ? -digits : digits
  let length = 1
  while (unscaled >= 1n << BigInt(8 * length - 1) || unscaled < -(1n << BigInt(8 * length - 1))) length++
  if (size !== undefined && length > size) return undefined
  const bytes = new Uint8Array(size ?? length)
  let rest = unscaled
  for (let i = bytes.length - 1; i >= 0; i--, rest >>= 8n) bytes[i] = Number(rest & 255n)
  return bytes
}

/** A number without exponent; `toString` has one from 1e21 on and below 1e-6. */
function plainText(value: number): string {
  const text = String(value)
  if (!text.includes('e')) return text
  return Math.abs(value) >= 1e21
    ? BigInt(value).toString()
    : value.toFixed(Math.min(100, 16 - Math.floor(Math.log10(Math.abs(value)))))
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex')

export const uuidOf = (bytes: Uint8Array): string => hex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')

export const uuidBytes = (value: unknown): Uint8Array | undefined =>
  typeof value === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value)
    ? Buffer.from(value.replaceAll('-', ''), 'hex')
    : undefined

/** Three little-endian uint32: months, days, milliseconds. */
export function durationOf(bytes: Uint8Array): { months: number; days: number; millis: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 12)
  return { months: view.getUint32(0, true), days: view.getUint32(4, true), millis: view.getUint32(8, true) }
}

export function durationBytes(value: unknown): Uint8Array | undefined {
  const { months, days, millis } = (value ?? {}) as Record<string, unknown>
  const view = new DataView(new ArrayBuffer(12))
  for (const [i, part] of [months, days, millis].entries()) {
    if (!Number.isInteger(part) || (part as number) < 0 || (part as number) > 0xffff_ffff) return undefined
    view.setUint32(4 * i, part as number, true)
  }
  return new Uint8Array(view.buffer)
}
