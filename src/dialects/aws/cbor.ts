import { scanCbor } from '../../codec/cbor-scan.ts'

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

/**
 * The same bytes if they are one item that JSON could say as well, with byte strings, at most 16 deep. Throws otherwise. Tags make decoders build what they stand for
 * (patterns, records compiled to code, references), and a length in a head is only believed if so much follows.
 */
export function plainItem(bytes: Uint8Array): Uint8Array {
  scanCbor(bytes, { depth: 16, jsonOnly: true })
  return bytes
}
