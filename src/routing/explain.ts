import { type ErrorData, errorData, LoomError, type TextPosition } from '../errors.ts'
import type { CompiledRule } from './compile-rule.ts'
import { evaluateRule, evaluationError, topicFor } from './evaluation.ts'
import type { RuleMessage } from './message.ts'
import { preferred } from './index-access.ts'
import { printExpression } from './print.ts'
import { partsOfRule } from './rule.ts'
import { type EvaluationOptions, type RuleOptions, surroundingsOf } from './rule-options.ts'
import type { RulePlan } from './rule-plan.ts'
import { type GivenRule, planOf } from './rule-renewal.ts'
import { Scope, type Surroundings } from './scope.ts'
import type { CompiledConjunct } from './where.ts'

/** Why a rule fires or does not. */
export interface Explanation {
  matched: boolean
  /** Whether topic, source and the name of Basic Ingest let the message come to the rule at all. */
  concerned: boolean
  /** What AND joins, in the order of the text; worked out even if the message does not concern the rule. */
  conjuncts: ExplainedConjunct[]
  /** By what a rule set finds the rule without testing it. */
  index?: { kind: 'equality' | 'threshold'; text: string }
  /** Absent if there is none, or if it is Undefined. */
  output?: unknown
  /** Of the text, or of the evaluation; with its position. */
  error?: ErrorData
}

export interface ExplainedConjunct {
  text: string
  position: TextPosition
  /** Absent where `undefined`. */
  value?: boolean
  undefined: boolean
  error?: ErrorData
}

/** Looks at one message by one rule as a rule set would. Never throws for what the rule's text or the message holds. */
export function explain(rule: GivenRule, message: RuleMessage, options: RuleOptions = {}): Explanation {
  try {
    const parts = partsOfRule(rule)
    const plan = parts?.plan ?? planOf(rule, options)
    return explained(plan, message, surroundingsOf({ ...parts?.options, ...options } as EvaluationOptions))
  } catch (thrown) {
    if (!(thrown instanceof LoomError)) throw thrown
    return { matched: false, concerned: false, conjuncts: [], error: errorData(thrown) }
  }
}

function explained(plan: RulePlan, message: RuleMessage, around: Surroundings): Explanation {
  const compiled = plan.compile()
  const seen = topicFor(plan, message)
  const scope = new Scope(message, around, seen ? seen.topic : message.topic)
  const conjuncts = compiled.conjuncts
    .map(conjunct => explainConjunct(conjunct, plan, scope))
    .sort((a, b) => a.position.offset - b.position.offset)
  const index = indexFor(compiled, plan)
  const result = seen ? resultOf(compiled, scope) : { matched: false }
  return { ...result, concerned: seen !== undefined, conjuncts, ...(index && { index }) }
}

function explainConjunct({ expression, test }: CompiledConjunct, { language }: RulePlan, scope: Scope): ExplainedConjunct {
  const text = printExpression(expression, language.name)
  const { position } = expression
  try {
    const value = test(scope) as boolean | undefined
    return { text, position, undefined: value === undefined, ...(value !== undefined && { value }) }
  } catch (thrown) {
    return { text, position, undefined: true, error: errorData(evaluationError(thrown)) }
  }
}

function resultOf(compiled: CompiledRule, scope: Scope): Pick<Explanation, 'matched' | 'output' | 'error'> {
  try {
    const tests = compiled.conjuncts.map(({ test }) => test)
    const result = evaluateRule(tests, compiled, scope)
    if (!result.matched) return { matched: false }
    return { matched: true, ...(result.output !== undefined && { output: result.output }) }
  } catch (thrown) {
    return { matched: false, error: errorData(evaluationError(thrown)) }
  }
}

function indexFor({ conjuncts }: CompiledRule, { language }: RulePlan): Explanation['index'] {
  const access = preferred(conjuncts.flatMap(({ access }) => (access && !access.computed ? access : [])))
  const conjunct = access && conjuncts.find(each => each.access === access)
  if (!conjunct) return undefined
  const kind = access.kind === 'equal' ? 'equality' : 'threshold'
  return { kind, text: printExpression(conjunct.expression, language.name) }
}
