import { longestTextChars } from './values.ts'

/** One place where a pattern matched. `groups[0]` is the match itself. */
export interface PatternMatch {
  readonly index: number
  readonly groups: readonly (string | undefined)[]
  readonly named?: Readonly<Record<string, string | undefined>> | undefined
}

/** All matches of a global expression from its `lastIndex` on. */
export function* matchesOf(text: string, expression: RegExp): Generator<PatternMatch> {
  for (const match of text.matchAll(expression)) yield { index: match.index, groups: match, named: match.groups }
}

type Piece = string | { group: number } | { name: string }

/**
 * The text with its matches, in order, replaced as Java does it: `$1` and `${name}` are groups, `$0` the match, a backslash takes the meaning from what follows it.
 * Groups that did not match are empty. `undefined` if the result is too long, or if there is a match and the replacement names no group of the pattern behind a `$`
 * or ends in a backslash.
 */
export function replaceMatches(text: string, matches: Iterable<PatternMatch>, replacement: string): string | undefined {
  let pieces: Piece[] | undefined
  const parts: string[] = []
  let [end, length] = [0, text.length]
  for (const match of matches) {
    pieces ??= piecesOf(replacement, match)
    if (!pieces) return undefined
    const whole = match.groups[0]!
    parts.push(text.slice(end, match.index))
    for (const piece of pieces) {
      const part = partOf(piece, match)
      length += part.length
      parts.push(part)
    }
    length -= whole.length
    if (length > longestTextChars) return undefined
    end = match.index + whole.length
  }
  return parts.length === 0 ? text : parts.join('') + text.slice(end)
}

/** Whether it names no group that the pattern has not, and quotes something with each backslash. */
export function isReplacement(replacement: string, { source, flags }: RegExp): boolean {
  // Beside nothing every pattern matches, and shows its groups.
  const match = new RegExp(`${source}|`, flags).exec('')!
  return piecesOf(replacement, { index: 0, groups: match, named: match.groups }) !== undefined
}

function partOf(piece: Piece, { groups, named }: PatternMatch): string {
  if (typeof piece === 'string') return piece
  if ('group' in piece) return groups[piece.group] ?? ''
  return named?.[piece.name] ?? ''
}

function piecesOf(replacement: string, { groups, named }: PatternMatch): Piece[] | undefined {
  const pieces: Piece[] = []
  for (const [whole, quoted, digits, name] of replacement.matchAll(/\\([\s\S])|\$(\d+)|\$\{([A-Za-z]\w*)\}|[\\$]|[^\\$]+/g)) {
    if (quoted !== undefined) pieces.push(quoted)
    else if (name !== undefined) {
      if (!named || !Object.hasOwn(named, name)) return undefined
      pieces.push({ name })
    } else if (digits === undefined) {
      if (whole === '$' || whole === '\\') return undefined
      pieces.push(whole)
    } else {
      // As many digits as there are groups for; the others are text.
      let taken = 1
      while (taken < digits.length && Number(digits.slice(0, taken + 1)) < groups.length) taken++
      const group = Number(digits.slice(0, taken))
      if (group >= groups.length) return undefined
      pieces.push({ group }, digits.slice(taken))
    }
  }
  return pieces
}
