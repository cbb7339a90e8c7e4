import { Lru } from '../identity/lru.ts'
import { judgePattern } from '../twin/model/pattern.ts'

/** Longer patterns are none. */
export const longestPatternChars = 1024
const mostCompiled = 256

/** How a pattern may be run. */
export type SafePattern =
  /** no expression at all: the search for a part */
  | { kind: 'plain'; text: string }
  /** on texts of at most so many characters, else guarded */
  | { kind: 'safe'; expression: RegExp; mostChars: number }
  | { kind: 'guarded'; why: string }
  | { kind: 'invalid' }

/** A pattern in the words of ECMA-262 with the flag `u`. */
export interface PatternSource {
  source: string
  /** of `ims` */
  flags: string
}

const compiled = new Lru<string, SafePattern>(mostCompiled)

/**
 * What a backtracking engine may do with a pattern: nothing that refers back, looks around or repeats what is vague in itself. Patterns are remembered, the
 * 256 used last.
 */
export function safePattern(pattern: string): SafePattern {
  if (!/[\\^$.|?*+()[\]{}]/.test(pattern)) return { kind: 'plain', text: pattern }
  if (pattern.length > longestPatternChars) return { kind: 'invalid' }
  const known = compiled.get(pattern)
  if (known) return known
  const fresh = judged(pattern)
  compiled.set(pattern, fresh)
  return fresh
}

function judged(pattern: string): SafePattern {
  const read = readPattern(pattern)
  const expression = expressionOf(read)
  if (!expression) return { kind: 'invalid' }
  const verdict = judgePattern(read.source)
  return 'refused' in verdict
    ? { kind: 'guarded', why: verdict.refused }
    : { kind: 'safe', expression, mostChars: verdict.mostChars }
}

/** `undefined` if it is no pattern. With `g`, of its own, as it keeps a position. */
export function expressionOf({ source, flags }: PatternSource): RegExp | undefined {
  try {
    return new RegExp(source, `gu${flags}`)
  } catch {
    return undefined
  }
}

/**
 * Where the patterns of Java, which rules are written with, and of ECMA-262 differ in looks only: flags in front as `(?i)`, any punctuation may be escaped,
 * closing brackets and braces need not be, `\A` and `\z` are the ends.
 */
export function readPattern(pattern: string): PatternSource {
  const [prefix = '', flags = ''] = /^\(\?([ims]+)\)/.exec(pattern) ?? []
  let [source, inClass, before] = ['', false, '']
  for (let at = prefix.length; at < pattern.length; at += before.length) {
    const part = nextPart(pattern, at)
    const ofClass = /^\\[dDsSwW]$/.test(before)
    before = part
    if (part[0] === '\\') source += inClass ? escapedInClass(part) : escaped(part, flags)
    else if (inClass) {
      inClass = part !== ']'
      // `[\w-.]` is no range.
      source += part === '-' && ofClass ? '\\-' : part
    } else {
      inClass = part === '['
      source += part === ']' || part === '}' ? `\\${part}` : part
    }
  }
  return { source, flags: [...new Set(flags)].join('') }
}

/** An escape with its braces, a count, or one character. */
function nextPart(pattern: string, at: number): string {
  parts.lastIndex = at
  return parts.exec(pattern)![0]
}

const parts = /\\[pPu]\{[^}]*\}|\\.|\{\d+(?:,\d*)?\}|./suy

/** The signs that may be escaped in ECMA-262; other punctuation stands for itself. */
const ownSigns = /[\^$\\.*+?()[\]{}|/]/
const isPunctuation = (character: string): boolean => /[!-/:-@[-`{-~ ]/.test(character)

function escaped(part: string, flags: string): string {
  const character = part[1] ?? ''
  if (character === 'A' && !flags.includes('m')) return '^'
  if (character === 'z' && !flags.includes('m')) return '$'
  return isPunctuation(character) && !ownSigns.test(character) ? character : part
}

const escapedInClass = (part: string): string => {
  const character = part[1] ?? ''
  return isPunctuation(character) && character !== '-' && !ownSigns.test(character) ? character : part
}
