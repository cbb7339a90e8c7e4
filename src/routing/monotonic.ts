import type { Expression } from './ast.ts'
import { isOrder } from './conjuncts.ts'
import { pathOf } from './expression-path.ts'

/**
 * Whether a condition with one parameter turns at most once as the parameter grows, whatever the message holds: a comparison of differences and products, as rounding keeps
 * their order. Sums join texts, and quotients of integers step.
 */
export function isMonotonic(expression: Expression): boolean {
  return expression.kind === 'binary' && isOrder(expression.operator) && isSteady(expression.left) && isSteady(expression.right)
}

const isSteady = (expression: Expression): boolean =>
  expression.kind === 'binary'
    ? (expression.operator === '-' || expression.operator === '*') && isSteady(expression.left) && isSteady(expression.right)
    : pathOf(expression) !== undefined

/**
 * Those of `length` conditions, in the order of their parameter, that may hold. Where both ends are true or false so is all between them; an end without a value
 * tells nothing of the others.
 */
export function mayHold(length: number, test: (i: number) => unknown): { from: number; end: number } {
  let low = 0
  let high = length - 1
  const first = test(low)
  const last = test(high)
  if (typeof first !== 'boolean' || typeof last !== 'boolean') return { from: 0, end: length }
  if (first === last) return { from: 0, end: first ? length : 0 }
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (test(middle) === first) low = middle
    else high = middle
  }
  return first ? { from: 0, end: high } : { from: high, end: length }
}
