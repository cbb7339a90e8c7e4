import { createContext, Script } from 'node:vm'
import { Lru } from '../identity/lru.ts'
import { matchesOf, replaceMatches } from '../routing/replacement.ts'
import type { GuardedRegex } from '../routing/rule-function.ts'
import { expressionOf, longestPatternChars, type PatternSource, readPattern } from '../routing/safe-pattern.ts'

/** What one call may cost. */
const limitMs = 25
const longestTextChars = 262_144

/** A pattern made ready; it never throws but when its time is over. */
export interface RunnablePattern {
  test(text: string): boolean
  first(text: string): string | null
  replace(text: string, replacement: string): string | undefined
}

/** `undefined` for patterns that it does not know. */
export type PatternMaker = (pattern: PatternSource, limitMs: number) => RunnablePattern | undefined

export interface CountedGuard extends GuardedRegex {
  /** Calls that were given up: Undefined for the rule. */
  timeouts(): number
}

/**
 * Runs any pattern with an end. `linear` is tried first, for patterns without back references and looking around; V8's own, which backtracks, is stopped
 * after 25 ms and costs some forty times as much to call.
 */
export function createGuardedRegex(o: { linear?: PatternMaker | undefined; timeMs?: number | undefined } = {}): CountedGuard {
  const { linear, timeMs = limitMs } = o
  const made = new Lru<string, RunnablePattern | 'invalid'>(256)
  let timeouts = 0

  const run = <T>(pattern: string, text: string, use: (pattern: RunnablePattern) => T): T | undefined => {
    const runnable = ready(pattern)
    if (!runnable) return undefined
    if (text.length <= longestTextChars)
      try {
        return use(runnable)
      } catch (error) {
        if (!isTimeout(error)) throw error
      }
    timeouts++
    return undefined
  }

  const ready = (pattern: string): RunnablePattern | undefined => {
    if (pattern.length > longestPatternChars) return undefined
    let runnable = made.get(pattern)
    if (!runnable) {
      const source = readPattern(pattern)
      const expression = expressionOf(source)
      runnable = expression ? (linear?.(source, timeMs) ?? backtracking(expression, timeMs)) : 'invalid'
      made.set(pattern, runnable)
    }
    return runnable === 'invalid' ? undefined : runnable
  }

  return {
    matches: (pattern, text) => run(pattern, text, each => each.test(text)),
    first: (pattern, text) => run(pattern, text, each => each.first(text)),
    replace: (pattern, text, replacement) => run(pattern, text, each => each.replace(text, replacement)),
    timeouts: () => timeouts,
  }
}

/** The time of one call is over. */
export class RegexTimeout extends Error {}

const isTimeout = (error: unknown): boolean =>
  error instanceof RegexTimeout || (error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'

function backtracking(expression: RegExp, timeMs: number): RunnablePattern {
  const fromStart = (): RegExp => {
    expression.lastIndex = 0
    return expression
  }
  return {
    test: text => withinTime(timeMs, () => fromStart().test(text)),
    first: text => withinTime(timeMs, () => fromStart().exec(text)?.[0] ?? null),
    replace: (text, replacement) => withinTime(timeMs, () => replaceMatches(text, matchesOf(text, fromStart()), replacement)),
  }
}

const sandbox: { job?: () => void } = createContext(Object.create(null) as object)
const call = new Script('job()')

/** V8 looks for the end of the time inside a match too, whatever realm the function is of. */
function withinTime<T>(timeout: number, job: () => T): T {
  let result!: T
  sandbox.job = () => {
    result = job()
  }
  call.runInContext(sandbox, { timeout })
  return result
}
