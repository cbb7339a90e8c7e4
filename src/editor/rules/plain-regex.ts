import { matchesOf, replaceMatches } from '../../routing/replacement.ts'
import type { GuardedRegex } from '../../routing/rule-function.ts'
import { expressionOf, longestPatternChars, readPattern } from '../../routing/safe-pattern.ts'

/** Any pattern, without a guard: only where somebody ends the thread that takes too long. */
export const plainRegex: GuardedRegex = {
  matches: (pattern, text) => expressionIn(pattern)?.test(text),
  first(pattern, text) {
    const expression = expressionIn(pattern)
    return expression && (expression.exec(text)?.[0] ?? null)
  },
  replace(pattern, text, replacement) {
    const expression = expressionIn(pattern)
    return expression && replaceMatches(text, matchesOf(text, expression), replacement)
  },
}

const expressionIn = (pattern: string): RegExp | undefined =>
  pattern.length > longestPatternChars ? undefined : expressionOf(readPattern(pattern))
