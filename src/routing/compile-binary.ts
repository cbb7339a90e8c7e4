import type { BinaryExpression, BinaryOperator, Expression } from './ast.ts'
import type { CompileContext } from './compile-context.ts'
import { isOrder } from './conjuncts.ts'
import type { Operators } from './operators.ts'
import type { Comparison } from './index-access.ts'
import type { Closure } from './scope.ts'
import { finite } from './values.ts'

/** Comparisons with constants and of numbers are worth closures of their own; everything else is left to the operators. */
export function compileBinary(expression: BinaryExpression, context: CompileContext): Closure {
  const { operator } = expression
  const { operators } = context.language
  if (operator === 'and' || operator === 'or') return compileLogic(expression, context)
  const constant = constantOf(expression.right, context)
  if (constant) {
    const special = compareWithConstant(operator, expression.left, constant, context)
    if (special) return special
  }
  const left = context.compile(expression.left, context)
  const right = context.compile(expression.right, context)
  const apply = operators.binary[operator]
  if (isOrder(operator)) return compareNumbers(operator, left, right, apply)
  if (operator === '-' || operator === '*') return calculate(operator, left, right, apply)
  return scope => apply(left(scope), right(scope))
}

/** A text, number or Boolean: the same for every message, or, where `parameter` is not negative, for every rule of a shape. */
interface Constant {
  value: unknown
  parameter: number
}

function constantOf(expression: Expression, { variables }: CompileContext): Constant | undefined {
  if (expression.kind === 'variable') {
    const parameter = variables.get(expression.name)?.parameter ?? -1
    return parameter < 0 ? undefined : { value: undefined, parameter }
  }
  if (expression.kind !== 'literal' || expression.value === undefined || expression.value === null) return undefined
  return { value: expression.value, parameter: -1 }
}

type Apply = Operators['binary'][BinaryOperator]

function compareWithConstant(
  operator: BinaryOperator,
  operand: Expression,
  { value: fixed, parameter }: Constant,
  context: CompileContext,
): Closure | undefined {
  const memo = context.shared(operand, context)
  if (!memo || memo.parameter >= 0) return undefined
  const apply = context.language.operators.binary[operator]
  switch (operator) {
    case '=':
    case '<>': {
      const same = operator === '='
      return scope => {
        const value = memo.turn === scope.turn ? scope.values[memo.at] : memo.fill(scope)
        const constant = parameter < 0 ? fixed : scope.parameters[scope.firstParameter + parameter]
        return value === undefined ? undefined : (value === constant) === same
      }
    }
    case '<':
      return scope => {
        const value = memo.turn === scope.turn ? scope.values[memo.at] : memo.fill(scope)
        const constant = parameter < 0 ? fixed : scope.parameters[scope.firstParameter + parameter]
        return typeof value === 'number' && typeof constant === 'number' ? value < constant : apply(value, constant)
      }
    case '<=':
      return scope => {
        const value = memo.turn === scope.turn ? scope.values[memo.at] : memo.fill(scope)
        const constant = parameter < 0 ? fixed : scope.parameters[scope.firstParameter + parameter]
        return typeof value === 'number' && typeof constant === 'number' ? value <= constant : apply(value, constant)
      }
    case '>':
      return scope => {
        const value = memo.turn === scope.turn ? scope.values[memo.at] : memo.fill(scope)
        const constant = parameter < 0 ? fixed : scope.parameters[scope.firstParameter + parameter]
        return typeof value === 'number' && typeof constant === 'number' ? value > constant : apply(value, constant)
      }
    case '>=':
      return scope => {
        const value = memo.turn === scope.turn ? scope.values[memo.at] : memo.fill(scope)
        const constant = parameter < 0 ? fixed : scope.parameters[scope.firstParameter + parameter]
        return typeof value === 'number' && typeof constant === 'number' ? value >= constant : apply(value, constant)
      }
    case '-':
    case '*': {
      const isProduct = operator === '*'
      return scope => {
        const value = memo.turn === scope.turn ? scope.values[memo.at] : memo.fill(scope)
        const constant = parameter < 0 ? fixed : scope.parameters[scope.firstParameter + parameter]
        if (typeof value !== 'number' || typeof constant !== 'number') return apply(value, constant)
        return finite(isProduct ? value * constant : value - constant)
      }
    }
    default:
      return undefined
  }
}

function compareNumbers(operator: Comparison, left: Closure, right: Closure, apply: Apply): Closure {
  switch (operator) {
    case '<':
      return scope => {
        const a = left(scope)
        const b = right(scope)
        return typeof a === 'number' && typeof b === 'number' ? a < b : apply(a, b)
      }
    case '<=':
      return scope => {
        const a = left(scope)
        const b = right(scope)
        return typeof a === 'number' && typeof b === 'number' ? a <= b : apply(a, b)
      }
    case '>':
      return scope => {
        const a = left(scope)
        const b = right(scope)
        return typeof a === 'number' && typeof b === 'number' ? a > b : apply(a, b)
      }
    case '>=':
      return scope => {
        const a = left(scope)
        const b = right(scope)
        return typeof a === 'number' && typeof b === 'number' ? a >= b : apply(a, b)
      }
  }
}

function calculate(operator: '-' | '*', left: Closure, right: Closure, apply: Apply): Closure {
  const isProduct = operator === '*'
  return scope => {
    const a = left(scope)
    const b = right(scope)
    if (typeof a !== 'number' || typeof b !== 'number') return apply(a, b)
    return finite(isProduct ? a * b : a - b)
  }
}

/** A left side that decides alone keeps the right one unread, where the logic allows it. */
function compileLogic({ operator, left, right }: BinaryExpression, context: CompileContext): Closure {
  const { binary, shortCircuit, truth } = context.language.operators
  const a = context.compile(left, context)
  const b = context.compile(right, context)
  const apply = binary[operator]
  if (!shortCircuit) return scope => apply(a(scope), b(scope))
  const decides = operator === 'or'
  return scope => {
    const first = truth(a(scope))
    if (first === decides) return decides
    const second = truth(b(scope))
    if (second === decides) return decides
    return first === undefined || second === undefined ? undefined : !decides
  }
}

export function compileNot(operand: Closure, { unary }: Operators): Closure {
  return scope => {
    const value = operand(scope)
    return typeof value === 'boolean' ? !value : unary.not(value)
  }
}
