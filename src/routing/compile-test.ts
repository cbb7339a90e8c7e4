import type { Expression } from './ast.ts'
import type { CompileContext } from './compile-context.ts'
import type { Closure } from './scope.ts'

/** A condition as a closure that gives a Boolean or Undefined. */
export function compileTest(expression: Expression, converted: boolean, context: CompileContext): Closure {
  const value = context.compile(expression, context)
  if (isBoolean(expression)) return value
  const { truth } = context.language.operators
  return converted ? scope => truth(value(scope)) : scope => asBoolean(value(scope))
}

const asBoolean = (value: unknown): boolean | undefined => (typeof value === 'boolean' ? value : undefined)

function isBoolean(expression: Expression): boolean {
  if (expression.kind === 'unary') return expression.operator === 'not'
  return expression.kind === 'binary' && !'+-*/%'.includes(expression.operator)
}
