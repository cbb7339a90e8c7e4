import type { Reader, Writer } from 'protobufjs'
import { LoomError } from '../../errors.ts'
import { codecLimits } from '../codec.ts'
import { beyondLimit, malformed, truncated } from '../fault.ts'
import { loadPeer } from '../peers.ts'
import { utf8Fault } from '../utf8.ts'
import { type ShapeName, shapes, type WireField, type WireMessage, type WireValue } from './sparkplug-shapes.ts'

const format = 'Sparkplug'
const wire = { varint: 0, eight: 1, sized: 2, four: 5 } as const
const wireTypes: Readonly<Record<string, number>> = {
  uint32: wire.varint,
  uint64: wire.varint,
  bool: wire.varint,
  double: wire.eight,
  float: wire.four,
}

export interface SparkplugWire {
  /** CODEC_FORMAT, CODEC_TRUNCATED, CODEC_LIMIT with the offset. */
  read(bytes: Uint8Array): WireMessage
  write(message: WireMessage): Uint8Array
}

/** The bytes of a payload by the library's reader and writer; no code is made for them. CODEC_UNAVAILABLE without the package protobufjs. */
export async function openWire(): Promise<SparkplugWire> {
  const { default: library } = (await loadPeer('protobufjs')) as unknown as { default: typeof import('protobufjs') }
  return {
    read(bytes) {
      const reader = library.Reader.create(bytes)
      try {
        return new WireInput(reader).message('payload', reader.len, 0)
      } catch (cause) {
        if (cause instanceof LoomError) throw cause
        if (cause instanceof RangeError) throw truncated(format, bytes.length)
        throw malformed(format, Math.min(reader.pos, reader.len), String((cause as Error).message).slice(0, 100), cause)
      }
    },
    write: message => writeMessage(library.Writer.create(), 'payload', message).finish(),
  }
}

class WireInput {
  readonly #reader: Reader
  #elements = 0

  constructor(reader: Reader) {
    this.#reader = reader
  }

  message(name: ShapeName, end: number, depth: number): WireMessage {
    const reader = this.#reader
    if (depth > codecLimits.depth) throw beyondLimit(format, reader.pos, `more than ${codecLimits.depth} deep`)
    const message: Record<string, unknown> = {}
    while (reader.pos < end) {
      const at = reader.pos
      const tag = reader.uint32()
      const type = tag & 7
      this.#count(at)
      const field = shapes[name].get(tag >>> 3)
      if (tag >>> 3 === 0 || type === 3 || type === 4 || type > 5) throw malformed(format, at, `tag ${tag}`)
      if (field) this.#field(message, field, type, { at, end, depth })
      else reader.skipType(type)
      if (reader.pos > end) throw malformed(format, at, 'a field is longer than what it is in')
    }
    return message as WireMessage
  }

  #count(at: number): void {
    if (++this.#elements > codecLimits.elements) throw beyondLimit(format, at, `more than ${codecLimits.elements} elements`)
  }

  #field(
    message: Record<string, unknown>,
    field: WireField,
    wireType: number,
    { at, end, depth }: { at: number; end: number; depth: number },
  ): void {
    const { name, type, many, kind } = field
    const expected = wireTypes[type] ?? wire.sized
    if (many && wireType === wire.sized && expected !== wire.sized) {
      // Packed, as other versions of the language have it.
      const until = this.#until(end)
      while (this.#reader.pos < until) {
        this.#count(at)
        add(message, name, this.#one(type, until, depth))
      }
    } else if (wireType !== expected) throw malformed(format, at, `${name} of wire type ${wireType}`)
    else if (many) add(message, name, this.#one(type, end, depth))
    else if (kind) message[name] = [kind, this.#one(type, end, depth)] satisfies WireValue
    else message[name] = this.#one(type, end, depth)
  }

  /** The end of what follows, which must be within what it is in. */
  #until(end: number): number {
    const size = this.#reader.uint32()
    const until = this.#reader.pos + size
    if (until > this.#reader.len) throw truncated(format, this.#reader.len)
    if (until > end) throw malformed(format, this.#reader.pos, `${size} bytes are more than what they are in`)
    return until
  }

  #one(type: WireField['type'], end: number, depth: number): unknown {
    const reader = this.#reader
    switch (type) {
      case 'uint32':
        return reader.uint32()
      case 'uint64':
        return wholeOf(reader.uint64())
      case 'bool':
        return reader.bool()
      case 'float':
        return reader.float()
      case 'double':
        return reader.double()
      case 'string':
        return this.#text()
      case 'bytes':
        return reader.bytes()
      default:
        return this.message(type, this.#until(end), depth + 1)
    }
  }

  #text(): string {
    const bytes = this.#reader.bytes()
    const fault = utf8Fault(bytes)
    if (fault !== undefined) throw malformed(format, this.#reader.pos - bytes.length + fault, 'no UTF-8')
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
  }
}

function add(message: Record<string, unknown>, name: string, value: unknown): void {
  const list = message[name] as unknown[] | undefined
  if (list) list.push(value)
  else message[name] = [value]
}

function wholeOf(value: unknown): number | bigint {
  if (typeof value === 'number') return value
  const { low, high } = value as { low: number; high: number }
  const number = (high >>> 0) * 2 ** 32 + (low >>> 0)
  return Number.isSafeInteger(number) ? number : (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)
}

function writeMessage(writer: Writer, shape: ShapeName, message: WireMessage): Writer {
  for (const [tag, { name, type, many, kind }] of shapes[shape]) {
    const held = message[name]
    if (held === undefined) continue
    if (many) for (const item of held as unknown[]) writeOne(writer, tag, type, item)
    else if (!kind) writeOne(writer, tag, type, held)
    else if ((held as WireValue)[0] === kind) writeOne(writer, tag, type, (held as WireValue)[1])
  }
  return writer
}

function writeOne(writer: Writer, tag: number, type: WireField['type'], value: unknown): void {
  writer.uint32((tag << 3) | (wireTypes[type] ?? wire.sized))
  if (type === 'uint64') {
    const bits = BigInt.asUintN(64, BigInt(value as number | bigint))
    const long = { low: Number(bits & 0xffff_ffffn) | 0, high: Number(bits >> 32n) | 0, unsigned: true }
    writer.uint64(long as unknown as number)
  } else if (type === 'uint32') writer.uint32(value as number)
  else if (type === 'bool') writer.bool(value as boolean)
  else if (type === 'float') writer.float(value as number)
  else if (type === 'double') writer.double(value as number)
  else if (type === 'string') writer.string(value as string)
  else if (type === 'bytes') writer.bytes(value as Uint8Array)
  else writeMessage(writer.fork(), type, value as WireMessage).ldelim()
}
