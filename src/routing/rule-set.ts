import { type BasicIngest, basicIngestOf } from './basic-ingest.ts'
import { evaluationError, takesSource, takesTopic } from './evaluation.ts'
import { evaluateInRounds } from './external-rounds.ts'
import { Memos } from './memo.ts'
import type { RuleMessage } from './message.ts'
import { mayHold } from './monotonic.ts'
import type { RuleEntry, RuleGroup, RuleStats } from './rule-entry.ts'
import { indexOf, RuleGroups } from './rule-groups.ts'
import type { EvaluationOptions, RuleOptions } from './rule-options.ts'
import { surroundingsOf } from './rule-options.ts'
import { type GivenRule, type Replaced, renewed } from './rule-renewal.ts'
import { Scope, type Surroundings } from './scope.ts'
import { testAll } from './where.ts'

/** One output of one rule, or why there is none. `rule` is the object that was given. */
export interface RuleMatch<R> {
  rule: R
  output: unknown
  error?: Error
}

export interface RuleSetOptions extends EvaluationOptions, Pick<RuleOptions, 'logic' | 'integerDivision' | 'limits'> {
  /** Milliseconds with fractions, for the time per rule. */
  clock?: () => number
}

export interface RuleSet<R> {
  /** Matches in the order of the rules; FOREACH gives one each. A rule that fails (ROUTE_LIMIT, ROUTE_EXTERNAL) has an `error` and keeps no other one back. */
  match(message: RuleMessage): RuleMatch<R>[]
  /** As `match`, with external functions asked for their answers. */
  matchAsync(message: RuleMessage): Promise<RuleMatch<R>[]>
  /** Between two messages. Rules are known by name, else by text: unchanged ones keep their counters, of those that cannot be read the version before runs on. */
  replace(rules: readonly R[]): Replaced<R>
  readonly size: number
  stats(): RuleStats<R>[]
}

/** Many rules as one. Throws what the first rule that cannot be read throws. Settings of the set count for rules given as texts; ports and host for all. */
export function createRuleSet<R extends GivenRule>(rules: readonly R[], options: RuleSetOptions = {}): RuleSet<R> {
  const set = new Engine<R>(options)
  const [failure] = set.replace(rules).failed
  if (failure) throw failure.error
  return set
}

/** One message of so many is timed. */
const timedShare = 64

/** A message on its way through the rules. */
interface Run<R> {
  readonly scope: Scope
  /** Whether rules are tested by all of their conditions, as no index was asked. */
  readonly whole: boolean
  readonly passed: RuleEntry<R>[]
  /** Rules that have to ask somebody. */
  readonly waiting: RuleEntry<R>[] | undefined
  /** Of rules that failed in their tests; these count as passed until outputs are made. */
  errors: Map<RuleEntry<R>, Error> | undefined
}

type Outcome<R> = [entry: RuleEntry<R>, matches: RuleMatch<R>[]]

class Engine<R extends GivenRule> implements RuleSet<R> {
  readonly #options: RuleSetOptions
  readonly #memos = new Memos()
  #around: Surroundings
  #entries: readonly RuleEntry<R>[] = []
  #groups = new RuleGroups<R>([])
  #messages = 0
  /** While a message is timed. */
  #clock: (() => number) | undefined

  constructor(options: RuleSetOptions) {
    this.#options = options
    this.#around = surroundingsOf(options)
  }

  get size(): number {
    return this.#entries.length
  }

  stats(): RuleStats<R>[] {
    return this.#entries.map(entry => entry.stats())
  }

