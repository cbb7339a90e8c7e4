import type { Expression } from './ast.ts'
import { accessOf, costOf, testKey } from './access.ts'
import { type CompileContext, isShared } from './compile-context.ts'
import { compileTest } from './compile-test.ts'
import { type Conjunct, conjunctsOf } from './conjuncts.ts'
import { isExternal } from './expression-facts.ts'
import type { Access } from './index-access.ts'
import type { Closure, Scope } from './scope.ts'

/** One of the conditions that must all be true for a rule to fire. */
export interface CompiledConjunct {
  readonly expression: Expression
  /** Whether it stands beside AND, which converts what is no Boolean. */
  readonly converted: boolean
  /** Boolean or Undefined. Made when it is asked for: of many rules an index tests most. */
  readonly test: Closure
  /** How an index could test it. */
  readonly access: Access | undefined
}

/** Cheapest first, those that ask others last. Since only `true` fires, the order changes no result. */
export function compileWhere(where: Expression | undefined, context: CompileContext): CompiledConjunct[] {
  if (!where) return []
  const conjuncts = conjunctsOf(where, context.language.name).map(conjunct => new LazyConjunct(conjunct, context))
  return conjuncts.length < 2 ? conjuncts : cheapestFirst(conjuncts)
}

class LazyConjunct implements CompiledConjunct {
  readonly expression: Expression
  readonly converted: boolean
  readonly access: Access | undefined
  readonly #context: CompileContext
  #test: Closure | undefined

  constructor(conjunct: Conjunct, context: CompileContext) {
    this.expression = conjunct.expression
    this.converted = conjunct.converted
    this.#context = context
    this.access = accessOf(conjunct, () => this.test, context)
  }

  get test(): Closure {
    return (this.#test ??= this.#shared())
  }

  /** Equal tests of many rules are one, which stays in the processor's cache. */
  #shared(): Closure {
    const { expression, converted } = this
    const context = this.#context
    const { memos, language } = context
    const make = (): Closure => compileTest(expression, converted, context)
    if (!isShared(expression, context)) return make()
    return memos.test(language.prefix + testKey(expression, converted, language.name), make)
  }
}

const cheapestFirst = (conjuncts: readonly CompiledConjunct[]): CompiledConjunct[] =>
  conjuncts
    .map(conjunct => ({ conjunct, external: isExternal(conjunct.expression), cost: costOf(conjunct.expression) }))
    .sort((a, b) => Number(a.external) - Number(b.external) || a.cost - b.cost)
    .map(({ conjunct }) => conjunct)

/** `true` if all from the given one on are, else what the first one is that is not. */
export function testAll(tests: readonly Closure[], scope: Scope, from = 0): unknown {
  for (let i = from; i < tests.length; i++) {
    const value = tests[i]!(scope)
    if (value !== true) return value
  }
  return true
}
