import { isTooDeep } from '../telemetry/json-depth.ts'
import { isBytes } from './values.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** The value that JSON bytes hold; the bytes themselves if they hold none, or one nested deeper than telemetry may be. Anything but bytes is a value already. */
export function decodedPayload(payload: unknown): unknown {
  if (!isBytes(payload)) return payload
  const value = jsonOf(() => utf8.decode(payload))
  return value === undefined ? payload : value
}

/** Bytes of JSON in one of the Unicode encodings; `undefined` if they are none, are nested too deep, or the encoding is unknown. A byte order mark wins over the usual order. */
export function decodedJson(bytes: Uint8Array, encoding: string): unknown {
  switch (encoding.toLowerCase().replaceAll(/[-_]/g, '')) {
    case 'utf8':
      return jsonOf(() => utf8.decode(bytes))
    case 'utf16':
    case 'utf16le':
    case 'utf16be':
      return jsonOf(() => new TextDecoder(`utf-16${isBigEndian(bytes, 2) ? 'be' : 'le'}`, { fatal: true }).decode(bytes))
    case 'utf32':
    case 'utf32le':
    case 'utf32be':
      return jsonOf(() => utf32Text(bytes, !isBigEndian(bytes, 4)))
    default:
      return undefined
  }
}

/** Whether the name is one that `decodedJson` knows. */
export const isUnicodeEncoding = (encoding: string): boolean => /^utf[-_]?(8|(16|32)([-_]?[lb]e)?)$/i.test(encoding)

/** JSON and a byte order mark begin with a small or marked character, whose zero or `FE` bytes tell the order. */
const isBigEndian = (bytes: Uint8Array, width: 2 | 4): boolean =>
  width === 2 ? bytes[0] === 0 || bytes[0] === 0xfe : bytes[0] === 0 && bytes.length >= 4

function utf32Text(bytes: Uint8Array, littleEndian: boolean): string {
  if (bytes.length % 4 !== 0) throw new RangeError('no whole characters')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const parts: string[] = []
  for (let at = 0; at < bytes.length; at += 4) parts.push(String.fromCodePoint(view.getUint32(at, littleEndian)))
  return parts[0] === '\ufeff' ? parts.slice(1).join('') : parts.join('')
}

function jsonOf(read: () => string): unknown {
  try {
    const text = read()
    return isTooDeep(text) ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}
