/** Where a payload comes from, as far as a format may need it. */
export interface CodecContext {
  device?: string
  topic?: string
  contentType?: string
  contentEncoding?: string
  properties?: Readonly<Record<string, string>>
  /** Arrival of the message, epoch ms UTC; relative times of a format start here. */
  arrived?: number
  /** The bytes were compressed, and more of them are allowed. */
  inflated?: boolean
  /** The schema the bytes were written with, where the format has none of its own. */
  schema?: unknown
}

/**
 * One payload format. Decoded values are plain JSON: integers beyond 2^53 are decimal strings, bytes are base64, dates are epoch ms.
 * Throws `LoomError` CODEC_FORMAT, CODEC_TRUNCATED or CODEC_LIMIT with the byte offset as position, or CODEC_INVALID with the path in the value; never anything else on
 * bad bytes.
 */
export interface Codec {
  readonly name: string
  /** Whether the bytes or the content type say that this format is meant. */
  detect?(bytes: Uint8Array, context: CodecContext): boolean
  decode(bytes: Uint8Array, context: CodecContext): unknown
  /** The list that `decode` would give, bit by bit, of bytes that may hold a long one; undefined of others. */
  parts?(bytes: Uint8Array, context: CodecContext): Iterable<readonly unknown[]> | undefined
  encode?(value: unknown, context: CodecContext): Uint8Array
}

/** Guards of every codec. They are checked before memory for a declared length is taken. */
export const codecLimits = {
  inputBytes: 1_048_576,
  inflatedBytes: 16 * 1_048_576,
  /** Inflated size over the size of the input. */
  inflation: 200,
  depth: 64,
  elements: 100_000,
} as const
