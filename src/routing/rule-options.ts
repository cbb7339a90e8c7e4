import { defaultPorts } from './default-ports.ts'
import type { RuleHost } from './host.ts'
import type { OperatorOptions } from './operators.ts'
import type { RulePorts } from './rule-function.ts'
import type { RuleLimits } from './rule-limits.ts'
import type { Surroundings } from './scope.ts'

export interface EvaluationOptions {
  /** What `accountid()` is for messages that do not say. */
  accountId?: string
  /** Who answers external functions. */
  host?: RuleHost
  /** Instead of those that need nothing but the language. */
  ports?: Partial<RulePorts>
}

export interface RuleOptions extends EvaluationOptions, OperatorOptions {
  name?: string
  /** Only `2016-03-23`. */
  sqlVersion?: string
  limits?: Partial<RuleLimits>
  /** The topic template that the output is published to, for the warning of a loop. */
  publishTopic?: string
}

export const surroundingsOf = ({ accountId, host, ports }: EvaluationOptions): Surroundings => ({
  ports: ports ? { ...defaultPorts, ...ports } : defaultPorts,
  host,
  accountId,
})
