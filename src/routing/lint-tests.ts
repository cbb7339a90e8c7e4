import type { BinaryExpression, Expression, Literal } from './ast.ts'
import { flattened, isComparison } from './conjuncts.ts'
import { childrenOf } from './expression-children.ts'
import { pathKey, pathOf } from './expression-path.ts'
import type { RuleLanguage } from './lexer.ts'
import { finding, type LintFinding, visit } from './lint-finding.ts'
import { printExpression } from './print.ts'
import { toDecimal } from './values.ts'

/** What surprises in WHERE, INCASE or a condition. Nested queries are tests of their own. */
export function lintTest(test: Expression, language: RuleLanguage): LintFinding[] {
  const guarded = guardedKeys(test)
  const found = [...constants(test, language)]
  const see = (one: Expression): void => {
    if (one.kind === 'select') return
    if (one.kind === 'binary' && one.operator === 'in') found.push(...numericElements(one, language))
    else if (one.kind === 'binary' && isComparison(one.operator)) found.push(...lintComparison(one, one === test, language))
    const key = keyThatMustExist(one)
    if (key && !guarded.has(key.key)) found.push(missingKey(one, key.path, one === test, language))
    for (const child of childrenOf(one)) see(child)
  }
  see(test)
  return found
}

/** Paths for whose absence the test itself asks. */
function guardedKeys(test: Expression): Set<string> {
  const keys = new Set<string>()
  visit(test, one => {
    if (one.kind !== 'call' || (one.name !== 'isundefined' && one.name !== 'is_defined')) return
    const path = one.args[0] && pathOf(one.args[0])
    if (path) keys.add(pathKey(path))
  })
  return keys
}

/** Of `a <> 1` and `NOT a = 1` the path. */
function keyThatMustExist(one: Expression): { path: Expression; key: string } | undefined {
  const inner = one.kind === 'unary' && one.operator === 'not' ? one.operand : one
  if (inner.kind !== 'binary' || inner.operator !== (inner === one ? '<>' : '=')) return undefined
  if ([inner.left, inner.right].some(isUndefinedLiteral)) return undefined
  for (const path of [inner.left, inner.right]) {
    const parts = pathOf(path)
    if (parts && parts.root.kind !== 'variable') return { path, key: pathKey(parts) }
  }
  return undefined
}

function missingKey(one: Expression, path: Expression, isWhole: boolean, language: RuleLanguage): LintFinding {
  const name = printExpression(path, language)
  const fixed = `${printExpression(one, language)} OR ${isAbsent(name, language)}`
  const message = `a message without ${name} does not pass; if it should, ask for that too`
  return finding('missing-key', message, one.position, isWhole ? fixed : `(${fixed})`)
}

const isAbsent = (name: string, language: RuleLanguage): string =>
  language === 'sql' ? `isundefined(${name})` : `NOT is_defined(${name})`
const isPresent = (name: string, language: RuleLanguage): string =>
  language === 'sql' ? `NOT isundefined(${name})` : `is_defined(${name})`

const isUndefinedLiteral = (one: Expression): boolean => one.kind === 'literal' && one.value === undefined

function lintComparison(one: BinaryExpression, isWhole: boolean, language: RuleLanguage): LintFinding[] {
  const chained = chainedComparison(one, isWhole, language)
  if (chained) return [chained]
  const [literal, other] = one.right.kind === 'literal' ? [one.right, one.left] : [one.left, one.right]
  if (literal.kind !== 'literal' || other.kind === 'literal') return []
  const equality = one.operator === '=' || one.operator === '<>'
  if (literal.value === undefined) {
    const name = printExpression(other, language)
    const fixed = one.operator === '=' ? isAbsent(name, language) : isPresent(name, language)
    const message = 'nothing compares with UNDEFINED; this is never true'
    return [finding('constant-condition', message, one.position, equality && pathOf(other) ? fixed : undefined)]
  }
  if (!equality) return neverOrdered(one, literal, other, language)
  return language === 'sql'
    ? numericText(literal, other, language)
    : [...numericText(literal, other, language), ...textProperty(literal, other)]
}

