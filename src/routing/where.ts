import type { Expression } from './ast.ts'
import { accessOf, costOf } from './access.ts'
import type { CompileContext } from './compile-context.ts'
import { conjunctsOf } from './conjuncts.ts'
import { isExternal } from './expression-facts.ts'
import type { Access } from './predicate-index.ts'
import type { Closure, Scope } from './scope.ts'

/** One of the conditions that must all be true for a rule to fire. */
export interface CompiledConjunct {
  readonly expression: Expression
  /** Whether it stands beside AND, which converts what is no Boolean. */
  readonly converted: boolean
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
  const conjuncts = conjunctsOf(where, context.language.name).map((conjunct): CompiledConjunct => {
    const { expression, converted } = conjunct
    const test = compileTest(expression, converted, context)
    const indexed = accessOf(conjunct, test, context)
    const external = isExternal(expression)
    return { expression, converted, test, cost: costOf(expression), external, ...(indexed && { access: indexed }) }
  })
  return conjuncts.length < 2 ? conjuncts : conjuncts.sort((a, b) => Number(a.external) - Number(b.external) || a.cost - b.cost)
}

/** A condition as a closure that gives a Boolean or Undefined. */
export function compileTest(expression: Expression, converted: boolean, context: CompileContext): Closure {
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
