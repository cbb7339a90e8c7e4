import { LoomError } from '../errors.ts'
import { topicMatches } from '../telemetry/topic.ts'
import { basicIngestOf } from './basic-ingest.ts'
import type { CompiledRule } from './compile-rule.ts'
import type { RuleMessage } from './message.ts'
import { type RulePlan, sourceOf } from './rule-plan.ts'
import type { Closure, Scope } from './scope.ts'
import { testAll } from './where.ts'

/** What a rule says of a message; with FOREACH `output` is the array of its outputs. */
export type RuleResult = { matched: false } | { matched: true; output: unknown }

/** The topic as the rule sees it, if the message is for this rule; a message without a topic may have `''`. */
export function topicFor(plan: RulePlan, message: RuleMessage): { topic: string | undefined } | undefined {
  const ingest = basicIngestOf(message.topic)
  if (ingest && ingest.rule !== plan.name) return undefined
  if (!takesSource(plan, message)) return undefined
  const topic = ingest ? ingest.rest : message.topic
  return takesTopic(plan, topic) ? { topic } : undefined
}

/** SQL sees every message, a condition those of its source. */
export const takesSource = ({ source }: RulePlan, message: RuleMessage): boolean =>
  source === undefined || source === sourceOf(message.source)

/** Whether one of the filters matches, if there are any. */
export const takesTopic = ({ topics }: RulePlan, topic: string | undefined): boolean =>
  topics.length === 0 || (topic !== undefined && topics.some(filter => topicMatches(filter, topic)))

/** Tests and output of a rule that the message is for. ROUTE_LIMIT, ROUTE_EXTERNAL */
export function evaluateRule(tests: readonly Closure[], { project, fanOut }: CompiledRule, scope: Scope): RuleResult {
  if (testAll(tests, scope) !== true) return notMatched
  const output = project(scope)
  return fanOut && (output as unknown[]).length === 0 ? notMatched : { matched: true, output }
}

export const notMatched: RuleResult = Object.freeze({ matched: false })

/** What JavaScript throws on values that are too deep or too long counts as a limit. Faults of the engine itself are thrown on. */
export function evaluationError(thrown: unknown): Error {
  if (thrown instanceof LoomError) return thrown
  if (thrown instanceof RangeError) return new LoomError('ROUTE_LIMIT', 'a value is too large or too deep', { cause: thrown })
  throw thrown
}
