const star = -1
const one = -2

/** A pattern of literal characters, `*` (any text, `/` included) and `?` (one character), compiled. */
export interface Glob {
  /** UTF-16 units, or one of the two wildcards */
  readonly codes: Int32Array
  /** a shorter text cannot match */
  readonly least: number
}

export type GlobPart = string | { wild: '*' | '?' }

/** A text in which `*` and `?` are wildcards. */
export const wildParts = (text: string): GlobPart[] =>
  text
    .split(/([*?])/)
    .filter(part => part !== '')
    .map(part => (part === '*' || part === '?' ? { wild: part } : part))

export function globOf(parts: readonly GlobPart[]): Glob {
  const codes: number[] = []
  let least = 0
  for (const part of parts) {
    if (typeof part !== 'string') {
      if (part.wild === '?') codes.push(one)
      else if (codes.at(-1) !== star) codes.push(star)
      if (part.wild === '?') least++
      continue
    }
    for (let i = 0; i < part.length; i++) codes.push(part.charCodeAt(i))
    least += part.length
  }
  return { codes: Int32Array.from(codes), least }
}

/**
 * Two pointers; on a mismatch only the last `*` takes one character more. So no pattern needs more than length x (length + 1) reads of the text, however many
 * stars it has: what a backtracking regular expression does to `*a*a*a*b` does not happen.
 */
export function globMatches({ codes, least }: Glob, text: { readonly length: number; charCodeAt(at: number): number }): boolean {
  const { length } = text
  if (length < least) return false
  let at = 0
  let code = 0
  let starCode = -1
  let starAt = 0
  while (at < length) {
    const wanted = code < codes.length ? codes[code]! : undefined
    if (wanted === star) {
      starCode = code++
      starAt = at
      if (code === codes.length) return true
      continue
    }
    const found = text.charCodeAt(at)
    if (wanted === found) {
      at++
      code++
    } else if (wanted === one) {
      at += isPair(text, at, found) ? 2 : 1
      code++
    } else if (starCode >= 0) {
      starAt += isPair(text, starAt, text.charCodeAt(starAt)) ? 2 : 1
      at = starAt
      code = starCode + 1
    } else return false
  }
  while (code < codes.length && codes[code] === star) code++
  return code === codes.length
}

/** A character beyond the basic plane is two units. */
const isPair = (text: { readonly length: number; charCodeAt(at: number): number }, at: number, first: number): boolean =>
  (first & 0xfc00) === 0xd800 && at + 1 < text.length && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00
