import type { CompiledRule } from './compile-rule.ts'
import { evaluateRule, evaluationError, notMatched, type RuleResult, topicFor } from './evaluation.ts'
import { factsOfStatement } from './expression-facts.ts'
import { evaluateInRounds } from './external-rounds.ts'
import { sqlShapes } from './languages.ts'
import type { LintFinding } from './lint-finding.ts'
import { lintStatement } from './lint.ts'
import type { RuleMessage } from './message.ts'
import { type RuleOptions, surroundingsOf } from './rule-options.ts'
import { planOfSql, type RulePlan } from './rule-plan.ts'
import { safePattern } from './safe-pattern.ts'
import { type Closure, Scope } from './scope.ts'

/** A rule in SQL. Evaluation never changes the message; data never throws but ROUTE_LIMIT and, where somebody is asked, ROUTE_EXTERNAL. */
export interface Rule {
  readonly name?: string
  readonly sql: string
  /** The filters of FROM; without them the topic is not tested. */
  readonly topics: readonly string[]
  /** Keys of the payload that are read, as `a.b[0]`. */
  readonly paths: readonly string[]
  /** External functions that are called. */
  readonly external: readonly string[]
  /** Whether AWS understands it too. */
  readonly portable: boolean
  /** FOREACH: the output is an array of outputs. */
  readonly fanOut: boolean
  /** What is allowed and probably not meant. */
  readonly warnings: readonly LintFinding[]
  /** External functions are answered by the host's `answer`, or Undefined. */
  evaluate(message: RuleMessage): RuleResult
  evaluateAsync(message: RuleMessage): Promise<RuleResult>
}

interface Parts {
  plan: RulePlan
  options: RuleOptions
}

const partsOf = new WeakMap<object, Parts>()

/** What a rule was made of; `undefined` for anything that `compileRule` did not make. */
export const partsOfRule = (rule: object): Parts | undefined => partsOf.get(rule)

/** A rule of AWS IoT SQL. RULE_SYNTAX, RULE_FUNCTION, RULE_UNSUPPORTED, RULE_VARIABLE, RULE_TOPIC, RULE_LIMIT, each with its position. */
export function compileRule(sql: string, options: RuleOptions = {}): Rule {
  const plan = planOfSql(sql, options)
  const around = surroundingsOf(options)
  const statement = plan.statement!
  const { publishTopic } = options
  let compiled: CompiledRule | undefined
  let tests: readonly Closure[] = []
  let warnings: LintFinding[] | undefined
  const ready = (): CompiledRule => {
    if (!compiled) {
      compiled = plan.compile()
      tests = compiled.conjuncts.map(({ test }) => test)
    }
    return compiled
  }
  const rule: Rule = {
    ...(plan.name !== undefined && { name: plan.name }),
    sql,
    topics: plan.topics,
    ...factsOfStatement(statement),
    portable: statement.extensions.length === 0,
    fanOut: statement.output.kind === 'foreach',
    get warnings() {
      const info = { functions: sqlShapes, isSafePattern, ...(publishTopic !== undefined && { publishTopic }) }
      return (warnings ??= lintStatement(statement, info))
    },
    evaluate(message) {
      const seen = topicFor(plan, message)
      if (!seen) return notMatched
      const rule = ready()
      const scope = new Scope(message, around, seen.topic)
      try {
        return evaluateRule(tests, rule, scope)
      } catch (thrown) {
        throw evaluationError(thrown)
      }
    },
    async evaluateAsync(message) {
      const seen = topicFor(plan, message)
      if (!seen) return notMatched
      const rule = ready()
      const scope = new Scope(message, around, seen.topic)
      try {
        return await evaluateInRounds(scope, around.host, () => evaluateRule(tests, rule, scope))
      } catch (thrown) {
        throw evaluationError(thrown)
      }
    },
  }
  partsOf.set(rule, { plan, options })
  return rule
}

const isSafePattern = (pattern: string): boolean => safePattern(pattern).kind !== 'guarded'
