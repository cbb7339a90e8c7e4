/** One DER element: identifier octet, length, contents. Contents are joined as they are, so parts can be encoded once and kept. */
export function tlv(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  let size = 0
  for (const content of contents) size += content.length
  if (size > 0xffffff) throw new RangeError(`a DER element of ${size} bytes`)
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
/** Two's complement bytes, as they are. */
export const integer = (content: Uint8Array): Buffer => tlv(0x02, content)
export const utf8 = (text: string): Buffer => tlv(0x0c, Buffer.from(text))
export const yes = Buffer.from([0x01, 0x01, 0xff])
export const nothing = Buffer.from([0x05, 0x00])
const noUnusedBits = Buffer.from([0])

/** A whole number from 0. */
export function natural(value: number): Buffer {
  const hex = value.toString(16)
  const bytes = Buffer.from(hex.length % 2 ? `0${hex}` : hex, 'hex')
  return bytes[0]! & 0x80 ? tlv(0x02, noUnusedBits, bytes) : integer(bytes)
}

/** An object identifier from its dotted form. */
export function oid(id: string): Buffer {
  const [first, second, ...rest] = id.split('.').map(Number)
  const bytes = [first! * 40 + second!, ...rest].flatMap(arc => {
    const groups = [arc & 0x7f]
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) groups.unshift((left & 0x7f) | 0x80)
    return groups
  })
  return tlv(0x06, Buffer.from(bytes))
}

/** Whole seconds; UTCTime up to 2049, GeneralizedTime after (RFC 5280, 4.1.2.5). */
export function time(ms: number): Buffer {
  const text = new Date(ms).toISOString()
  const digits = `${text.slice(2, 4)}${text.slice(5, 7)}${text.slice(8, 10)}${text.slice(11, 13)}${text.slice(14, 16)}${text.slice(17, 19)}Z`
  return Number(text.slice(0, 4)) < 2050
    ? tlv(0x17, Buffer.from(digits, 'latin1'))
    : tlv(0x18, Buffer.from(text.slice(0, 2) + digits, 'latin1'))
}
