/** RFC 8949, by the optional package cbor-x. */
export interface Cbor {
  encode(value: unknown): Uint8Array
  /** Throws on anything that is not one item. */
  decode(bytes: Uint8Array): unknown
}

/** A map of fewer than 24 texts and natural numbers, so that a refusal can be told without the package. */
export function encodeRecord(record: Readonly<Record<string, string | number>>): Uint8Array {
  const entries = Object.entries(record)
  return Buffer.concat([head(5, entries.length), ...entries.flatMap(([name, value]) => [text(name), item(value)])])
}

const item = (value: string | number): Buffer => (typeof value === 'number' ? head(0, value) : text(value))

function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([head(3, bytes.length), bytes])
}

/** Major type and a number below 65,536 (RFC 8949, 3). */
function head(major: number, value: number): Buffer {
  if (value < 24) return Buffer.from([(major << 5) | value])
  if (value < 0x100) return Buffer.from([(major << 5) | 24, value])
  return Buffer.from([(major << 5) | 25, value >> 8, value & 0xff])
}

const deepest = 16
const breakByte = 0xff
const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * The same bytes if they are one item that JSON could say as well, with byte strings: well-formed (RFC 8949, appendix C), no tags, maps with texts as names, at most 16
 * deep. Throws otherwise. Tags make decoders build what they stand for (patterns, records compiled to code, references), and a length in a head is only
 * believed if so much follows.
 */
export function plainItem(bytes: Uint8Array): Uint8Array {
  const end = afterItem(bytes, 0, 0)
  if (end !== bytes.length) throw new RangeError(`${bytes.length - end} bytes follow the item`)
  return bytes
}

/** Where the item that begins at `at` has ended. */
function afterItem(bytes: Uint8Array, at: number, depth: number): number {
  if (depth > deepest) throw new RangeError(`more than ${deepest} deep`)
  const { major, info, value, next } = headAt(bytes, at)
  switch (major) {
    case 0:
    case 1:
      if (info === 31) break
      return next
    case 2:
    case 3:
      if (info === 31) break
      if (value > bytes.length - next) throw new RangeError('a text goes on after the end')
      if (major === 3) utf8.decode(bytes.subarray(next, next + value))
      return next + value
    case 4:
    case 5:
      return afterItems(bytes, next, { count: info === 31 ? undefined : value, depth, named: major === 5 })
    case 7:
      // false, true, null, undefined, floats
      if (info < 20 || info === 24 || info === 31) break
      return next
  }
  throw new RangeError(`an item of kind ${major} (${info})`)
}

function afterItems(bytes: Uint8Array, begin: number, o: { count: number | undefined; depth: number; named: boolean }): number {
  let at = begin
  for (let i = 0; i !== o.count; i++) {
    if (o.count === undefined && bytes[at] === breakByte) return at + 1
    if (o.named) {
      if (headAt(bytes, at).major !== 3) throw new RangeError('a name is no text')
      at = afterItem(bytes, at, o.depth + 1)
    }
    at = afterItem(bytes, at, o.depth + 1)
  }
  return at
}

function headAt(bytes: Uint8Array, at: number): { major: number; info: number; value: number; next: number } {
  const first = bytes[at]
  if (first === undefined) throw new RangeError('it ends too early')
  const [major, info] = [first >> 5, first & 31]
  if (info < 24 || info === 31) return { major, info, value: info, next: at + 1 }
  if (info > 27) throw new RangeError(`a head of kind ${info}`)
  const size = 1 << (info - 24)
  const next = at + 1 + size
  if (next > bytes.length) throw new RangeError('it ends too early')
  const value = bytes.subarray(at + 1, next).reduce((sum, byte) => sum * 256 + byte, 0)
  return { major, info, value, next }
}
