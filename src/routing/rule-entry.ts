import type { CompiledRule } from './compile-rule.ts'
import type { Placement, PredicateIndex } from './predicate-index.ts'
import type { RulePlan } from './rule-plan.ts'
import type { Closure } from './scope.ts'
import type { Shape } from './shape.ts'

/** How often a rule did what. `undefined`: a condition without a value held it back, the number to look at when a rule does not fire. */
export interface RuleStats<R> {
  rule: R
  name: string | undefined
  matched: number
  notMatched: number
  undefined: number
  errors: number
  outputs: number
  /** Estimated from every 64th message; 0 without a clock. */
  timeMs: number
}

/** The rules of a set with the same filters, or with none. */
export interface RuleGroup<R> {
  readonly entries: RuleEntry<R>[]
  /** Made when the first message comes. */
  index?: PredicateIndex<RuleEntry<R>>
  /** The index's residual: conditions of one shape together, and first tests beside the entries that are left. */
  residual?: { shapes: readonly Shape<RuleEntry<R>>[]; entries: readonly RuleEntry<R>[]; firsts: readonly Closure[] }
  messages: number
}

const none: readonly never[] = []

/** A rule as it runs in a set, once it has joined a group. */
export class RuleEntry<R> {
  given: R
  order: number
  readonly plan: RulePlan
  readonly compiled: CompiledRule
  matched = 0
  undefineds = 0
  errors = 0
  outputs = 0
  timeMs = 0
  #tests: readonly Closure[] | undefined
  #rest: readonly Closure[] | undefined
  #group: RuleGroup<R> | undefined
  #places: readonly Placement[] = none
  /** From groups that it stood in before, and messages that came by its name. */
  #seenElsewhere = 0

  constructor(given: R, order: number, plan: RulePlan, compiled: CompiledRule) {
    this.given = given
    this.order = order
    this.plan = plan
    this.compiled = compiled
  }

  /** All of its conditions. */
  get tests(): readonly Closure[] {
    return (this.#tests ??= this.compiled.conjuncts.map(({ test }) => test))
  }

  /** Those that are left to test behind the index. */
  get rest(): readonly Closure[] {
    return (this.#rest ??= this.#left())
  }

  #left(): readonly Closure[] {
    if (this.#places.length === 0) return this.tests
    const done = new Set(this.#places.flatMap(({ accesses }) => accesses))
    return this.compiled.conjuncts.flatMap(each => (each.access && done.has(each.access) ? [] : each.test))
  }

  join(group: RuleGroup<R>): void {
    this.#settle()
    this.#group = group
    group.entries.push(this)
  }

  /** The index has found its place, so that its access conditions are not tested again. */
  placed(index: PredicateIndex<RuleEntry<R>>): void {
    this.#places = index.placementsOf(this)
    this.#rest = undefined
  }

  seenAlone(): void {
    this.#seenElsewhere++
  }

  stats(): RuleStats<R> {
    const { given, plan, matched, errors, outputs, timeMs } = this
    const undefineds = this.undefineds + this.#undefinedInIndex()
    const seen = this.#seenElsewhere + (this.#group?.messages ?? 0)
    return {
      rule: given,
      name: plan.name,
      matched,
      notMatched: seen - matched - errors - undefineds,
      undefined: undefineds,
      errors,
      outputs,
      timeMs,
    }
  }

  #undefinedInIndex(): number {
    return this.#places.reduce((sum, { place }) => sum + place.undefineds, 0)
  }

  /** Takes over what the group counted, before another one begins at zero. */
  #settle(): void {
    this.undefineds += this.#undefinedInIndex()
    this.#seenElsewhere += this.#group?.messages ?? 0
    this.#group = undefined
    this.#places = none
    this.#rest = undefined
  }
}
