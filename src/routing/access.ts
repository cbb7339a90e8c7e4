import type { Expression } from './ast.ts'
import { type CompileContext, isShared, memoOf } from './compile-context.ts'
import { type Conjunct, isOrder } from './conjuncts.ts'
import { childrenOf } from './expression-children.ts'
import type { Access, Comparison } from './predicate-index.ts'
import { printExpression } from './print.ts'
import type { Closure } from './scope.ts'
import { toDecimal } from './values.ts'

/**
 * How an index tests a conjunct: by a path, else by a value that is worked out once for all rules that compare it with a constant, else the conjunct itself once
 * for all rules that have the same.
 */
export function accessOf(conjunct: Conjunct, test: Closure, context: CompileContext): Access | undefined {
  const { access: found, expression } = conjunct
  if (!found) return computed(expression, context) ?? whole(conjunct, test, context)
  const operand = context.shared(found.operand, context)
  if (!operand) return undefined
  if (found.kind === 'equal') return { kind: 'equal', operand, computed: false, values: found.values }
  const { operator, bound } = found
  return { kind: 'compare', operand, computed: false, operator, bound, toNumber: numbersOf(context) }
}

const numbersOf = ({ language }: CompileContext) => (language.name === 'sql' ? toDecimal : asNumber)
const asNumber = (value: unknown): number | undefined => (typeof value === 'number' && Number.isFinite(value) ? value : undefined)

/** `converted`: a condition beside AND may be true where it would not be alone. */
function whole({ expression, converted }: Conjunct, test: Closure, context: CompileContext): Access | undefined {
  if (!isShared(expression, context)) return undefined
  const key = `${converted ? 'side of AND' : 'test'} ${printExpression(expression, context.language.name)}`
  return { kind: 'equal', operand: memoOf(context, key, () => test), computed: true, values: [true] }
}

/** `lower(a) = 'x'`, `a - b > 5`, `NOT (a < 5)` */
function computed(expression: Expression, context: CompileContext): Access | undefined {
  if (expression.kind === 'unary' && expression.operator === 'not') {
    const { operand } = expression
    // Undefined stays Undefined, so the opposite comparison is the same.
    return operand.kind === 'binary' && isOrder(operand.operator)
      ? computed({ ...operand, operator: opposite[operand.operator] }, context)
      : undefined
  }
  if (expression.kind !== 'binary') return undefined
  const { operator } = expression
  const isRight = expression.right.kind === 'literal'
  const [compared, literal] = isRight ? [expression.left, expression.right] : [expression.right, expression.left]
  if (literal.kind !== 'literal' || literal.value === undefined || literal.value === null) return undefined
  if (operator === '=')
    return withOperand(compared, context, operand => ({ kind: 'equal', ...operand, values: [literal.value as string] }))
  if (!isOrder(operator)) return undefined
  const toNumber = numbersOf(context)
  const bound = toNumber(literal.value)
  if (bound === undefined) return undefined
  const order = isRight ? operator : mirrored[operator]
  return withOperand(compared, context, operand => ({ kind: 'compare', ...operand, operator: order, bound, toNumber }))
}

function withOperand(
  expression: Expression,
  context: CompileContext,
  make: (operand: Pick<Access, 'operand' | 'computed'>) => Access,
): Access | undefined {
  if (expression.kind === 'literal' || expression.kind === 'variable') return undefined
  const known = context.shared(expression, context)
  if (known) return make({ operand: known, computed: false })
  if (!isShared(expression, context)) return undefined
  const key = `value ${printExpression(expression, context.language.name)}`
  const operand = memoOf(context, key, () => context.compile(expression, context))
  return make({ operand, computed: true })
}

const opposite: Readonly<Record<Comparison, Comparison>> = { '<': '>=', '<=': '>', '>': '<=', '>=': '<' }
const mirrored: Readonly<Record<Comparison, Comparison>> = { '<': '>', '<=': '>=', '>': '<', '>=': '<=' }

const callCosts: Readonly<Record<string, number>> = {
  topic: 2,
  clientid: 1,
  timestamp: 1,
  isnull: 1,
  isundefined: 1,
  jsonata: 1000,
}

/** In comparisons, roughly. */
export function costOf(expression: Expression): number {
  const inside = childrenOf(expression).reduce((sum, child) => sum + costOf(child), 0)
  switch (expression.kind) {
    case 'binary':
    case 'unary':
    case 'index':
    case 'cast':
      return inside + 1
    case 'call':
      return inside + (callCosts[expression.name] ?? costOfCall(expression.name))
    case 'select':
      return 10 * (inside + 10)
    default:
      return inside
  }
}

const costOfCall = (name: string): number => (/^(regexp|md|sha|parse_time|time_to|decode|encode|transform)/.test(name) ? 40 : 4)
