import * as zlib from 'node:zlib'
import { LoomError } from '../errors.ts'
import { isUnicodeEncoding } from '../telemetry/unicode.ts'
import { codecLimits } from './codec.ts'
import { beyondLimit, malformed, truncated } from './fault.ts'
import { assertInput } from './input.ts'

export type Compression = 'gzip' | 'deflate' | 'zstd'

/** What node:zlib gives with the option `info`. */
interface Inflated {
  buffer: Uint8Array
  engine: { bytesWritten: number }
}

/** Zstandard of Node.js 22.15 and newer. */
interface Zstd {
  zstdDecompressSync?(bytes: Uint8Array, options: object): unknown
  zstdCompressSync?(bytes: Uint8Array): Uint8Array
}

const zstd: Zstd = zlib
/** `ZSTD_d_windowLogMax`; what frames may ask for as a window is allocated at once. */
const windowLogMax = 100
const mostWindowLog = Math.log2(codecLimits.inflatedBytes)
/** What comes out at a time. Results are views of it, and zlib lets go of a refused payload's only in the next turn of the event loop: small payloads get small ones. */
const chunkOf = (bytes: Uint8Array): number => Math.min(Math.max(4 * bytes.length, 1024), 65_536)
const uncompressed: ReadonlySet<string> = new Set(['', 'identity', 'us-ascii'])
const names: Readonly<Record<string, Compression>> = { gzip: 'gzip', 'x-gzip': 'gzip', deflate: 'deflate', zstd: 'zstd' }

/**
 * The compression that a content encoding says, `undefined` for none, charsets included. CODEC_FORMAT for one that is not known here, and for more than one layer.
 */
export function compressionOf(contentEncoding = ''): Compression | undefined {
  const encoding = contentEncoding.trim().toLowerCase()
  if (uncompressed.has(encoding) || isUnicodeEncoding(encoding)) return undefined
  if (Object.hasOwn(names, encoding)) return names[encoding]
  throw new LoomError('CODEC_FORMAT', `content encoding "${contentEncoding.slice(0, 40)}"`, {
    hint: 'one of gzip, deflate and zstd, and one only',
    position: 0,
  })
}

/** By the first bytes. What begins like `x^` may be text: that level of deflate must be said by the content encoding. */
export function compressionByMagic(bytes: Uint8Array): Compression | undefined {
  const [a, b, c, d] = bytes
  if (a === 0x1f && b === 0x8b && c === 8) return 'gzip'
  if (a === 0x78 && (b === 0x01 || b === 0x9c || b === 0xda)) return 'deflate'
  return a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd ? 'zstd' : undefined
}

/**
 * Takes one layer off: RFC 1952 (any number of members), RFC 1950 or RFC 8878 (one frame). At most 200 times the bytes and 16 MiB come out, and nothing may follow. CODEC_FORMAT,
 * CODEC_TRUNCATED, CODEC_LIMIT; CODEC_UNAVAILABLE where this Node.js has no zstd.
 */
export function inflated(bytes: Uint8Array, compression: Compression): Uint8Array {
  assertInput(compression, bytes, {})
  const maxOutputLength = Math.min(codecLimits.inflatedBytes, codecLimits.inflation * bytes.length)
  let result: Inflated
  try {
    result = inflate(bytes, compression, {
      maxOutputLength: Math.max(1, maxOutputLength),
      chunkSize: chunkOf(bytes),
      info: true,
    })
  } catch (cause) {
    throw faultOf(cause, { bytes, compression, maxOutputLength })
  }
  const { bytesWritten: end } = result.engine
  if (end < bytes.length) throw malformed(compression, end, trailing)
  return result.buffer
}

/** One layer on. CODEC_UNAVAILABLE where this Node.js has no zstd. */
export function compressed(bytes: Uint8Array, compression: Compression): Uint8Array {
  if (compression === 'gzip') return zlib.gzipSync(bytes)
  if (compression === 'deflate') return zlib.deflateSync(bytes)
  if (!zstd.zstdCompressSync) throw noZstd()
  return zstd.zstdCompressSync(bytes)
}

function inflate(bytes: Uint8Array, compression: Compression, options: zlib.ZlibOptions): Inflated {
  if (compression === 'gzip') return zlib.gunzipSync(bytes, options) as unknown as Inflated
  if (compression === 'deflate') return zlib.inflateSync(bytes, options) as unknown as Inflated
  if (!zstd.zstdDecompressSync) throw noZstd()
  return zstd.zstdDecompressSync(bytes, { ...options, params: { [windowLogMax]: mostWindowLog } }) as Inflated
}

const trailing = 'bytes follow the end'

/** zlib takes a single byte behind the end of gzip for the begin of a member. */
function isOneTooMany(bytes: Uint8Array, compression: Compression): boolean {
  if (compression !== 'gzip' || bytes.at(-1) === 0x1f) return false
  try {
    zlib.gunzipSync(bytes.subarray(0, -1), { maxOutputLength: codecLimits.inflatedBytes, chunkSize: chunkOf(bytes) })
    return true
  } catch {
    return false
  }
}

const noZstd = () => new LoomError('CODEC_UNAVAILABLE', 'zstd', { hint: 'it needs Node.js 22.15 or newer' })

function faultOf(
  cause: unknown,
  { bytes, compression, maxOutputLength }: { bytes: Uint8Array; compression: Compression; maxOutputLength: number },
): LoomError {
  if (cause instanceof LoomError) return cause
  const { code = '', message = '' } = cause as { code?: string; message?: string }
  if (code === 'ERR_BUFFER_TOO_LARGE') return beyondLimit(compression, 0, `more than ${maxOutputLength} bytes come out`)
  if (code === 'Z_BUF_ERROR')
    return isOneTooMany(bytes, compression)
      ? malformed(compression, bytes.length - 1, trailing)
      : truncated(compression, bytes.length)
  if (code.includes('windowTooLarge') || message.includes('too much memory'))
    return beyondLimit(compression, 0, 'its window is larger than allowed')
  return malformed(compression, 0, message.slice(0, 80) || 'it cannot be read', cause)
}
