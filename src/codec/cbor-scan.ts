import type { LoomError } from '../errors.ts'
import { codecLimits } from './codec.ts'
import { beyondLimit, malformed, truncated } from './fault.ts'
import type { Edit } from './splice.ts'
import { utf8Fault } from './utf8.ts'

export interface CborBounds {
  /** Where the item begins. */
  from?: number
  depth?: number
  /** Only what JSON could say as well, with byte strings: no tags, texts as names, no strings in pieces. */
  jsonOnly?: boolean
}

export interface CborLayout {
  /** All of it is JSON: the decoded value needs no second look. */
  plain: boolean
  /** Make of it an item without strings in pieces, and of the tags leave 0 to 3. */
  edits: Edit[]
}

const format = 'CBOR'
const endless = 31
const breakByte = 0xff
/** RFC 8949, 3.4.2: as RFC 3339 has it. */
const dateText = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/
/** RFC 8949, 3.4.1 to 3.4.3. */
const tags = { dateText: 0, seconds: 1, positive: 2, negative: 3 } as const
/** Say more of what stays what it is: expected encodings, embedded CBOR, URI, base64, patterns as text, MIME, UUID; a list that is a set, a map that is no object. */
const hints: ReadonlySet<number> = new Set([21, 22, 23, 24, 32, 33, 34, 35, 36, 37, 258, 259])
/** Longer ones take decoders time by the square of their length. */
const bignumBytes = 128
/** ECMA-262, 21.4.1.1 */
const latestSeconds = 8.64e12

/**
 * Walks over the bytes and throws unless they are one well-formed item (RFC 8949, appendix C) within the limits. Other tags than those for dates, large numbers and hints are refused:
 * they make decoders build what they stand for (patterns, records compiled to code, references). A length in a head is only believed if so much follows.
 */
export function scanCbor(bytes: Uint8Array, bounds: CborBounds = {}): CborLayout {
  return new CborScan(bytes, bounds).whole()
}

class CborScan {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #depth: number
  readonly #jsonOnly: boolean
  readonly #edits: Edit[] = []
  #plain = true
  #elements = 0
  #at: number
  /** of the head that was read last */
  #major = 0
  #info = 0
  #value = 0

  constructor(bytes: Uint8Array, { from = 0, depth = codecLimits.depth, jsonOnly = false }: CborBounds) {
    this.#at = from
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#depth = depth
    this.#jsonOnly = jsonOnly
  }

