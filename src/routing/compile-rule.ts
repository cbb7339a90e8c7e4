import { LoomError } from '../errors.ts'
import type { Expression, Statement } from './ast.ts'
import { type CompileContext, isShared, type Language, memoOf } from './compile-context.ts'
import { compile, sharedMemo } from './compile-expression.ts'
import { compileItems } from './compile-select.ts'
import { childrenOf, itemExpressions } from './expression-children.ts'
import { expressionsOf, isExternal } from './expression-facts.ts'
import { pathOf } from './expression-path.ts'
import { Memo, Memos } from './memo.ts'
import { excessOf } from './output-size.ts'
import { printStatement } from './print.ts'
import { type Closure, ruleFaultAt } from './scope.ts'
import { type CompiledConjunct, compileWhere } from './where.ts'

/** A rule as functions of the message. */
export interface CompiledRule {
  /** All must be true; cheapest first. */
  readonly conjuncts: readonly CompiledConjunct[]
  /** The output; with `fanOut` an array of them. */
  readonly project: Closure
  readonly fanOut: boolean
  /** Whether evaluation may have to wait for answers. */
  readonly external: boolean
  /** What it shares with other rules. */
  readonly used: readonly Memo[]
}

const noVariables = new Map<string, Memo>()

export const outputLimits = { bytes: 131_072, fanOut: 1_000 } as const

/** `memos`: those of the rules that run together with it. Of many rules most never fire: each part is made when it is asked for. */
export function compileStatement(statement: Statement, language: Language, memos: Memos = new Memos()): CompiledRule {
  return new LazyRule(statement, language, memos)
}

class LazyRule implements CompiledRule {
  readonly fanOut: boolean
  readonly used: Memo[] = []
  readonly #statement: Statement
  readonly #language: Language
  readonly #memos: Memos
  #context: CompileContext | undefined
  #conjuncts: readonly CompiledConjunct[] | undefined
  #project: Closure | undefined
  #external: boolean | undefined

  constructor(statement: Statement, language: Language, memos: Memos) {
    this.fanOut = statement.output.kind === 'foreach'
    this.#statement = statement
    this.#language = language
    this.#memos = memos
  }

  get #compileContext(): CompileContext {
    return (this.#context ??= contextOf(this.#language, this.#memos, this.#statement.set, this.used))
  }

  get conjuncts(): readonly CompiledConjunct[] {
    return (this.#conjuncts ??= compileWhere(this.#statement.where, this.#compileContext))
  }

  get project(): Closure {
    return (this.#project ??= projectionOf(this.#statement, this.#compileContext))
  }

  get external(): boolean {
    return (this.#external ??= expressionsOf(this.#statement).some(isExternal))
  }
}

/** The output of a condition is the payload. */
export function compileBare(condition: Expression, language: Language, memos: Memos = new Memos()): CompiledRule {
  const context = contextOf(language, memos)
  const conjuncts = compileWhere(condition, context)
  return { conjuncts, project: scope => scope.payload(), fanOut: false, external: false, used: context.used }
}

/** For expressions that see the variables of `set`. */
export function contextOf(language: Language, memos: Memos, set: Statement['set'] = [], used: Memo[] = []): CompileContext {
  const variables = set.length > 0 ? new Map<string, Memo>() : noVariables
  const context = { language, memos, used, variables, inElement: false, compile, shared: sharedMemo }
  for (const { name, value } of set) variables.set(name, new Memo(name, compile(value, context)))
  return context
}

/** Equal outputs of several rules are made once a message, unless they may differ between rules. */
function projectionOf({ set, output }: Statement, context: CompileContext): Closure {
  const make = (): Closure => (output.kind === 'select' ? compileSelect(output, context) : compileForeach(output, context))
  const parts = expressionsOf({ set, output, from: [], extensions: [] })
  if (!parts.every(part => isShared(part, context, true))) return make()
  const memo = memoOf(context, `output ${printStatement({ set, output, from: [], extensions: [] })}`, make)
  return memo.reader
}

type Select = Extract<Statement['output'], { kind: 'select' }>
type Foreach = Extract<Statement['output'], { kind: 'foreach' }>

function compileSelect({ items, value }: Select, context: CompileContext): Closure {
  const build = compileItems(items, value, context)
  const reads = boundedReads(itemExpressions(items), items.length)
  return scope => {
    const output = build(scope)
    if (reads === undefined || reads * scope.payloadBytes + spareBytes > outputLimits.bytes) checkSize(output)
    return output
  }
}

/** Names and literals of a statement, which is 16 KiB at most, written as JSON. */
const spareBytes = 100_000

function checkSize(output: unknown): void {
  const excess = excessOf(output, outputLimits.bytes)
  if (excess) throw new LoomError('ROUTE_LIMIT', `the output is ${excess}`)
}

/** How many times the payload the output is at most, if it is nothing but parts of it and literals; else `undefined`. */
function boundedReads(expressions: readonly Expression[], items: number): number | undefined {
  const plain = (expression: Expression): boolean => {
    const path = pathOf(expression)
    if (path) return path.root.kind !== 'variable'
    return expression.kind === 'literal' || (expression.kind === 'object' && childrenOf(expression).every(plain))
  }
  return expressions.every(plain) ? items + countOf(expressions) : undefined
}

const countOf = (expressions: readonly Expression[]): number =>
  expressions.reduce((sum, expression) => sum + (expression.kind === 'object' ? countOf(childrenOf(expression)) : 1), 0)

function compileForeach({ source, name, items, condition }: Foreach, context: CompileContext): Closure {
  const inner: CompileContext = { ...context, itemName: name }
  const read = compile(source, context)
  const passes = condition && compile(condition, inner)
  const build: Closure = items ? compileItems(items, false, inner) : scope => scope.item
  return scope => {
    const outputs: unknown[] = []
    const elements = read(scope)
    if (!Array.isArray(elements)) return outputs
    for (const element of elements) {
      scope.visit(source.position)
      scope.item = element
      if (passes && passes(scope) !== true) continue
      if (outputs.length === outputLimits.fanOut)
        throw ruleFaultAt('ROUTE_LIMIT', `more than ${outputLimits.fanOut} outputs for one message`, source.position)
      const output = build(scope)
      checkSize(output)
      outputs.push(output)
    }
    return outputs
  }
}
