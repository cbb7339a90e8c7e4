import { isTooDeep } from '../telemetry/json-depth.ts'
import { isUnicodeEncoding, wideOf, wideText } from '../telemetry/unicode.ts'
import { isBytes } from './values.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** The value that JSON bytes hold, in UTF-8 or what a byte order mark says; the bytes themselves if they hold none, or one nested deeper than telemetry may be. Anything but bytes is a value already. */
export function decodedPayload(payload: unknown): unknown {
  if (!isBytes(payload)) return payload
  const value = jsonOf(() => textOf(payload))
  return value === undefined ? payload : value
}

/** Bytes of JSON in one of the Unicode encodings; `undefined` if they are none, are nested too deep, or the encoding is unknown. A byte order mark wins over the usual order. */
export const decodedJson = (bytes: Uint8Array, encoding: string): unknown =>
  isUnicodeEncoding(encoding) ? jsonOf(() => textOf(bytes, encoding)) : undefined

function textOf(bytes: Uint8Array, encoding = ''): string {
  // No byte order mark begins as JSON in UTF-8 mostly does.
  const isPlain = encoding === '' && bytes[0]! > 0 && bytes[0]! < 0x80
  const wide = isPlain ? undefined : wideOf(bytes, encoding)
  return wide ? wideText(bytes, wide) : utf8.decode(bytes)
}

function jsonOf(read: () => string): unknown {
  try {
    const text = read()
    return isTooDeep(text) ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}
