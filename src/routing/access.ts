import type { CallExpression, Expression } from './ast.ts'
import { type CompileContext, isShared, memoOf } from './compile-context.ts'
import { compileTest } from './compile-test.ts'
import { type Conjunct, conjunctsOf, flattened, isOrder } from './conjuncts.ts'
import { childrenOf } from './expression-children.ts'
import type { Access, AnyAccess, Comparison, SingleAccess } from './index-access.ts'
import type { RuleLanguage } from './lexer.ts'
import { printExpression } from './print.ts'
import type { Closure } from './scope.ts'
import { toDecimal, toText } from './values.ts'

/**
 * How an index tests a conjunct: by a path, else by a value that is worked out once for all rules that compare it with a constant, else by its alternatives, else the
 * conjunct itself once for all rules that have the same.
 */
export function accessOf(conjunct: Conjunct, test: () => Closure, context: CompileContext): Access | undefined {
  return singleOf(conjunct, context) ?? alternatives(conjunct.expression, context) ?? whole(conjunct, test, context)
}

function singleOf({ access: found, expression }: Conjunct, context: CompileContext): SingleAccess | undefined {
  if (!found) return computed(expression, context)
  const operand = context.shared(found.operand, context)
  if (!operand) return undefined
  if (found.kind === 'equal') return { kind: 'equal', operand, computed: false, values: found.values }
  const { operator, bound } = found
  return { kind: 'compare', operand, computed: false, operator, bound, toNumber: numbersOf(context) }
}

/** `a = 1 OR b > 2 OR isundefined(b)`, where one part that is true decides alone. */
function alternatives(expression: Expression, context: CompileContext): AnyAccess | undefined {
  const { language } = context
  if (expression.kind !== 'binary' || expression.operator !== 'or' || !language.operators.shortCircuit) return undefined
  const parts: SingleAccess[] = []
  for (const each of flattened(expression, 'or')) {
    const [conjunct, ...others] = conjunctsOf(each, language.name)
    const side: Conjunct = { ...conjunct!, expression: each, converted: true }
    const part =
      others.length > 0 ? undefined : (singleOf(side, context) ?? whole(side, () => compileTest(each, true, context), context))
    if (!part) return undefined
    parts.push(part)
  }
  return { kind: 'any', computed: true, parts }
}

const numbersOf = ({ language }: CompileContext) => (language.name === 'sql' ? toDecimal : asNumber)
const textsOf = ({ language }: CompileContext) => (language.name === 'sql' ? toText : asText)
const asNumber = (value: unknown): number | undefined => (typeof value === 'number' && Number.isFinite(value) ? value : undefined)
const asText = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

/** `converted`: a condition beside AND may be true where it would not be alone. */
function whole({ expression, converted }: Conjunct, test: () => Closure, context: CompileContext): SingleAccess | undefined {
  if (!isShared(expression, context)) return undefined
  const key = testKey(expression, converted, context.language.name)
  return { kind: 'equal', operand: memoOf(context, key, test), computed: true, values: [true] }
}

/** Equal for tests that say the same. */
export const testKey = (expression: Expression, converted: boolean, language: RuleLanguage): string =>
  `${converted ? 'side of AND' : 'test'} ${printExpression(expression, language)}`

/** `lower(a) = 'x'`, `a - b > 5`, `NOT (a < 5)`, `startswith(a, 'x')` */
function computed(expression: Expression, context: CompileContext): SingleAccess | undefined {
  if (expression.kind === 'call') return prefixOf(expression, context)
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
  const { value } = literal
  const known = isOrder(operator) ? numbersOf(context)(value) : operator === '=' ? value : undefined
  const reads = known === undefined ? undefined : operandOf(compared, context)
  if (!reads) return undefined
  if (!isOrder(operator)) return { kind: 'equal', ...reads, values: [value] }
  const order = isRight ? operator : mirrored[operator]
  return { kind: 'compare', ...reads, operator: order, bound: Number(known), toNumber: numbersOf(context) }
}

function prefixOf({ name, args }: CallExpression, context: CompileContext): SingleAccess | undefined {
  const [text, prefix] = args
  const isPrefix = name === 'startswith' || name === 'starts_with'
  if (!isPrefix || args.length !== 2 || prefix?.kind !== 'literal' || typeof prefix.value !== 'string') return undefined
  const reads = operandOf(text!, context)
  return reads && { kind: 'prefix', operand: reads.operand, computed: true, prefix: prefix.value, toText: textsOf(context) }
}

function operandOf(expression: Expression, context: CompileContext): Pick<SingleAccess, 'operand' | 'computed'> | undefined {
  if (expression.kind === 'literal' || expression.kind === 'variable') return undefined
  const known = context.shared(expression, context)
  if (known) return { operand: known, computed: false }
  if (!isShared(expression, context)) return undefined
  const key = `value ${printExpression(expression, context.language.name)}`
  return { operand: memoOf(context, key, () => context.compile(expression, context)), computed: true }
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
