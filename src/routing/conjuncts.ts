import type { BinaryExpression, BinaryOperator, Expression } from './ast.ts'
import { type Path, pathKey, pathOf } from './expression-path.ts'
import type { RuleLanguage } from './lexer.ts'
import type { Comparison } from './index-access.ts'
import { toDecimal } from './values.ts'

/** One of the parts that must all be true. */
export interface Conjunct {
  expression: Expression
  /** Stood beside AND, which takes what is no Boolean for one where the language converts. A condition that stands alone must be `true` itself. */
  converted: boolean
  /** What an index can look up; it holds exactly when the expression is true. */
  access?: ConjunctAccess
}

export type ConjunctAccess =
  | { kind: 'equal'; operand: Expression; path: Path; values: readonly LookedUp[] }
  | { kind: 'compare'; operand: Expression; path: Path; operator: Comparison; bound: number }

type LookedUp = string | number | boolean
type Equality = ConjunctAccess & { kind: 'equal' }

/** WHERE or a condition taken apart at its topmost ANDs, in the order of the text. */
export function conjunctsOf(where: Expression, language: RuleLanguage): Conjunct[] {
  const parts = flattened(where, 'and')
  return parts.map(expression => {
    const access = accessOf(expression, language)
    return { expression, converted: parts.length > 1, ...(access && { access }) }
  })
}

/** The operands of a chain of one operator, brackets or not. Without recursion, as chains are long. */
export function flattened(expression: Expression, operator: 'and' | 'or'): Expression[] {
  const found: Expression[] = []
  const open = [expression]
  for (let one = open.pop(); one; one = open.pop()) {
    if (one.kind === 'binary' && one.operator === operator) open.push(one.right, one.left)
    else found.push(one)
  }
  return found
}

function accessOf(expression: Expression, language: RuleLanguage): ConjunctAccess | undefined {
  if (expression.kind !== 'binary') return undefined
  switch (expression.operator) {
    case '=':
    case 'in':
      return equalityOf(expression)
    case 'or':
      return alternatives(expression)
    case '<':
    case '<=':
    case '>':
    case '>=':
      return comparisonOf(expression, expression.operator, language)
    default:
      return undefined
  }
}

function equalityOf({ operator, left, right }: BinaryExpression): Equality | undefined {
  if (operator === 'in') {
    const path = messagePath(left)
    const elements = right.kind === 'array' ? right.elements : []
    const values = elements.flatMap(element => lookedUp(element) ?? [])
    return path && values.length > 0 && values.length === elements.length
      ? { kind: 'equal', operand: left, path, values }
      : undefined
  }
  if (operator !== '=') return undefined
  const [operand, value] = right.kind === 'literal' ? [left, lookedUp(right)] : [right, lookedUp(left)]
  const path = messagePath(operand)
  return path && value !== undefined ? { kind: 'equal', operand, path, values: [value] } : undefined
}

/** `a = 1 OR a = 2 OR a IN [3, 4]` */
function alternatives(expression: BinaryExpression): Equality | undefined {
  const values: LookedUp[] = []
  let first: Equality | undefined
  let key = ''
  for (const one of flattened(expression, 'or')) {
    const equality = one.kind === 'binary' ? equalityOf(one) : undefined
    if (!equality) return undefined
    if (!first) {
      first = equality
      key = pathKey(equality.path)
    } else if (pathKey(equality.path) !== key) return undefined
    values.push(...equality.values)
  }
  return first && { ...first, values: [...new Set(values)] }
}

/** The operator seen from the other side. */
const mirrored: Readonly<Record<Comparison, Comparison>> = { '<': '>', '<=': '>=', '>': '<', '>=': '<=' }

function comparisonOf(
  { left, right }: BinaryExpression,
  operator: Comparison,
  language: RuleLanguage,
): ConjunctAccess | undefined {
  const isRight = right.kind === 'literal'
  const [operand, literal] = isRight ? [left, right] : [right, left]
  const path = messagePath(operand)
  if (!path || literal.kind !== 'literal') return undefined
  // SQL compares '5' as a number; a condition compares two texts by their characters.
  const bound = language === 'sql' || typeof literal.value === 'number' ? toDecimal(literal.value) : undefined
  if (bound === undefined) return undefined
  return { kind: 'compare', operand, path, operator: isRight ? operator : mirrored[operator], bound }
}

/** Variables are a rule's own. */
function messagePath(expression: Expression): Path | undefined {
  const path = pathOf(expression)
  return path?.root.kind === 'variable' ? undefined : path
}

function lookedUp(expression: Expression): LookedUp | undefined {
  const value = expression.kind === 'literal' ? expression.value : undefined
  return value === null ? undefined : value
}

/** `=`, `<>` or an order. */
export const isComparison = (operator: BinaryOperator): boolean => operator === '=' || operator === '<>' || isOrder(operator)

export const isOrder = (operator: BinaryOperator): operator is Comparison =>
  operator === '<' || operator === '<=' || operator === '>' || operator === '>='
