import { matchesOf, type PatternMatch, replaceMatches } from '../replacement.ts'
import type { RuleFunction } from '../rule-function.ts'
import { safePattern } from '../safe-pattern.ts'
import { ruleFunction } from './define.ts'

export const regexFunctions: readonly RuleFunction[] = [
  ruleFunction('regexp_matches', ['S', 'S'], ([text, pattern], { ports }) => {
    const found = safePattern(pattern)
    if (found.kind === 'invalid') return undefined
    if (found.kind === 'plain') return text.includes(found.text)
    if (found.kind === 'guarded' || text.length > found.mostChars) return ports.guardedRegex.matches(pattern, text)
    return fromStart(found.expression).test(text)
  }),
  ruleFunction('regexp_substr', ['S', 'S'], ([text, pattern], { ports }) => {
    const found = safePattern(pattern)
    if (found.kind === 'invalid') return undefined
    if (found.kind === 'plain') return text.includes(found.text) ? found.text : undefined
    if (found.kind === 'guarded' || text.length > found.mostChars) return ports.guardedRegex.first(pattern, text) ?? undefined
    return fromStart(found.expression).exec(text)?.[0]
  }),
  ruleFunction('regexp_replace', ['S', 'S', 'S'], ([text, pattern, replacement], { ports }) => {
    const found = safePattern(pattern)
    if (found.kind === 'invalid') return undefined
    if (found.kind === 'plain') return replaceMatches(text, occurrences(text, found.text), replacement)
    if (found.kind === 'guarded' || text.length > found.mostChars) return ports.guardedRegex.replace(pattern, text, replacement)
    return replaceMatches(text, matchesOf(text, fromStart(found.expression)), replacement)
  }),
]

function fromStart(expression: RegExp): RegExp {
  expression.lastIndex = 0
  return expression
}

function* occurrences(text: string, part: string): Generator<PatternMatch> {
  // An empty pattern matches around every character.
  if (part === '') yield* matchesOf(text, /(?:)/gu)
  else for (let at = text.indexOf(part); at !== -1; at = text.indexOf(part, at + part.length)) yield { index: at, groups: [part] }
}
