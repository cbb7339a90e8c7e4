import { LoomError } from '../../errors.ts'
import { codecLimits } from '../codec.ts'

/** Bytes of Avro that grow. CODEC_LIMIT past the limits of a payload. */
export class AvroOutput {
  #bytes = Buffer.allocUnsafe(256)
  #size = 0
  #elements = 0
  #depth = 0

  get bytes(): Uint8Array {
    return Uint8Array.prototype.slice.call(this.#bytes, 0, this.#size)
  }

  expect(count: number): void {
    this.#elements += count
    if (this.#elements > codecLimits.elements) throw new LoomError('CODEC_LIMIT', `more than ${codecLimits.elements} elements`)
  }

  enter(): void {
    if (++this.#depth > codecLimits.depth) throw new LoomError('CODEC_LIMIT', `nested deeper than ${codecLimits.depth}`)
  }

  leave(): void {
    this.#depth--
  }

  byte(value: number): void {
    this.#room(1)
    this.#bytes[this.#size++] = value
  }

  put(bytes: Uint8Array): void {
    this.#room(bytes.length)
    this.#bytes.set(bytes, this.#size)
    this.#size += bytes.length
  }

  float(value: number): void {
    this.#room(4)
    this.#size = this.#bytes.writeFloatLE(value, this.#size)
  }

  double(value: number): void {
    this.#room(8)
    this.#size = this.#bytes.writeDoubleLE(value, this.#size)
  }

  /** A zigzag varint of 64 bits. */
  long(value: number | bigint): void {
    if (typeof value === 'number' && value === (value | 0)) {
      let rest = ((value << 1) ^ (value >> 31)) >>> 0
      for (; rest > 127; rest >>>= 7) this.byte((rest & 127) | 128)
      this.byte(rest)
      return
    }
    const big = BigInt(value)
    let rest = BigInt.asUintN(64, (big << 1n) ^ (big >> 63n))
    for (; rest > 127n; rest >>= 7n) this.byte(Number(rest & 127n) | 128)
    this.byte(Number(rest))
  }

  sized(bytes: Uint8Array): void {
    this.long(bytes.length)
    this.put(bytes)
  }

  #room(more: number): void {
    const needed = this.#size + more
    if (needed > codecLimits.inflatedBytes)
      throw new LoomError('CODEC_LIMIT', `${needed} bytes`, { hint: `at most ${codecLimits.inflatedBytes}` })
    if (needed <= this.#bytes.length) return
    const grown = Buffer.allocUnsafe(Math.max(needed, 2 * this.#bytes.length))
    this.#bytes.copy(grown, 0, 0, this.#size)
    this.#bytes = grown
  }
}
