/** A DER element, cut out but not copied: signatures are checked over these original bytes. */
export class Slice {
  readonly tag: number
  readonly #bytes: Buffer
  readonly #at: number
  readonly #start: number
  readonly #end: number

  constructor(bytes: Buffer, at: number, start: number, end: number) {
    this.tag = bytes[at]!
    this.#bytes = bytes
    this.#at = at
    this.#start = start
    this.#end = end
  }

  /** the element with its header */
  get raw(): Buffer {
    return this.#bytes.subarray(this.#at, this.#end)
  }

  get content(): Buffer {
    return this.#bytes.subarray(this.#start, this.#end)
  }

  /** The elements in its content. Throws plain errors like `slices`. */
  members(): Slice[] {
    return cut(this.#bytes, this.#start, this.#end)
  }
}

/**
 * The elements in `bytes`. Throws plain errors on anything that does not fit, on lengths in a longer form than needed (X.690, 10.1) and on tags of several bytes.
 */
export const slices = (bytes: Buffer): Slice[] => cut(bytes, 0, bytes.length)

function cut(bytes: Buffer, from: number, to: number): Slice[] {
  const found: Slice[] = []
  for (let at = from; at < to; ) {
    if ((bytes[at]! & 0x1f) === 0x1f) throw new RangeError('a tag of several bytes')
    let length = at + 1 < to ? bytes[at + 1]! : Number.NaN
    let start = at + 2
    if (length & 0x80) {
      const count = length & 0x7f
      if (count < 1 || count > 3 || start + count > to) throw new RangeError('a length does not fit')
      length = bytes.readUIntBE(start, count)
      if (length < (count === 1 ? 0x80 : 2 ** (8 * (count - 1)))) throw new RangeError('a length is longer than needed')
      start += count
    }
    const end = start + length
    if (!(end <= to)) throw new RangeError('an element is longer than its container')
    found.push(new Slice(bytes, at, start, end))
    at = end
  }
  return found
}

export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  oid: 0x06,
  enumerated: 0x0a,
  sequence: 0x30,
  set: 0x31,
} as const

/** Exactly one element of that tag, nothing behind it. */
export function only(bytes: Buffer, tag: number = tags.sequence): Slice {
  const [first, second] = slices(bytes)
  if (second) throw new RangeError('something follows the element')
  return expected(first, tag)
}

export function expected(element: Slice | undefined, tag: number): Slice {
  if (element?.tag !== tag) throw new TypeError(`tag ${tag} was expected, not ${element?.tag}`)
  return element
}

/** The members of a constructed element of that tag. */
export const membersOf = (element: Slice | undefined, tag: number = tags.sequence): Slice[] => expected(element, tag).members()

/** The dotted form. */
export function oidOf(element: Slice | undefined): string {
  const { content } = expected(element, tags.oid)
  if (content.length < 1 || content.length > 32 || content.at(-1)! & 0x80) throw new RangeError('no object identifier')
  const arcs: number[] = []
  let arc = 0
  for (const byte of content) {
    arc = arc * 128 + (byte & 0x7f)
    if (byte & 0x80) continue
    arcs.push(arc)
    arc = 0
  }
  const [first = 0, ...rest] = arcs
  const top = Math.min(2, Math.floor(first / 40))
  return [top, first - top * 40, ...rest].join('.')
}

/** A whole number from 0 that a double holds exactly. */
export function naturalOf(element: Slice | undefined, tag: number = tags.integer): number {
  const { content } = expected(element, tag)
  if (content.length < 1 || content.length > 7 || content[0]! & 0x80) throw new RangeError('a small whole number was expected')
  const value = Number(`0x${content.toString('hex')}`)
  if (!Number.isSafeInteger(value)) throw new RangeError('a whole number that is too large')
  return value
}

/** Epoch ms of a UTCTime or GeneralizedTime in the form that RFC 5280, 4.1.2.5 demands. */
export function timeOf(element: Slice | undefined): number {
  const text = element?.content.toString('latin1') ?? ''
  const parts =
    element?.tag === 0x17 ? /^(\d\d)(\d{10})Z$/.exec(text) : element?.tag === 0x18 ? /^(\d{4})(\d{10})Z$/.exec(text) : null
  if (!parts) throw new RangeError('a time cannot be read')
  const [, head, rest] = parts as unknown as [string, string, string]
  const year = head.length === 4 ? head : `${Number(head) < 50 ? 20 : 19}${head}`
  const [month, day, hour, minute, second] = rest.match(/../g)!
  const ms = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  // Date.parse takes the 30th of February
  if (Number.isNaN(ms) || new Date(ms).getUTCDate() !== Number(day)) throw new RangeError('a time is not in the calendar')
  return ms
}

/** The bytes of a bit string without unused bits. */
export function wholeBits(element: Slice | undefined): Buffer {
  const { content } = expected(element, tags.bits)
  if (content.length < 1 || content[0] !== 0) throw new RangeError('a bit string of whole bytes was expected')
  return content.subarray(1)
}
