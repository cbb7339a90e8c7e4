import type { Expression } from './ast.ts'
import { basicIngestOf } from './basic-ingest.ts'
import { compile } from './compile-expression.ts'
import { contextOf } from './compile-rule.ts'
import { evaluationError } from './evaluation.ts'
import { sqlLanguage, templateShapes } from './languages.ts'
import { Memos } from './memo.ts'
import type { RuleMessage } from './message.ts'
import { parseStatement } from './parse-statement.ts'
import { parseTemplate } from './parse-template.ts'
import { printExpression } from './print.ts'
import { type RuleOptions, surroundingsOf } from './rule-options.ts'
import { type Closure, ruleFaultAt, Scope } from './scope.ts'
import { toText } from './values.ts'

export interface TemplateOptions extends RuleOptions {
  /** A SET clause, `SET @a = ..`, whose variables the template may use. */
  set?: string
  /** A topic: a part without a value is ROUTE_TEMPLATE instead of nothing. */
  topic?: boolean
  /** Where the template stands: external functions are for all but error actions. */
  use?: 'action' | 'errorAction'
}

/** A text with `${expression}` in it as a function of the message. Throws the errors of `compileRule`; the function throws ROUTE_TEMPLATE, ROUTE_EXTERNAL. */
export function compileTemplate(text: string, options: TemplateOptions = {}): (message: RuleMessage) => string {
  const { set = '', use = 'action', limits, topic = false } = options
  const clauses = set.trim()
    ? parseStatement(`${set} SELECT *`, { functions: templateShapes, use, ...(limits && { limits }) }).set
    : []
  const parsed = parseTemplate(text, {
    functions: templateShapes,
    variables: clauses.map(({ name }) => name),
    use,
    ...(limits && { limits }),
  })
  const context = contextOf(sqlLanguage(options), new Memos(), clauses)
  const parts = parsed.map(part => (typeof part === 'string' ? part : partOf(part, compile(part, context), topic)))
  const around = surroundingsOf(options)
  return message => {
    const scope = new Scope(message, around, basicIngestOf(message.topic)?.rest ?? message.topic)
    try {
      return parts.map(part => (typeof part === 'string' ? part : part(scope))).join('')
    } catch (thrown) {
      throw evaluationError(thrown)
    }
  }
}

function partOf(expression: Expression, value: Closure, needed: boolean): (scope: Scope) => string {
  return scope => {
    const text = toText(value(scope))
    if (needed && (text === undefined || text === ''))
      throw ruleFaultAt('ROUTE_TEMPLATE', `${printExpression(expression).slice(0, 60)} has no value`, expression.position)
    return text ?? ''
  }
}
