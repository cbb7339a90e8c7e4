import { codecLimits } from '../codec.ts'
import { beyondLimit, malformed } from '../fault.ts'
import { LoomError } from '../../errors.ts'

/** Bytes of Avro from a place on. What is read is checked before it is made; CODEC_TRUNCATED, CODEC_FORMAT and CODEC_LIMIT carry the offset. */
export class AvroInput {
  readonly bytes: Buffer
  pos: number
  /** items, entries and fields so far, of all the blocks of one payload */
  readonly #seen: { elements: number }
  #depth = 0

  constructor(bytes: Uint8Array, pos = 0, seen = { elements: 0 }) {
    this.#seen = seen
    this.bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.pos = pos
  }

  get left(): number {
    return this.bytes.length - this.pos
  }

  bad(why: string): never {
    throw malformed('Avro', this.pos, why)
  }

  /** Fewer bytes are left than were announced. */
  short(size: number): never {
    throw new LoomError('CODEC_TRUNCATED', `Avro, byte ${this.pos}: ${size} bytes are announced, ${this.left} are left`, {
      position: this.pos,
    })
  }

  /** Says that so many elements follow, before there is memory for them. */
  expect(count: number): void {
    this.#seen.elements += count
    if (this.#seen.elements > codecLimits.elements)
      throw beyondLimit('Avro', this.pos, `more than ${codecLimits.elements} elements`)
  }

  enter(): void {
    if (++this.#depth > codecLimits.depth) throw beyondLimit('Avro', this.pos, `more than ${codecLimits.depth} deep`)
  }

  leave(): void {
    this.#depth--
  }

  take(size: number): Buffer {
    if (size > this.left) this.short(size)
    return this.bytes.subarray(this.pos, (this.pos += size))
  }

  byte(): number {
    if (this.pos >= this.bytes.length) this.short(1)
    return this.bytes[this.pos++]!
  }

  float(): number {
    if (this.left < 4) this.short(4)
    return this.bytes.readFloatLE((this.pos += 4) - 4)
  }

  double(): number {
    if (this.left < 8) this.short(8)
    return this.bytes.readDoubleLE((this.pos += 8) - 8)
  }

  /** A zigzag varint; a bigint only where a number would lose digits. */
  long(): number | bigint {
    let byte = this.byte()
    let low = byte & 127
    let shift = 7
    for (; byte > 127 && shift < 28; shift += 7) {
      byte = this.byte()
      low |= (byte & 127) << shift
    }
    if (byte < 128) return (low >>> 1) ^ -(low & 1)
    let value = low
    for (let factor = 2 ** 28; byte > 127 && shift < 49; shift += 7, factor *= 128) {
      byte = this.byte()
      value += (byte & 127) * factor
    }
    if (byte < 128) return low & 1 ? -(value + 1) / 2 : value / 2
    let big = BigInt(value)
    for (; byte > 127; shift += 7) {
      if (shift > 63) this.bad('a number of more than 64 bits')
      byte = this.byte()
      big |= BigInt(byte & 127) << BigInt(shift)
    }
    if (big > 0xffff_ffff_ffff_ffffn) this.bad('a number of more than 64 bits')
    const signed = (big >> 1n) ^ -(big & 1n)
    return Number.isSafeInteger(Number(signed)) ? Number(signed) : signed
  }

  int(): number {
    const value = this.long()
    if (typeof value !== 'number' || (value | 0) !== value) this.bad('an int of more than 32 bits')
    return value
  }

  /** The size of what follows, which must be there. */
  size(): number {
    const size = this.long()
    if (typeof size !== 'number' || size < 0) this.bad(`a length of ${size}`)
    if (size > this.left) this.short(size)
    return size
  }

  text(): string {
    const size = this.size()
    const from = this.pos
    this.pos += size
    const text = this.bytes.toString('utf8', from, this.pos)
    if (text.includes('\ufffd') && !Buffer.from(text).equals(this.bytes.subarray(from, this.pos)))
      this.bad('a text that is no UTF-8')
    return text
  }

  /** Items of the next block of an array or map, 0 at its end. A negative count has the size of the block behind it. */
  block(): number {
    const count = this.long()
    if (typeof count !== 'number') throw beyondLimit('Avro', this.pos, 'a block of too many items')
    if (count < 0) this.size()
    this.expect(Math.abs(count))
    return Math.abs(count)
  }
}
