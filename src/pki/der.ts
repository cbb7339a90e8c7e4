import forge from 'node-forge'

export type Asn1 = forge.asn1.Asn1

/** One DER element: identifier octet, length, contents. Contents are joined as they are, so parts can be encoded once and kept. */
export function tlv(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  let size = 0
  for (const content of contents) size += content.length
  const head =
    size < 0x80
      ? [tag, size]
      : size < 0x100
        ? [tag, 0x81, size]
        : size < 0x10000
          ? [tag, 0x82, size >> 8, size & 255]
          : [tag, 0x83, size >> 16, (size >> 8) & 255, size & 255]
  const out = Buffer.allocUnsafe(head.length + size)
  out.set(head)
  let at = head.length
  for (const content of contents) {
    out.set(content, at)
    at += content.length
  }
  return out
}

export const sequence = (...contents: readonly Uint8Array[]): Buffer => tlv(0x30, ...contents)
export const set = (...contents: readonly Uint8Array[]): Buffer => tlv(0x31, ...contents)
export const octets = (...contents: readonly Uint8Array[]): Buffer => tlv(0x04, ...contents)
export const bits = (content: Uint8Array): Buffer => tlv(0x03, noUnusedBits, content)
export const integer = (content: Uint8Array): Buffer => tlv(0x02, content)
export const utf8 = (text: string): Buffer => tlv(0x0c, Buffer.from(text))
export const oid = (id: string): Buffer => tlv(0x06, Buffer.from(forge.asn1.oidToDer(id).getBytes(), 'latin1'))
export const yes = Buffer.from([0x01, 0x01, 0xff])
const noUnusedBits = Buffer.from([0])

/** Whole seconds; UTCTime up to 2049, GeneralizedTime after (RFC 5280, 4.1.2.5). */
export function time(ms: number): Buffer {
  const date = new Date(ms)
  return date.getUTCFullYear() < 2050
    ? tlv(0x17, Buffer.from(forge.asn1.dateToUtcTime(date), 'latin1'))
    : tlv(0x18, Buffer.from(forge.asn1.dateToGeneralizedTime(date), 'latin1'))
}

const decode = forge.asn1.fromDer as unknown as (
  bytes: string,
  o: { strict: boolean; decodeBitStrings: boolean; parseAllBytes: boolean },
) => Asn1

/** Exactly one DER structure, nothing behind it. Bit strings stay bytes: decoding them turns signatures into guesses. Throws plain errors. */
export const readDer = (bytes: Uint8Array): Asn1 =>
  decode(Buffer.from(bytes).toString('latin1'), { strict: true, decodeBitStrings: false, parseAllBytes: true })

/** The members of a constructed element. */
export function membersOf(element: Asn1 | undefined): Asn1[] {
  if (!element || !Array.isArray(element.value)) throw new TypeError('a constructed element was expected')
  return element.value
}

export function oidOf(element: Asn1 | undefined): string {
  if (element?.type !== forge.asn1.Type.OID || typeof element.value !== 'string')
    throw new TypeError('an object identifier was expected')
  return forge.asn1.derToOid(element.value)
}

export interface Slice {
  tag: number
  /** the element with its header */
  raw: Buffer
  content: Buffer
}

/** The elements in `bytes`, cut but not decoded: signatures are checked over these original bytes. Throws on anything that does not fit. */
export function slices(bytes: Buffer): Slice[] {
  const found: Slice[] = []
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at]!
    let length = bytes[at + 1] ?? Number.NaN
    let start = at + 2
    if (length & 0x80) {
      const count = length & 0x7f
      if (count < 1 || count > 3 || start + count > bytes.length) throw new RangeError('a length does not fit')
      length = bytes.readUIntBE(start, count)
      start += count
    }
    const end = start + length
    if (!(end <= bytes.length)) throw new RangeError('an element is longer than its container')
    found.push({ tag, raw: bytes.subarray(at, end), content: bytes.subarray(start, end) })
    at = end
  }
  return found
}
