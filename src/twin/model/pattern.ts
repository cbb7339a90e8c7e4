const patternChars = 256
/** Steps of a backtracking engine that one text may cost at worst. */
const mostSteps = 1e6
const mostCount = 1000
const longestText = 4096
/** A pattern whose worst text is shorter than this is no use. */
const shortestText = 64
/** So few different counts are choices, more are a repetition. */
const fewCounts = 8

/** `mostChars`: longer texts do not match. */
export type PatternVerdict = { refused: string } | { mostChars: number }

interface Group {
  /** it holds something that may match in more than one way */
  vague: boolean
  alternatives: number
  /** product of the fixed counts in it */
  count: number
}

const group = (): Group => ({ vague: false, alternatives: 1, count: 1 })

/**
 * What a regular expression (ECMA-262 with `u`) may be applied to. The engine backtracks: with `k` open repetitions, the place where it begins one of them unless `^` fixes
 * it, and `c` choices a text of `n` characters costs up to `c * n^k / k!` steps. What is worse than that is refused: repeating what is vague in itself, looking around, referring back, and large counts.
 */
export function judgePattern(pattern: string): PatternVerdict {
  if (pattern.length > patternChars) return { refused: `it has more than ${patternChars} characters` }
  try {
    new RegExp(pattern, 'u')
  } catch {
    return { refused: 'it is no regular expression' }
  }
  const found = scan(pattern)
  if (typeof found === 'string') return { refused: found }
  const { repeats, choices } = found
  let factorial = 1
  for (let i = 2; i <= repeats; i++) factorial *= i
  const mostChars = Math.min(longestText, Math.floor(((mostSteps / choices) * factorial) ** (1 / Math.max(repeats, 1))))
  return mostChars < shortestText ? { refused: 'there are too many ways to match a text' } : { mostChars }
}

/** Of a pattern that compiles: its brackets are balanced. */
function scan(pattern: string): string | { repeats: number; choices: number } {
  const open: Group[] = [group()]
  /** the group that ended right before */
  let closed: Group | undefined
  let [repeats, choices] = [0, 1]
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i]!
    const inner = open.at(-1)!
    const before = closed
    closed = undefined
    if (c === '\\') {
      if (/[1-9k]/.test(pattern[i + 1] ?? '')) return 'it refers back to a group'
      i++
      // Braces of `\p{L}` and `\u{1f600}` are no counts.
      if (/[pPu]/.test(pattern[i]!) && pattern[i + 1] === '{') i = pattern.indexOf('}', i)
    } else if (c === '[') i = endOfClass(pattern, i)
    else if (c === '(') {
      if (/^\?(=|!|<[=!])/.test(pattern.slice(i + 1, i + 4))) return 'it looks ahead or behind'
      if (pattern[i + 1] === '?') i = pattern.indexOf(pattern[i + 2] === '<' ? '>' : ':', i)
      open.push(group())
    } else if (c === ')') {
      closed = open.pop()!
      choices *= closed.alternatives
      const outer = open.at(-1)!
      outer.vague ||= closed.vague || closed.alternatives > 1
      outer.count = Math.max(outer.count, closed.count)
    } else if (c === '|') inner.alternatives++
    else if (c === '*' || c === '+' || c === '?' || c === '{') {
      const end = c === '{' ? pattern.indexOf('}', i) : i
      const [least, most] = countsOf(c, pattern.slice(i + 1, end))
      i = end
      if (pattern[i + 1] === '?') i++
      if (Math.max(least, Number.isFinite(most) ? most : 0) > mostCount) return `it counts beyond ${mostCount}`
      const vague = before !== undefined && (before.vague || before.alternatives > 1)
      if (most > 1 && vague) return 'it repeats what can match in several ways'
      const product = Math.max(least, 1) * (before?.count ?? 1)
      if (product > mostCount) return `its counts multiply beyond ${mostCount}`
      inner.count = Math.max(inner.count, product)
      if (least === most) continue
      inner.vague = true
      if (most - least < fewCounts) choices *= most - least + 1
      else repeats++
    }
  }
  const { alternatives } = open[0]!
  const anywhere = pattern.startsWith('^') && alternatives === 1 ? 0 : 1
  return { repeats: repeats + anywhere, choices: choices * alternatives }
}

function countsOf(sign: string, counts: string): [least: number, most: number] {
  if (sign === '*') return [0, Number.POSITIVE_INFINITY]
  if (sign === '+') return [1, Number.POSITIVE_INFINITY]
  if (sign === '?') return [0, 1]
  const [least = '', most] = counts.split(',')
  return [Number(least), most === undefined ? Number(least) : most === '' ? Number.POSITIVE_INFINITY : Number(most)]
}

function endOfClass(pattern: string, from: number): number {
  for (let i = from + 1; i < pattern.length; i++) {
    if (pattern[i] === '\\') i++
    else if (pattern[i] === ']') return i
  }
  return pattern.length
}