/** `a < b < c` compares a Boolean. */
function chainedComparison(one: BinaryExpression, isWhole: boolean, language: RuleLanguage): LintFinding | undefined {
  const { left } = one
  // The inner one in brackets begins behind the outer one.
  if (left.kind !== 'binary' || !isComparison(left.operator) || left.position.offset !== one.position.offset) return undefined
  const second: Expression = { ...one, left: left.right }
  const fixed = printExpression({ ...one, operator: 'and', right: second }, language)
  const message = 'this compares the true or false of the first comparison with the last value'
  return finding('chained-comparison', message, one.position, isWhole ? fixed : `(${fixed})`)
}

/** `<` and its like with what has no order. */
function neverOrdered(one: BinaryExpression, literal: Literal, other: Expression, language: RuleLanguage): LintFinding[] {
  const shown = printExpression(literal, language)
  if (language === 'sql' && toDecimal(literal.value) === undefined)
    return [finding('date-compare', `only numbers have an order and ${shown} is none; time_to_epoch() reads dates`, one.position)]
  if (language === 'condition' && typeof literal.value !== 'string' && typeof literal.value !== 'number')
    return [finding('constant-condition', `${shown} has no order; this is never true`, one.position)]
  return language === 'condition' ? textProperty(literal, other) : []
}

/** `=` never converts: the number 5 of a message is not '5'. Texts such as '007' are ids. */
function numericText(literal: Expression, other: Expression, language: RuleLanguage): LintFinding[] {
  const root = pathOf(other)?.root
  const isValue = language === 'sql' ? root !== undefined : root?.kind === 'source' && root.source !== 'system'
  if (!isValue || literal.kind !== 'literal' || typeof literal.value !== 'string') return []
  const number = toDecimal(literal.value)
  if (number === undefined || String(number) !== literal.value) return []
  return [finding('numeric-string', `the text '${number}' never equals the number ${number}`, literal.position, literal.value)]
}

function numericElements({ left, right }: BinaryExpression, language: RuleLanguage): LintFinding[] {
  return right.kind === 'array' ? right.elements.flatMap(element => numericText(element, left, language)) : []
}

/** Properties of a message are texts in conditions. */
function textProperty(literal: Literal, other: Expression): LintFinding[] {
  const isProperty = other.kind === 'name' || (other.kind === 'source' && other.source === 'system')
  if (!isProperty || typeof literal.value !== 'number') return []
  const fixed = `as_number(${printExpression(other, 'condition')})`
  return [finding('numeric-string', 'properties are texts; as_number() makes a number of one', other.position, fixed)]
}

/** Operands of AND, OR and NOT that no message changes. */
function constants(test: Expression, language: RuleLanguage): LintFinding[] {
  if (isConstant(test)) return [finding('constant-condition', 'this is the same for every message', test.position)]
  if (test.kind === 'unary' && test.operator === 'not') return constants(test.operand, language)
  if (test.kind !== 'binary' || (test.operator !== 'and' && test.operator !== 'or')) return []
  const parts = flattened(test, test.operator)
  return parts.flatMap((part, i) => {
    const before = parts[i - 1]
    // a = 'x' OR 'y'
    if (part.kind === 'literal' && test.operator === 'or' && before?.kind === 'binary' && before.operator === '=') {
      const fixed = printExpression({ ...before, right: part }, language)
      return [finding('constant-condition', 'OR joins conditions, not values', part.position, fixed)]
    }
    return constants(part, language)
  })
}

function isConstant(expression: Expression): boolean {
  let constant = true
  visit(expression, ({ kind }) => {
    if (kind !== 'literal' && kind !== 'unary' && kind !== 'binary' && kind !== 'cast' && kind !== 'array') constant = false
  })
  return constant
}
