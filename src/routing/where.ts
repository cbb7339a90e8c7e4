import type { Expression } from './ast.ts'
import type { CompileContext } from './compile-context.ts'
import { type ConjunctAccess, conjunctsOf } from './conjuncts.ts'
import { childrenOf } from './expression-children.ts'
import { isExternal } from './expression-facts.ts'
import type { Access } from './predicate-index.ts'
import type { Closure, Scope } from './scope.ts'
import { toDecimal } from './values.ts'

/** One of the conditions that must all be true for a rule to fire. */
export interface CompiledConjunct {
  readonly expression: Expression
  /** Boolean or Undefined. */
  readonly test: Closure
  /** Rough, in comparisons. */
  readonly cost: number
  readonly external: boolean
  /** How an index could test it. */
  readonly access?: Access
}

/** Cheapest first, those that ask others last. Since only `true` fires, the order changes no result. */
export function compileWhere(where: Expression | undefined, context: CompileContext): CompiledConjunct[] {
  if (!where) return []
  const conjuncts = conjunctsOf(where, context.language.name).map(({ expression, converted, access }): CompiledConjunct => {
    const test = compileTest(expression, converted, context)
    const indexed = access && compileAccess(access, context)
    const external = isExternal(expression)
    return { expression, test, cost: costOf(expression), external, ...(indexed && { access: indexed }) }
  })
  return conjuncts.length < 2 ? conjuncts : conjuncts.sort((a, b) => Number(a.external) - Number(b.external) || a.cost - b.cost)
}

function compileTest(expression: Expression, converted: boolean, context: CompileContext): Closure {
  const value = context.compile(expression, context)
  if (isBoolean(expression)) return value
  const { truth } = context.language.operators
  return converted ? scope => truth(value(scope)) : scope => asBoolean(value(scope))
}

/** `true` if all are, else what the first one is that is not. */
export function testAll(tests: readonly Closure[], scope: Scope): unknown {
  for (const test of tests) {
    const value = test(scope)
    if (value !== true) return value
  }
  return true
}

const asBoolean = (value: unknown): boolean | undefined => (typeof value === 'boolean' ? value : undefined)

function isBoolean(expression: Expression): boolean {
  if (expression.kind === 'unary') return expression.operator === 'not'
  return expression.kind === 'binary' && !'+-*/%'.includes(expression.operator)
}

const callCosts: Readonly<Record<string, number>> = {
  topic: 2,
  clientid: 1,
  timestamp: 1,
  isnull: 1,
  isundefined: 1,
  jsonata: 1000,
}

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

/** Operands that cost more are indexed only if nothing better is. */
const heavyCost = 8

function compileAccess(access: ConjunctAccess, context: CompileContext): Access | undefined {
  const operand = context.shared(access.operand, context)
  if (!operand) return undefined
  const heavy = costOf(access.operand) > heavyCost
  if (access.kind === 'equal') return { kind: 'equal', operand, heavy, values: access.values }
  const { operator, bound } = access
  return { kind: 'compare', operand, heavy, operator, bound, toNumber: context.language.name === 'sql' ? toDecimal : asNumber }
}

const asNumber = (value: unknown): number | undefined => (typeof value === 'number' && Number.isFinite(value) ? value : undefined)