  whole(): CborLayout {
    this.#item(0)
    if (this.#at < this.#bytes.length) throw malformed(format, this.#at, 'bytes follow the item')
    return { plain: this.#plain, edits: this.#edits }
  }

  #item(depth: number): void {
    const begin = this.#at
    if (++this.#elements > codecLimits.elements) throw this.#tooMany(begin)
    this.#head()
    switch (this.#major) {
      case 0:
      case 1:
        if (this.#info === endless) throw malformed(format, begin, 'a number without an end')
        // Decoders make a bigint of any number in eight bytes.
        if (this.#info === 27) this.#plain = false
        return
      case 2:
        this.#plain = false
        this.#string(begin)
        return
      case 3:
        this.#string(begin)
        return
      case 4:
      case 5:
        this.#items(begin, depth)
        return
      case 6:
        this.#tagged(begin, depth)
        return
      default:
        this.#simple(begin)
    }
  }

  /** Reads major type, argument and where the content begins (RFC 8949, 3). */
  #head(): void {
    const at = this.#at
    const first = this.#bytes[at]
    if (first === undefined) throw this.#cut()
    this.#major = first >> 5
    this.#info = first & 31
    this.#value = this.#info
    const size = this.#info < 24 || this.#info === endless ? 0 : 1 << (this.#info - 24)
    if (size > 8) throw malformed(format, at, `a head of the reserved kind ${this.#info}`)
    this.#at = at + 1 + size
    if (this.#at > this.#bytes.length) throw this.#cut()
    if (size === 1) this.#value = this.#bytes[at + 1]!
    else if (size === 2) this.#value = this.#view.getUint16(at + 1)
    else if (size === 4) this.#value = this.#view.getUint32(at + 1)
    else if (size === 8) this.#value = this.#view.getUint32(at + 1) * 2 ** 32 + this.#view.getUint32(at + 5)
  }

  /** A text or byte string whose head was read. Returns its length. */
  #string(begin: number): number {
    const major = this.#major
    if (this.#info !== endless) return this.#content(begin, major)
    if (this.#jsonOnly) throw malformed(format, begin, 'a string in pieces')
    const pieces: Uint8Array[] = []
    let length = 0
    while (!this.#atBreak()) {
      const at = this.#at
      if (++this.#elements > codecLimits.elements) throw this.#tooMany(at)
      this.#head()
      if (this.#major !== major || this.#info === endless) throw malformed(format, at, 'a piece of another kind than its string')
      const size = this.#content(at, major)
      length += size
      pieces.push(this.#bytes.subarray(this.#at - size, this.#at))
    }
    const head = Buffer.alloc(5, (major << 5) | 26)
    head.writeUInt32BE(length, 1)
    this.#edits.push({ from: begin, to: this.#at, by: [head, ...pieces] })
    return length
  }

  #content(begin: number, major: number): number {
    const from = this.#at
    if (this.#value > codecLimits.inflatedBytes) throw beyondLimit(format, begin, 'a string of more bytes than allowed')
    if (this.#value > this.#bytes.length - from) throw this.#cut()
    this.#at = from + this.#value
    if (major === 3) {
      const fault = utf8Fault(this.#bytes, from, this.#at)
      if (fault !== undefined) throw malformed(format, fault, 'a text that is not UTF-8')
    }
    return this.#value
  }

  #items(begin: number, depth: number): void {
    const named = this.#major === 5
    const count = this.#info === endless ? undefined : this.#value
    if (depth >= this.#depth) throw beyondLimit(format, begin, `more than ${this.#depth} deep`)
    if (count !== undefined) {
      if (count > codecLimits.elements - this.#elements) throw this.#tooMany(begin)
      if (count * (named ? 2 : 1) > this.#bytes.length - this.#at) throw this.#cut()
    }
    for (let i = 0; i !== count; i++) {
      if (count === undefined && this.#atBreak()) return
      if (named) this.#name()
      this.#item(depth + 1)
    }
  }

  #name(): void {
    const begin = this.#at
    this.#head()
    if (this.#major === 3) {
      if (this.#string(begin) === 9 && this.#at - begin === 10 && this.#isProto(begin + 1)) this.#plain = false
      return
    }
    if (this.#jsonOnly || this.#major > 1 || this.#info > 26)
      throw malformed(format, begin, this.#jsonOnly ? 'a name that is no text' : 'a name that is neither text nor a small number')
    this.#plain = false
  }

  /** Decoders give it another name, if they do not set a prototype. */
  #isProto(at: number): boolean {
    return this.#bytes[at] === 95 && Buffer.from(this.#bytes.subarray(at, at + 9)).toString('latin1') === '__proto__'
  }

  #tagged(begin: number, depth: number): void {
    const [tag, content] = [this.#value, this.#at]
    this.#plain = false
    if (this.#jsonOnly || this.#info === endless) throw malformed(format, begin, 'a tag')
    if (depth >= this.#depth) throw beyondLimit(format, begin, `more than ${this.#depth} deep`)
    if (hints.has(tag)) {
      this.#edits.push({ from: begin, to: content, by: [] })
      this.#item(depth + 1)
      return
    }
    if (tag > tags.negative) throw malformed(format, begin, `tag ${tag} is not supported`)
    this.#head()
    if (tag === tags.dateText) {
      if (this.#major !== 3 || this.#info === endless) throw malformed(format, content, 'a date that is no text')
      const length = this.#string(content)
      const text = Buffer.from(this.#bytes.subarray(this.#at - length, this.#at)).toString('latin1')
      if (!dateText.test(text) || Number.isNaN(Date.parse(text))) throw malformed(format, content, 'a date that is none')
    } else if (tag === tags.seconds) this.#seconds(content)
    else {
      if (this.#major !== 2) throw malformed(format, content, 'a large number that is no byte string')
      if (this.#string(content) > bignumBytes) throw beyondLimit(format, content, `a number of more than ${bignumBytes} bytes`)
    }
  }

  #seconds(begin: number): void {
    let seconds = this.#value
    if (this.#major === 7) seconds = this.#float(begin) ?? Number.NaN
    else if (this.#major > 1 || this.#info === endless) throw malformed(format, begin, 'a time that is no number')
    if (!(Math.abs(seconds) <= latestSeconds)) throw malformed(format, begin, 'a time that no date can say')
  }

  #simple(begin: number): void {
    if (this.#info >= 25 && this.#info <= 27) {
      if (!Number.isFinite(this.#float(begin))) this.#plain = false
    } else if (this.#info === 23) this.#plain = false
    else if (this.#info < 20 || this.#info > 23) throw malformed(format, begin, `the simple value ${this.#value} means nothing`)
  }

  #float(begin: number): number | undefined {
    if (this.#info === 25) return halfFloat(this.#value)
    if (this.#info === 26) return this.#view.getFloat32(begin + 1)
    return this.#info === 27 ? this.#view.getFloat64(begin + 1) : undefined
  }

  #atBreak(): boolean {
    if (this.#bytes[this.#at] !== breakByte) return false
    this.#at++
    return true
  }

  #cut(): LoomError {
    return truncated(format, this.#bytes.length)
  }

  #tooMany(at: number): LoomError {
    return beyondLimit(format, at, `more than ${codecLimits.elements} elements`)
  }
}

/** RFC 8949, appendix D */
function halfFloat(half: number): number {
  const exponent = (half >> 10) & 0x1f
  const mantissa = half & 0x3ff
  if (exponent === 31) return mantissa ? Number.NaN : Number.POSITIVE_INFINITY
  return (half & 0x8000 ? -1 : 1) * (exponent ? 2 ** (exponent - 25) * (1024 + mantissa) : 2 ** -24 * mantissa)
}
