import type { LoomError } from '../errors.ts'
import { codecLimits } from './codec.ts'
import { beyondLimit, malformed, truncated } from './fault.ts'
import { base64 } from './plain.ts'
import type { Edit } from './splice.ts'
import { utf8Fault } from './utf8.ts'

export interface MessagePackLayout {
  /** All of it is JSON: the decoded value needs no second look. */
  plain: boolean
  /** Make of timestamps their epoch ms, and of other extensions `{extension, data}` with the data as base64. */
  edits: Edit[]
}

const format = 'MessagePack'
const timestamp = -1
/** ECMA-262, 21.4.1.1 */
const latestMs = 8.64e15

/** Bytes behind the first one that say a number, a length or a count, for 0xc0 to 0xdf; `undefined` where there are none by the specification. */
const argumentBytes: readonly (number | undefined)[] = [
  ...[0, undefined, 0, 0], // nil, never used, false, true
  ...[1, 2, 4, 1, 2, 4], // bin, ext
  ...[4, 8, 1, 2, 4, 8, 1, 2, 4, 8], // float, uint, int
  ...[0, 0, 0, 0, 0], // fixext
  ...[1, 2, 4, 2, 4, 2, 4], // str, array, map
]

/**
 * Walks over the bytes and throws unless they are one well-formed object within the limits. Extensions never reach a decoder, as packages use them for things of their own:
 * records compiled to code, references, patterns. A length is only believed if so much follows.
 */
export function scanMessagePack(bytes: Uint8Array): MessagePackLayout {
  return new MessagePackScan(bytes).whole()
}

class MessagePackScan {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #edits: Edit[] = []
  #plain = true
  #elements = 0
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  whole(): MessagePackLayout {
    this.#object(0)
    if (this.#at < this.#bytes.length) throw malformed(format, this.#at, 'bytes follow the object')
    return { plain: this.#plain, edits: this.#edits }
  }

  #object(depth: number): void {
    const begin = this.#at
    if (++this.#elements > codecLimits.elements) throw this.#tooMany(begin)
    const first = this.#first()
    if (first < 0x80 || first >= 0xe0) return
    if (first < 0x90) this.#items(begin, depth, first & 15, true)
    else if (first < 0xa0) this.#items(begin, depth, first & 15, false)
    else if (first < 0xc0) this.#text(first & 31)
    else this.#withArgument(begin, depth, first)
  }

  #withArgument(begin: number, depth: number, first: number): void {
    const argument = this.#argument(begin, first)
    if (first >= 0xde) this.#items(begin, depth, argument, true)
    else if (first >= 0xdc) this.#items(begin, depth, argument, false)
    else if (first >= 0xd9) this.#text(argument)
    else if (first >= 0xd4) this.#extension(begin, 1 << (first - 0xd4))
    else if (first >= 0xc7 && first <= 0xc9) this.#extension(begin, argument)
    else if (first >= 0xc4 && first <= 0xc6) {
      this.#plain = false
      this.#content(argument)
    } else if (first === 0xca || first === 0xcb) {
      const value = first === 0xca ? this.#view.getFloat32(begin + 1) : this.#view.getFloat64(begin + 1)
      if (!Number.isFinite(value)) this.#plain = false
    } else if (first === 0xcf || first === 0xd3) this.#plain = false // of any number in eight bytes decoders make a bigint
  }

  #first(): number {
    const first = this.#bytes[this.#at++]
    if (first === undefined) throw this.#cut()
    return first
  }

