import type { RE2JS } from 're2js'
import { type PatternMatch, replaceMatches } from '../routing/replacement.ts'
import type { PatternSource } from '../routing/safe-pattern.ts'
import { type PatternMaker, RegexTimeout, type RunnablePattern } from './guarded-regex.ts'

type Library = Pick<typeof import('re2js'), 'RE2JS'>

/** Instructions of the compiled pattern times characters: what one search costs at worst. */
const mostSteps = 16_777_216

/** Patterns by the library `re2js`, an optional package, whose searches take linear time; `undefined` where it is not installed. */
export async function loadLinearRegex(load: () => Promise<Library> = () => import('re2js')): Promise<PatternMaker | undefined> {
  const library = await load().catch(() => undefined)
  return library && ((source, limitMs) => runnable(library.RE2JS, source, limitMs))
}

function runnable(library: Library['RE2JS'], { source, flags }: PatternSource, limitMs: number): RunnablePattern | undefined {
  let pattern: RE2JS
  try {
    pattern = library.compile(library.translateRegExp(flags === '' ? source : `(?${flags})${source}`))
  } catch {
    return undefined
  }
  const size = pattern.programSize()
  const assertShort = (text: string): void => {
    if (size * text.length > mostSteps) throw new RegexTimeout()
  }
  const named = Object.keys(pattern.namedGroups()).length > 0
  function* matchesOf(text: string): Generator<PatternMatch> {
    const matcher = pattern.matcher(text)
    const end = performance.now() + limitMs
    for (let at = 0; at <= text.length && matcher.find(at); ) {
      const groups = Array.from({ length: matcher.groupCount() + 1 }, (_, i) => matcher.group(i) ?? undefined)
      yield { index: matcher.start(), groups, named: named ? namedGroups(matcher) : undefined }
      const [from, to] = [matcher.start(), matcher.end()]
      // Not codePointAt, which in V8 13.6 looks past the end of a text that was cut out of another one.
      const [character] = text.slice(to, to + 2)
      at = to > from ? to : to + (character?.length ?? 1)
      if (performance.now() > end) throw new RegexTimeout()
    }
  }
  return {
    test(text) {
      assertShort(text)
      return pattern.test(text)
    },
    first(text) {
      assertShort(text)
      const matcher = pattern.matcher(text)
      return matcher.find() ? matcher.group() : null
    },
    replace(text, replacement) {
      assertShort(text)
      return replaceMatches(text, matchesOf(text), replacement)
    },
  }
}

const namedGroups = (matcher: ReturnType<RE2JS['matcher']>): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries(matcher.getNamedGroups()).map(([name, text]) => [name, text ?? undefined]))
