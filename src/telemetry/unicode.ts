/** UTF-16 or UTF-32. */
export interface WideEncoding {
  /** Bytes of a code unit. */
  width: 2 | 4
  littleEndian: boolean
  /** A byte order mark comes first. */
  marked: boolean
}

/** No character of the encoding stands at that byte. */
export class WideFault extends RangeError {
  readonly at: number

  constructor(at: number) {
    super(`no character at byte ${at}`)
    this.at = at
  }
}

/** Whether the name is one of UTF-8, UTF-16 or UTF-32. */
export const isUnicodeEncoding = (name: string): boolean => /^utf[-_]?(8|(16|32)([-_]?[lb]e)?)$/i.test(name)

/** What headers say of the characters of a text: a content encoding that is none of a compression, else the parameter of the content type; `''` for nothing. */
export function charsetOf({
  contentType = '',
  contentEncoding = '',
}: {
  contentType?: string
  contentEncoding?: string
}): string {
  const encoding = contentEncoding.trim()
  if (isUnicodeEncoding(encoding)) return encoding
  return /;\s*charset="?([^";\s]*)/i.exec(contentType)?.[1] ?? ''
}

/**
 * How JSON is written that is not UTF-8: by the name of its encoding, else by its byte order mark, which no UTF-8 begins with. The order is that of the bytes, whatever the name
 * says: JSON and the mark begin with a small or marked character, whose zero or `FE` byte tells it.
 */
export function wideOf(bytes: Uint8Array, charset = ''): WideEncoding | undefined {
  // No mark begins as JSON in UTF-8 mostly does.
  const isPlain = bytes[0]! > 0 && bytes[0]! < 0x80
  if (isPlain && (charset === '' || charset === 'utf-8')) return undefined
  const width = /^utf[-_]?16/i.test(charset) ? 2 : /^utf[-_]?32/i.test(charset) ? 4 : markedWidth(bytes)
  if (!width) return undefined
  const littleEndian = width === 2 ? bytes[0] !== 0 && bytes[0] !== 0xfe : bytes[0] !== 0
  const [low, high] = littleEndian ? [0, 1] : [width - 1, width - 2]
  return { width, littleEndian, marked: bytes[low] === 0xff && bytes[high] === 0xfe }
}

function markedWidth([a, b, c, d]: Uint8Array): 2 | 4 | undefined {
  if (a === 0xff && b === 0xfe) return c === 0 && d === 0 ? 4 : 2
  if (a === 0xfe && b === 0xff) return 2
  return a === 0 && b === 0 && c === 0xfe && d === 0xff ? 4 : undefined
}

/** The text without its byte order mark. Throws WideFault. */
export function wideText(bytes: Uint8Array, { width, littleEndian, marked }: WideEncoding): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const parts: string[] = []
  let units: number[] = []
  let half = false
  let at = marked ? width : 0
  for (; at + width <= bytes.length; at += width) {
    const code = width === 2 ? view.getUint16(at, littleEndian) : view.getUint32(at, littleEndian)
    const isLow = code >= 0xdc00 && code <= 0xdfff
    const isHigh = code >= 0xd800 && code <= 0xdbff
    if (code > 0x10ffff || (width === 4 ? isLow || isHigh : isLow !== half)) throw new WideFault(at)
    half = isHigh
    if (code > 0xffff) units.push(0xd7c0 + (code >> 10), 0xdc00 | (code & 0x3ff))
    else units.push(code)
    if (units.length > 8192) {
      parts.push(String.fromCharCode(...units))
      units = []
    }
  }
  if (half || at < bytes.length) throw new WideFault(at)
  return parts.join('') + String.fromCharCode(...units)
}

/** The text, a mark before it where there is one. */
export function wideBytes(text: string, { width, littleEndian, marked }: WideEncoding): Uint8Array {
  const whole = marked ? `\ufeff${text}` : text
  const codes = width === 2 ? Array.from({ length: whole.length }, (_, i) => whole.charCodeAt(i)) : codePointsOf(whole)
  const view = new DataView(new ArrayBuffer(codes.length * width))
  for (const [i, code] of codes.entries())
    if (width === 2) view.setUint16(i * 2, code, littleEndian)
    else view.setUint32(i * 4, code, littleEndian)
  return new Uint8Array(view.buffer)
}

/** How many bytes so much text takes, the mark aside. */
export const wideLength = (text: string, { width }: WideEncoding): number =>
  width === 2 ? text.length * 2 : codePointsOf(text).length * 4

const codePointsOf = (text: string): number[] => Array.from(text, character => character.codePointAt(0)!)