  /** The argument of a first byte from 0xc0 to 0xdf, as an unsigned number if it has at most four bytes. */
  #argument(begin: number, first: number): number {
    const size = argumentBytes[first - 0xc0]
    if (size === undefined) throw malformed(format, begin, 'the byte 0xc1, which is never used')
    this.#content(size)
    if (size === 1) return this.#bytes[begin + 1]!
    if (size === 2) return this.#view.getUint16(begin + 1)
    return size === 4 ? this.#view.getUint32(begin + 1) : 0
  }

  /** Goes on behind so many bytes; returns where they begin. */
  #content(length: number): number {
    const from = this.#at
    if (length > this.#bytes.length - from) throw this.#cut()
    this.#at = from + length
    return from
  }

  #text(length: number): void {
    const from = this.#content(length)
    const fault = utf8Fault(this.#bytes, from, this.#at)
    if (fault !== undefined) throw malformed(format, fault, 'a text that is not UTF-8')
  }

  #items(begin: number, depth: number, count: number, named: boolean): void {
    if (depth >= codecLimits.depth) throw beyondLimit(format, begin, `more than ${codecLimits.depth} deep`)
    if (count > codecLimits.elements - this.#elements) throw this.#tooMany(begin)
    if (count * (named ? 2 : 1) > this.#bytes.length - this.#at) throw this.#cut()
    for (let i = 0; i < count; i++) {
      if (named) this.#name()
      this.#object(depth + 1)
    }
  }

  #name(): void {
    const begin = this.#at
    const first = this.#first()
    if (first >= 0xa0 && first < 0xc0) this.#text(first & 31)
    else if (first >= 0xd9 && first <= 0xdb) this.#text(this.#argument(begin, first))
    else {
      this.#plain = false
      if (first < 0x80 || first >= 0xe0) return
      if (![0xcc, 0xcd, 0xce, 0xd0, 0xd1, 0xd2].includes(first))
        throw malformed(format, begin, 'a name that is neither text nor a small number')
      this.#argument(begin, first)
    }
    if (this.#bytes[this.#at - 1] === 0x5f && this.#at - begin >= 10 && this.#endsInProto()) this.#plain = false
  }

  /** Decoders give it another name, if they do not set a prototype. */
  #endsInProto(): boolean {
    return Buffer.from(this.#bytes.subarray(this.#at - 9, this.#at)).toString('latin1') === '__proto__'
  }

  #extension(begin: number, length: number): void {
    const type = this.#view.getInt8(this.#content(1))
    const from = this.#content(length)
    const data = this.#bytes.subarray(from, from + length)
    const by = type === timestamp ? [float64(this.#timestamp(begin, from, length))] : extensionMap(type, data)
    this.#edits.push({ from: begin, to: this.#at, by })
  }

  /** Epoch ms of the three forms of the extension type -1. */
  #timestamp(begin: number, at: number, length: number): number {
    const view = this.#view
    if (length === 4) return view.getUint32(at) * 1000
    let [seconds, nanoseconds] = [0, 0]
    if (length === 8) {
      const high = view.getUint32(at)
      seconds = (high & 3) * 2 ** 32 + view.getUint32(at + 4)
      nanoseconds = high >>> 2
    } else if (length === 12) {
      seconds = Number(view.getBigInt64(at + 4))
      nanoseconds = view.getUint32(at)
    } else throw malformed(format, begin, `a timestamp of ${length} bytes`)
    const ms = seconds * 1000 + Math.floor(nanoseconds / 1e6)
    if (nanoseconds > 999_999_999 || Math.abs(ms) > latestMs) throw malformed(format, begin, 'a timestamp that no date can say')
    return ms
  }

  #cut(): LoomError {
    return truncated(format, this.#bytes.length)
  }

  #tooMany(at: number): LoomError {
    return beyondLimit(format, at, `more than ${codecLimits.elements} elements`)
  }
}

function float64(value: number): Uint8Array {
  const bytes = Buffer.alloc(9, 0xcb)
  bytes.writeDoubleBE(value, 1)
  return bytes
}

function extensionMap(type: number, data: Uint8Array): Uint8Array[] {
  const text = Buffer.from(base64(data))
  const head = Buffer.alloc(5, 0xdb)
  head.writeUInt32BE(text.length, 1)
  return [
    Buffer.from([0x82, 0xa9]),
    Buffer.from('extension'),
    Buffer.from([0xd0, type & 0xff, 0xa4]),
    Buffer.from('data'),
    head,
    text,
  ]
}
