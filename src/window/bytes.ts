const table = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1
  return c
})

/** CRC-32 as of ISO 3309. */
export function crc32(bytes: Uint8Array): number {
  let c = 0xffffffff
  for (let i = 0; i < bytes.length; i++) c = (c >>> 8) ^ table[(c ^ bytes[i]!) & 255]!
  return (c ^ 0xffffffff) >>> 0
}

/** Little-endian numbers and JSON texts, one behind the other. */
export class ByteWriter {
  #bytes = new Uint8Array(1024)
  #view = new DataView(this.#bytes.buffer)
  #at = 0

  u32(value: number): void {
    this.#reserve(4)
    this.#view.setUint32(this.#at, value, true)
    this.#at += 4
  }

  f64(value: number): void {
    this.#reserve(8)
    this.#view.setFloat64(this.#at, value, true)
    this.#at += 8
  }

  /** As JSON, which also keeps half surrogate pairs. */
  json(value: unknown): void {
    this.block(new TextEncoder().encode(JSON.stringify(value) ?? 'null'))
  }

  /** Numbers exactly, undefined as such, anything else as JSON. */
  any(value: unknown): void {
    this.u32(value === undefined ? 0 : typeof value === 'number' ? 1 : 2)
    if (typeof value === 'number') this.f64(value)
    else if (value !== undefined) this.json(value)
  }

  /** Length, then bytes. */
  block(bytes: Uint8Array): void {
    this.u32(bytes.length)
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#at)
    this.#at += bytes.length
  }

  done(): Uint8Array {
    return this.#bytes.slice(0, this.#at)
  }

  #reserve(more: number): void {
    if (this.#at + more <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at + more))
    grown.set(this.#bytes)
    this.#bytes = grown
    this.#view = new DataView(grown.buffer)
  }
}

/** Reads what ByteWriter wrote. Throws RangeError beyond the end and SyntaxError for broken JSON. */
export class ByteReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  u32(): number {
    const value = this.#view.getUint32(this.#at, true)
    this.#at += 4
    return value
  }

  f64(): number {
    const value = this.#view.getFloat64(this.#at, true)
    this.#at += 8
    return value
  }

  json(): unknown {
    return JSON.parse(new TextDecoder().decode(this.block()))
  }

  any(): unknown {
    const kind = this.u32()
    if (kind > 2) throw new RangeError('unknown kind of value')
    return kind === 0 ? undefined : kind === 1 ? this.f64() : this.json()
  }

  /** A count of things of at least `bytes` each, so that a damaged one cannot ask for the moon. */
  count(bytes: number): number {
    const n = this.u32()
    if (n * bytes > this.#bytes.length - this.#at) throw new RangeError('a count beyond the end')
    return n
  }

  block(): Uint8Array {
    const length = this.count(1)
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }
}
