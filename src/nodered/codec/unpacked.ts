import type { CodecContext } from '../../codec/codec.ts'
import { type CodecName, codecOfType } from '../../codec/codecs.ts'
import { type Compression, compressionByMagic, compressionOf, inflated as inflate } from '../../codec/compression.ts'

/** What a node is set to. */
export interface Packing {
  format: CodecName | 'auto'
  compression: Compression | 'auto' | 'none'
}

/** Their first bytes may be any, so that only a content encoding tells of compression. */
const anyBegin: ReadonlySet<CodecName | undefined> = new Set<CodecName>(['avro', 'protobuf', 'cayenne', 'layout', 'sparkplug'])

/** Bytes without their compression. CODEC_*. */
export function unpacked(bytes: Uint8Array, context: CodecContext, packing: Packing): { bytes: Uint8Array; inflated: boolean } {
  const compression = compressionIn(bytes, context, packing)
  return compression ? { bytes: inflate(bytes, compression), inflated: true } : { bytes, inflated: false }
}

function compressionIn(bytes: Uint8Array, context: CodecContext, { format, compression }: Packing): Compression | undefined {
  if (compression === 'none') return undefined
  if (compression !== 'auto') return compression
  const { contentType, contentEncoding } = context
  const name = format === 'auto' ? codecOfType(contentType) : format
  return compressionOf(contentEncoding) ?? (anyBegin.has(name) ? undefined : compressionByMagic(bytes))
}