  replace(rules: readonly R[]): Replaced<R> {
    const { entries, around, replaced } = renewed(this.#entries, rules, this.#options, this.#memos)
    this.#groups = new RuleGroups(entries)
    this.#entries = entries
    this.#around = around
    return replaced
  }

  match(message: RuleMessage): RuleMatch<R>[] {
    const run = this.#test(message, undefined)
    return run ? this.#outputs(run) : []
  }

  async matchAsync(message: RuleMessage): Promise<RuleMatch<R>[]> {
    const waiting: RuleEntry<R>[] = []
    const run = this.#test(message, waiting)
    if (!run) return []
    if (waiting.length === 0) return this.#outputs(run)
    const { host } = this.#around
    const outcomes = run.passed.map((entry): Outcome<R> => {
      const matches: RuleMatch<R>[] = []
      this.#output(entry, run, matches)
      return [entry, matches]
    })
    const asked = await Promise.all(waiting.map(entry => this.#ask(entry, run, host)))
    return [...outcomes, ...asked].sort(([a], [b]) => a.order - b.order).flatMap(([, matches]) => matches)
  }

  /** Finds the rules whose conditions are true; `undefined` if the message is for none, its payload untouched. */
  #test(message: RuleMessage, waiting: RuleEntry<R>[] | undefined): Run<R> | undefined {
    const ingest = basicIngestOf(message.topic)
    if (ingest) return this.#testNamed(message, ingest, waiting)
    const groups = this.#groups.for(message)
    if (groups.length === 0) return undefined
    const { clock } = this.#options
    this.#clock = clock && this.#messages++ % timedShare === 0 ? clock : undefined
    const scope = new Scope(message, this.#around, message.topic)
    const run: Run<R> = { scope, whole: false, passed: [], waiting, errors: undefined }
    for (const group of groups) {
      const index = indexOf(group, this.#memos)
      group.messages++
      const found: RuleEntry<R>[] = []
      index.collect(scope, found)
      for (let i = 0; i < found.length; i++) this.#testEntry(found[i]!, run)
      if (index.residual.length > 0) this.#testResidual(group, index.residual, run)
    }
    return run
  }

  /** A tight loop, as this is what a message costs for each rule that no index knows. */
  #testResidual({ residual }: RuleGroup<R>, all: readonly RuleEntry<R>[], run: Run<R>): void {
    if (!residual || this.#clock || run.waiting) {
      for (const entry of all) this.#testEntry(entry, run)
      return
    }
    const { shapes, entries, firsts } = residual
    const { scope } = run
    for (const { test, entries, parameters, perEntry, sorted } of shapes) {
      scope.parameters = parameters
      const testAt = (i: number): unknown => {
        scope.firstParameter = i * perEntry
        return test(scope)
      }
      const { from, end } = sorted ? mayHold(entries.length, testAt) : { from: 0, end: entries.length }
      this.#testEach(entries, from, end, run, testAt)
    }
    this.#testEach(entries, 0, entries.length, run, i => firsts[i]!(scope))
  }

  #testEach(entries: readonly RuleEntry<R>[], from: number, end: number, run: Run<R>, test: (i: number) => unknown): void {
    for (let i = from; i < end; i++) {
      try {
        for (; i < end; i++) {
          const value = test(i)
          if (value === false) continue
          const entry = entries[i]!
          // The test was the first of its conditions, all of which are left.
          const verdict = value === true ? testAll(entry.rest, run.scope, 1) : value
          if (verdict === true) run.passed.push(entry)
          else if (verdict === undefined) entry.undefineds++
        }
      } catch (thrown) {
        this.#fail(entries[i]!, run, thrown)
      }
    }
  }

  #testNamed(message: RuleMessage, { rule, rest }: BasicIngest, waiting: RuleEntry<R>[] | undefined): Run<R> | undefined {
    const entries = this.#groups.named(rule).filter(({ plan }) => takesTopic(plan, rest) && takesSource(plan, message))
    if (entries.length === 0) return undefined
    this.#clock = undefined
    const run: Run<R> = {
      scope: new Scope(message, this.#around, rest),
      whole: true,
      passed: [],
      waiting,
      errors: undefined,
    }
    for (const entry of entries) {
      entry.seenAlone()
      this.#testEntry(entry, run)
    }
    return run
  }

  #testEntry(entry: RuleEntry<R>, run: Run<R>): void {
    if (run.waiting && entry.compiled.external) {
      run.waiting.push(entry)
      return
    }
    const start = this.#clock?.()
    try {
      const { scope, whole } = run
      const value = testAll(whole ? entry.tests : entry.rest, scope)
      if (value === true) run.passed.push(entry)
      else if (value === undefined) entry.undefineds++
    } catch (thrown) {
      this.#fail(entry, run, thrown)
    }
    if (start !== undefined) this.#addTime(entry, start)
  }

  #fail(entry: RuleEntry<R>, run: Run<R>, thrown: unknown): void {
    const error = evaluationError(thrown)
    run.errors ??= new Map()
    run.errors.set(entry, error)
    run.passed.push(entry)
  }

  #addTime(entry: RuleEntry<R>, start: number): void {
    entry.timeMs += (this.#clock!() - start) * timedShare
  }

  #outputs(run: Run<R>): RuleMatch<R>[] {
    const { passed } = run
    const matches: RuleMatch<R>[] = []
    sortByOrder(passed)
    for (const entry of passed) this.#output(entry, run, matches)
    return matches
  }

  #output(entry: RuleEntry<R>, run: Run<R>, matches: RuleMatch<R>[]): void {
    const failed = run.errors?.get(entry)
    const start = this.#clock?.()
    try {
      if (failed) fail(entry, failed, matches)
      else deliver(entry, entry.compiled.project(run.scope), matches)
    } catch (thrown) {
      fail(entry, evaluationError(thrown), matches)
    }
    if (start !== undefined) this.#addTime(entry, start)
  }

  async #ask(entry: RuleEntry<R>, run: Run<R>, host: Surroundings['host']): Promise<Outcome<R>> {
    const tests = run.whole ? entry.tests : entry.rest
    const { scope } = run
    const matches: RuleMatch<R>[] = []
    try {
      const result = await evaluateInRounds(scope, host, () => {
        const value = testAll(tests, scope)
        return value === true ? { output: entry.compiled.project(scope) } : { value }
      })
      if ('output' in result) deliver(entry, result.output, matches)
      else if (result.value === undefined) entry.undefineds++
    } catch (thrown) {
      fail(entry, evaluationError(thrown), matches)
    }
    return [entry, matches]
  }
}

/** Mostly a few: then the general way costs more than it saves. */
function sortByOrder<R>(entries: RuleEntry<R>[]): void {
  if (entries.length > 16) {
    entries.sort((a, b) => a.order - b.order)
    return
  }
  for (let i = 1; i < entries.length; i++) {
    const entry = entries[i]!
    let at = i
    for (; at > 0 && entries[at - 1]!.order > entry.order; at--) entries[at] = entries[at - 1]!
    entries[at] = entry
  }
}

function deliver<R>(entry: RuleEntry<R>, output: unknown, matches: RuleMatch<R>[]): void {
  const { compiled, given: rule } = entry
  const before = matches.length
  if (compiled.fanOut) for (const each of output as unknown[]) matches.push({ rule, output: each })
  else matches.push({ rule, output })
  if (matches.length > before) entry.matched++
  entry.outputs += matches.length - before
}

function fail<R>(entry: RuleEntry<R>, error: Error, matches: RuleMatch<R>[]): void {
  entry.errors++
  matches.push({ rule: entry.given, output: undefined, error })
}
