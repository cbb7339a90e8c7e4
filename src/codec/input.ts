import { type CodecContext, codecLimits } from './codec.ts'
import { beyondLimit } from './fault.ts'

/** CODEC_LIMIT for more bytes than a payload may have. */
export function assertInput(format: string, bytes: Uint8Array, { inflated = false }: CodecContext): void {
  const most = inflated ? codecLimits.inflatedBytes : codecLimits.inputBytes
  if (bytes.length > most) throw beyondLimit(format, most, `${bytes.length} bytes, at most ${most}`)
}
