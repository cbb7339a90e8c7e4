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
 * The text with its matches, in order, replaced as Java does it: `$1` and `${name}` are groups, `$0` the match, a backslash before `$` or a backslash
 * takes away its meaning. Groups that do not exist or did not match are empty. `undefined` if the result is too long.
 */
export function replaceMatches(text: string, matches: Iterable<PatternMatch>, replacement: string): string | undefined {
  let pieces: Piece[] | undefined
  const parts: string[] = []
  let [end, length] = [0, text.length]
  for (const match of matches) {
    pieces ??= piecesOf(replacement, match.groups.length)
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

function partOf(piece: Piece, { groups, named }: PatternMatch): string {
  if (typeof piece === 'string') return piece
  if ('group' in piece) return groups[piece.group] ?? ''
  return (named && Object.hasOwn(named, piece.name) && named[piece.name]) || ''
}

function piecesOf(replacement: string, groups: number): Piece[] {
  const pieces: Piece[] = []
  for (const [whole, quoted, digits, name] of replacement.matchAll(/\\([\\$])|\$(\d+)|\$\{([A-Za-z]\w*)\}|\\|\$|[^\\$]+/g)) {
    if (quoted !== undefined) pieces.push(quoted)
    else if (name !== undefined) pieces.push({ name })
    else if (digits === undefined) pieces.push(whole)
    else {
      // As many digits as there are groups for; the others are text.
      let taken = 1
      while (taken < digits.length && Number(digits.slice(0, taken + 1)) < groups) taken++
      pieces.push({ group: Number(digits.slice(0, taken)) }, digits.slice(taken))
    }
  }
  return pieces
}
