import type { LoomError } from '../errors.ts'
import { charsetOf, type WideEncoding, type WideFault, wideLength, wideOf, wideText } from '../telemetry/unicode.ts'
import { type Codec, type CodecContext, codecLimits } from './codec.ts'
import { encodableOf } from './encodable.ts'
import { beyondLimit, malformed, truncated } from './fault.ts'
import { assertInput } from './input.ts'
import { jsonFault } from './json-fault.ts'
import { plainOf } from './plain.ts'
import { utf8Fault } from './utf8.ts'

const format = 'JSON'
const utf8 = new TextDecoder('utf-8', { fatal: true })
const [quote, comma, backslash] = [34, 44, 92]

/**
 * Of two members by one name the last one counts; a byte order mark is skipped; whole numbers beyond 2^53 are decimal text, and what no
 * double can hold is null.
 */
export const jsonCodec: Codec = {
  name: 'json',
  detect: looksLikeJson,
  decode(bytes, context) {
    assertInput(format, bytes, context)
    const wide = wideOf(bytes, charsetOf(context))
    return wide ? decodedWide(bytes, wide) : decoded(bytes, at => at)
  },
  encode: value => Buffer.from(JSON.stringify(plainOf(encodableOf(format, value)))),
}

/** Of UTF-8. `place`: what byte of the payload a byte of these comes from. */
function decoded(bytes: Uint8Array, place: Place): unknown {
  const notable = boundedAndNotable(bytes, place)
  const text = textOf(bytes)
  try {
    return notable ? JSON.parse(text, digitsKept) : JSON.parse(text)
  } catch (cause) {
    throw faultOf(bytes, text, { cause, place })
  }
}

type Place = (at: number) => number

function decodedWide(bytes: Uint8Array, wide: WideEncoding): unknown {
  let text: string
  try {
    text = wideText(bytes, wide)
  } catch (cause) {
    throw malformed(format, (cause as WideFault).at, `a text that is not UTF-${8 * wide.width}`, cause)
  }
  const utf8Bytes = Buffer.from(text)
  const mark = wide.marked ? wide.width : 0
  return decoded(utf8Bytes, at => mark + wideLength(utf8Bytes.toString('utf8', 0, at), wide))
}

/** Whether the first and the last character are the brackets of an object or a list. */
export function looksLikeJson(given: Uint8Array, context: CodecContext = {}): boolean {
  // The brackets have one byte that is not zero, marks only bytes that UTF-8 has not.
  const bytes = wideOf(given, charsetOf(context)) ? given.filter(byte => byte !== 0 && byte < 0xfe) : given
  let begin = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0
  let end = bytes.length - 1
  while (begin < end && isSpace(bytes[begin]!)) begin++
  while (end > begin && isSpace(bytes[end]!)) end--
  return (bytes[begin] === 0x7b && bytes[end] === 0x7d) || (bytes[begin] === 0x5b && bytes[end] === 0x5d)
}

const isSpace = (byte: number): boolean => byte === 32 || (byte >= 9 && byte <= 13 && byte !== 11 && byte !== 12)

/** The third argument is what was written of a value that is no object. */
function digitsKept(_name: string, value: unknown, { source = '' }: { source?: string } = {}): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
  if (/^-?\d+$/.test(source)) return source
  return Number.isFinite(value) ? value : null
}

/**
 * CODEC_LIMIT for the depth, and for an upper bound of the elements: one for each comma and bracket. Returns whether there may be numbers that lose digits, or that
 * no double can hold: 16 digits, or an exponent.
 */
function boundedAndNotable(bytes: Uint8Array, place: Place): boolean {
  // Counted with those in texts there are rarely enough for a second look.
  let brackets = 0
  let commas = 0
  let digits = 0
  let before = 0
  let notable = false
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!
    if (byte >= 48 && byte <= 57) {
      if (++digits === 16 || (before | 32) === 0x65 || before === 43) notable = true
    } else {
      digits = 0
      if (byte === comma) commas++
      else if ((byte | 32) === 0x7b) brackets++
    }
    before = byte
  }
  if (brackets > codecLimits.depth || brackets + commas >= codecLimits.elements) assertBounded(bytes, place)
  return notable
}

function assertBounded(bytes: Uint8Array, place: Place): void {
  let depth = 0
  let elements = 1
  let quoted = false
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!
    if (quoted) {
      if (byte === backslash) at++
      else if (byte === quote) quoted = false
    } else if (byte === quote) quoted = true
    else if (byte === comma) elements++
    else if (byte === 0x7b || byte === 0x5b) {
      elements++
      if (++depth > codecLimits.depth) throw beyondLimit(format, place(at), `more than ${codecLimits.depth} deep`)
    } else if (byte === 0x7d || byte === 0x5d) depth--
    if (elements > codecLimits.elements) throw beyondLimit(format, place(at), `more than ${codecLimits.elements} elements`)
  }
}

function textOf(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch (cause) {
    const at = utf8Fault(bytes) ?? 0
    throw malformed(format, at, 'a text that is not UTF-8', cause)
  }
}

function faultOf(bytes: Uint8Array, text: string, { cause, place }: { cause: unknown; place: Place }): LoomError {
  const fault = jsonFault(text)
  if (fault.ended) return truncated(format, place(bytes.length))
  const mark = bytes.length - Buffer.byteLength(text)
  return malformed(format, place(mark + Buffer.byteLength(text.slice(0, fault.at))), 'nothing of JSON', cause)
}
