import { indexOf, lengthOf, replaceEvery, sliceOf } from '../code-points.ts'
import type { RuleFunction } from '../rule-function.ts'
import { longestTextChars, shortEnough } from '../values.ts'
import { ruleFunction } from './define.ts'
import { utf8 } from './utf8.ts'

const spaces = (count: number): string => ' '.repeat(Math.min(Math.max(count, 0), 1000))

export const textFunctions: readonly RuleFunction[] = [
  ruleFunction('length', ['S'], ([text]) => lengthOf(text)),
  ruleFunction('numbytes', ['S'], ([text]) => utf8(text).length),
  ruleFunction('lower', ['S'], ([text]) => text.toLowerCase()),
  ruleFunction('upper', ['S'], ([text]) => shortEnough(text.toUpperCase())),
  ruleFunction('trim', ['S'], ([text]) => text.trim()),
  ruleFunction('ltrim', ['S'], ([text]) => text.trimStart()),
  ruleFunction('rtrim', ['S'], ([text]) => text.trimEnd()),
  // They add spaces, they do not fill up to a width.
  ruleFunction('lpad', ['S', 'I'], ([text, count]) => shortEnough(spaces(count) + text)),
  ruleFunction('rpad', ['S', 'I'], ([text, count]) => shortEnough(text + spaces(count))),
  ruleFunction('substring', ['S', 'I', 'I?'], ([text, start, end = Number.POSITIVE_INFINITY]) => sliceOf(text, start, end)),
  ruleFunction('indexof', ['S', 'S'], ([text, part]) => indexOf(text, part)),
  ruleFunction('startswith', ['S', 'S'], ([text, part]) => text.startsWith(part)),
  ruleFunction('endswith', ['S', 'S'], ([text, part]) => text.endsWith(part)),
  ruleFunction('replace', ['S', 'S', 'S'], ([text, part, by]) => replaceEvery(text, part, by, longestTextChars)),
  ruleFunction('chr', ['I'], ([code]) => (code >= 0 && code <= 127 ? String.fromCharCode(code) : undefined)),
]
