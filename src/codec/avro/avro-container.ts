import { createHash } from 'node:crypto'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { LoomError } from '../../errors.ts'
import { codecLimits } from '../codec.ts'
import { beyondLimit, malformed } from '../fault.ts'
import { AvroInput } from './avro-input.ts'
import { AvroOutput } from './avro-output.ts'
import { type AvroRead, readWhole } from './avro-read.ts'
import { readAvroSchema } from './avro-schema.ts'
import type { AvroType } from './avro-type.ts'
import type { AvroWrite } from './avro-write.ts'

const magic = [0x4f, 0x62, 0x6a, 1] as const
const syncBytes = 16
const smallOutput = 4096
const partValues = 1000

/**
 * The values of an object container file of Avro, in parts. `readerOf` answers how to read what was written with the file's own schema. Codecs null and deflate.
 */
export function* containerParts(
  bytes: Uint8Array,
  readerOf: (writer: AvroType, text: string) => AvroRead,
): Generator<unknown[], void> {
  const seen = { elements: 0 }
  const input = new AvroInput(bytes, magic.length, seen)
  const meta = new Map<string, Buffer>()
  for (let count = input.block(); count; count = input.block())
    for (let i = 0; i < count; i++) meta.set(input.text(), input.take(input.size()))
  const text = meta.get('avro.schema')?.toString() ?? input.bad('a container file without schema')
  const codec = meta.get('avro.codec')?.toString() || 'null'
  if (codec !== 'null' && codec !== 'deflate')
    throw new LoomError('CODEC_UNAVAILABLE', `Avro, compression ${codec.slice(0, 40)}`, { hint: 'write with null or deflate' })
  const sync = input.take(syncBytes)
  const { root } = readAvroSchema(text)
  const read = readerOf(root, text)
  let inflated = 0

  while (input.left) {
    const count = input.long()
    if (typeof count !== 'number' || count < 0) throw input.bad(`a block of ${count} values`)
    input.expect(count)
    const at = input.pos
    const packed = input.take(input.size())
    const block = codec === 'null' ? packed : inflate(packed, { inflated, whole: bytes.length, at })
    inflated += block.length
    const inside = new AvroInput(block, 0, seen)
    let values: unknown[] = []
    for (let i = 0; i < count; i++) {
      values.push(i === count - 1 ? readWhole(read, inside, root) : read(inside))
      if (values.length < partValues) continue
      yield values
      values = []
    }
    if (!count && block.length) input.bad('a block with bytes and no values')
    if (!input.take(syncBytes).equals(sync)) input.bad('the marker after a block is not that of the file')
    if (values.length) yield values
  }
}

function inflate(packed: Buffer, { inflated, whole, at }: { inflated: number; whole: number; at: number }): Buffer {
  const most = Math.min(codecLimits.inflatedBytes, Math.max(smallOutput, codecLimits.inflation * whole)) - inflated
  if (most <= 0) throw beyondLimit('Avro', at, 'it inflates beyond the limit')
  try {
    return inflateRawSync(packed, { maxOutputLength: most })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
      throw beyondLimit('Avro', at, 'it inflates beyond the limit')
    throw malformed('Avro', at, 'a block that cannot be inflated', cause)
  }
}

/** One file of all values, in one block. Its marker is a hash of what it holds: equal values make equal files. */
export function writeContainer(values: readonly unknown[], { text, write, codec = 'deflate' }: ContainerOptions): Uint8Array {
  const block = new AvroOutput()
  block.expect(values.length)
  for (const value of values) write(block, value)
  const body = codec === 'null' ? block.bytes : deflateRawSync(block.bytes)
  const sync = createHash('sha256').update(text).update(body).digest().subarray(0, syncBytes)
  const output = new AvroOutput()
  output.put(Uint8Array.from(magic))
  output.long(2)
  for (const [key, value] of [
    ['avro.schema', text],
    ['avro.codec', codec],
  ] as const) {
    output.sized(Buffer.from(key))
    output.sized(Buffer.from(value))
  }
  output.long(0)
  output.put(sync)
  if (values.length) {
    output.long(values.length)
    output.sized(body)
    output.put(sync)
  }
  return output.bytes
}

export interface ContainerOptions {
  /** of the schema, without references */
  text: string
  write: AvroWrite
  codec?: 'null' | 'deflate'
}
