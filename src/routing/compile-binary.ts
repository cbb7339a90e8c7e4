import type { BinaryExpression, BinaryOperator, Expression } from './ast.ts'
import type { CompileContext } from './compile-context.ts'
import type { Operators } from './operators.ts'
import type { Comparison } from './predicate-index.ts'
import type { Closure } from './scope.ts'
import { finite } from './values.ts'

/** Comparisons with constants and of numbers are worth closures of their own; everything else is left to the operators. */
export function compileBinary(expression: BinaryExpression, context: CompileContext): Closure {
  const { operator } = expression
  const { operators } = context.language
  if (operator === 'and' || operator === 'or') return compileLogic(expression, context)
  const value = literalValue(expression.right)
  if (value !== undefined && !isObjectLike(value)) {
    const special = compareWithLiteral(operator, expression.left, value, context)
    if (special) return special
  }
  const left = context.compile(expression.left, context)
  const right = context.compile(expression.right, context)
  const apply = operators.binary[operator]
  if (isComparison(operator)) return compareNumbers(operator, left, right, apply)
  if (operator === '-' || operator === '*') return calculate(operator, left, typeof value === 'number' ? value : right, apply)
  return scope => apply(left(scope), right(scope))
}

const literalValue = (expression: Expression): unknown => (expression.kind === 'literal' ? expression.value : undefined)
const isObjectLike = (value: unknown): boolean => typeof value === 'object' && value !== null
const isComparison = (operator: BinaryOperator): operator is Comparison =>
  operator === '<' || operator === '<=' || operator === '>' || operator === '>='

type Apply = Operators['binary'][BinaryOperator]

function compareWithLiteral(
  operator: BinaryOperator,
  operand: Expression,
  literal: unknown,
  context: CompileContext,
): Closure | undefined {
  const apply = context.language.operators.binary[operator]
  const memo = context.shared(operand, context)
  if (operator === '=' || operator === '<>') {
    const same = operator === '='
    if (memo) {
      return scope => {
        const value = memo.at === scope ? memo.value : memo.fill(scope)
        return value === undefined ? undefined : (value === literal) === same
      }
    }
    const read = context.compile(operand, context)
    return scope => {
      const value = read(scope)
      return value === undefined ? undefined : (value === literal) === same
    }
  }
  if (typeof literal !== 'number' || !isComparison(operator)) return undefined
  const read = memo ? undefined : context.compile(operand, context)
  if (read) return compareNumbers(operator, read, () => literal, apply)
  const from = memo!
  switch (operator) {
    case '<':
      return scope => {
        const value = from.at === scope ? from.value : from.fill(scope)
        return typeof value === 'number' ? value < literal : apply(value, literal)
      }
    case '<=':
      return scope => {
        const value = from.at === scope ? from.value : from.fill(scope)
        return typeof value === 'number' ? value <= literal : apply(value, literal)
      }
    case '>':
      return scope => {
        const value = from.at === scope ? from.value : from.fill(scope)
        return typeof value === 'number' ? value > literal : apply(value, literal)
      }
    case '>=':
      return scope => {
        const value = from.at === scope ? from.value : from.fill(scope)
        return typeof value === 'number' ? value >= literal : apply(value, literal)
      }
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

function calculate(operator: '-' | '*', left: Closure, right: Closure | number, apply: Apply): Closure {
  const isProduct = operator === '*'
  return scope => {
    const a = left(scope)
    const b = typeof right === 'number' ? right : right(scope)
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
