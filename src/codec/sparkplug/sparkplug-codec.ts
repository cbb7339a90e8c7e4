import type { Codec, CodecContext } from '../codec.ts'
import { inflated } from '../compression.ts'
import { unfit } from '../fault.ts'
import { assertInput } from '../input.ts'
import { metricsOf, plainPayload } from './sparkplug-read.ts'
import type { WireMessage } from './sparkplug-shapes.ts'
import { openWire } from './sparkplug-wire.ts'
import { wirePayload } from './sparkplug-write.ts'
import { readSparkplugTopic } from './topic.ts'

const format = 'Sparkplug'
const compressed = 'SPBV1.0_COMPRESSED'

export interface SparkplugCodec extends Codec {
  /** As `decode`, with the values not looked at yet: their types may stand in an earlier payload. */
  read(bytes: Uint8Array, context: CodecContext): WireMessage
}

/**
 * Payloads of Sparkplug B: a `SparkplugPayload` and back. Bodies compressed with deflate or gzip are what is in them. Where a metric names no type, a whole number stands as on the wire,
 * without sign: `openSparkplug` remembers types and names. CODEC_UNAVAILABLE without the package protobufjs.
 */
export async function openSparkplugCodec(): Promise<SparkplugCodec> {
  const wire = await openWire()
  const read = (bytes: Uint8Array, context: CodecContext): WireMessage => {
    assertInput(format, bytes, context)
    const message = wire.read(bytes)
    return message.uuid === compressed ? wire.read(bodyOf(message)) : message
  }
  return {
    name: 'sparkplug',
    detect: (_bytes, { topic }) => topic !== undefined && readSparkplugTopic(topic) !== undefined,
    read,
    decode: (bytes, context) => plainPayload(read(bytes, context)),
    encode: value => wire.write(wirePayload(value)),
  }
}

function bodyOf(message: WireMessage): Uint8Array {
  const { body = new Uint8Array() } = message
  const [, algorithm = 'DEFLATE'] = metricsOf(message).find(({ name }) => name === 'algorithm')?.value ?? []
  const name = String(algorithm).toLowerCase()
  if (name !== 'deflate' && name !== 'gzip') throw unfit(format, 'metrics.algorithm', 'neither DEFLATE nor GZIP')
  return inflated(body as Uint8Array, name)
}
