import type { Expression } from './ast.ts'
import { childrenOf } from './expression-children.ts'
import { externalShape } from './external-shapes.ts'
import type { RuleLanguage } from './lexer.ts'
import type { Memo, Memos } from './memo.ts'
import type { Operators } from './operators.ts'
import type { RuleFunction } from './rule-function.ts'
import type { Closure } from './scope.ts'

/** What differs between the two languages below their common syntax tree. */
export interface Language {
  readonly name: RuleLanguage
  /** Begins the keys of memos: equal texts of other languages or settings mean something else. */
  readonly prefix: string
  readonly operators: Operators
  functionOf(name: string): RuleFunction | undefined
  /** Reads a path that begins with a name or `$source`. */
  readPath(root: Expression, steps: readonly (string | number)[]): Closure
}

/** Where an expression stands and what its names mean there. */
export interface CompileContext {
  readonly language: Language
  readonly memos: Memos
  /** Collects the memos that a rule reads, some several times, for rules that outlive the set they were compiled for. */
  readonly used: Memo[]
  readonly variables: ReadonlyMap<string, Memo>
  /** Inside a nested SELECT names mean the element. */
  readonly inElement: boolean
  /** What names the element itself, where it has a name. */
  readonly elementName?: string
  /** The name of FOREACH, where it is known. */
  readonly itemName?: string
  /** An expression as a function of the message. */
  compile(expression: Expression, context: CompileContext): Closure
  /** The memo behind a path of the message, or a variable. */
  shared(expression: Expression, context: CompileContext): Memo | undefined
}

/** The memo of a key, made by the first rule that asks. Paths have their own texts as keys; all others begin with a word and a space, as no path does. */
export function memoOf(context: CompileContext, key: string, make: () => Closure): Memo {
  const memo = context.memos.of(context.language.prefix, key, make)
  context.used.push(memo)
  return memo
}

/**
 * Whether the value is the same for all rules that look at one message: no element, nothing random and nobody asked. Variables belong to one rule, unless those that
 * share have them in common too.
 */
export function isShared(expression: Expression, context: CompileContext, variablesToo = false): boolean {
  const { itemName, language } = context
  const visit = (at: Expression, inElement: boolean): boolean => {
    if (at.kind === 'variable') return variablesToo
    if (at.kind === 'name') return inElement || at.name !== itemName
    if (at.kind === 'call' && !isStable(at.name, language)) return false
    return childrenOf(at).every(child => visit(child, inElement || (at.kind === 'select' && child !== at.from)))
  }
  return !context.inElement && visit(expression, false)
}

const isStable = (name: string, { functionOf }: Language): boolean => !externalShape(name) && functionOf(name)?.stable === true
