import { compile } from './compile-expression.ts'
import { contextOf } from './compile-rule.ts'
import { evaluationError } from './evaluation.ts'
import { conditionShapes } from './languages.ts'
import { lintCondition } from './lint.ts'
import type { LintFinding } from './lint-finding.ts'
import { Memos } from './memo.ts'
import type { RuleMessage } from './message.ts'
import { type RuleOptions, surroundingsOf } from './rule-options.ts'
import { planOfCondition } from './rule-plan.ts'
import { Scope } from './scope.ts'

/** Whether a message passes; `undefined` where the condition has no value, or none that is Boolean. */
export interface Condition {
  (message: RuleMessage): boolean | undefined
  readonly warnings: readonly LintFinding[]
}

/** A routing condition of Azure IoT Hub. It sees messages of every source. Throws the errors of `compileRule`. */
export function compileCondition(text: string, options: Pick<RuleOptions, 'limits' | 'ports' | 'accountId'> = {}): Condition {
  const plan = planOfCondition(text, options)
  const around = surroundingsOf(options)
  const context = contextOf(plan.language, new Memos())
  const value = compile(plan.condition!, context)
  const test = (message: RuleMessage): boolean | undefined => {
    const scope = new Scope(message, around, message.topic)
    try {
      const result = value(scope)
      return typeof result === 'boolean' ? result : undefined
    } catch (thrown) {
      throw evaluationError(thrown)
    }
  }
  let warnings: LintFinding[] | undefined
  return Object.defineProperty(test as Condition, 'warnings', {
    get: () => (warnings ??= lintCondition(plan.condition!, { functions: conditionShapes })),
  })
}
