import type { Expression } from './ast.ts'
import { isShared, type Language } from './compile-context.ts'
import { contextOf } from './compile-rule.ts'
import { compileTest } from './compile-test.ts'
import { pathKey, pathOf } from './expression-path.ts'
import { Memo, type Memos } from './memo.ts'
import { isMonotonic } from './monotonic.ts'
import type { Closure, Scope } from './scope.ts'
import type { CompiledConjunct } from './where.ts'

/** Conditions that differ in their constants only: one closure for all of them, which stays in the processor's cache, and the constants of each. */
export interface Shape<T> {
  readonly test: Closure
  readonly entries: T[]
  /** So many per entry, in one array, as numbers in a row are read fastest. */
  readonly parameters: unknown[]
  readonly perEntry: number
  /** In the order of their one parameter, where the test is monotonic in it. */
  readonly sorted: boolean
}

/** Fewer conditions of a shape are better tested by closures of their own. */
const leastEntries = 4

interface ShapedCondition {
  conjunct: CompiledConjunct
  language: Language
}

/** Sorts entries by the shape of a condition; `rest` are those without one, and of rare shapes. */
export function shapesOf<T>(
  entries: readonly T[],
  conditionOf: (entry: T) => ShapedCondition | undefined,
  memos: Memos,
): { shapes: Shape<T>[]; rest: T[] } {
  const groups = new Map<string, Group<T>>()
  const rest: T[] = []
  for (const entry of entries) {
    const condition = conditionOf(entry)
    const parameters: unknown[] = []
    const general = condition && generalOf(condition.conjunct.expression, parameters)
    if (!general || !isShared(condition.conjunct.expression, contextOf(condition.language, memos))) {
      rest.push(entry)
      continue
    }
    const key = `${condition.language.prefix}${condition.conjunct.converted} ${general.key}`
    let group = groups.get(key)
    if (!group) {
      groups.set(key, (group = { condition, expression: general.expression, rows: [] }))
    }
    group.rows.push({ entry, parameters })
  }
  const shapes: Shape<T>[] = []
  for (const group of groups.values()) {
    if (group.rows.length < leastEntries) rest.push(...group.rows.map(({ entry }) => entry))
    else shapes.push(shapeOf(group, memos))
  }
  return { shapes, rest }
}

interface Group<T> {
  condition: ShapedCondition
  expression: Expression
  rows: { entry: T; parameters: unknown[] }[]
}

function shapeOf<T>({ condition, expression, rows }: Group<T>, memos: Memos): Shape<T> {
  const perEntry = rows[0]!.parameters.length
  const isNumber = rows.every(({ parameters: [first] }) => typeof first === 'number')
  const sorted = perEntry === 1 && isNumber && isMonotonic(expression)
  if (sorted) rows.sort((a, b) => Number(a.parameters[0]) - Number(b.parameters[0]))
  return {
    test: compileShape(expression, perEntry, condition, memos),
    entries: rows.map(({ entry }) => entry),
    parameters: rows.flatMap(({ parameters }) => parameters),
    perEntry,
    sorted,
  }
}

/** Stands for a constant; read anew for each rule. */
class Parameter extends Memo {
  override readonly parameter: number

  constructor(i: number) {
    super(`?${i}`, scope => scope.parameters[scope.firstParameter + i])
    this.parameter = i
  }

  override fill(scope: Scope): unknown {
    return this.make(scope)
  }
}

function compileShape(expression: Expression, count: number, { conjunct, language }: ShapedCondition, memos: Memos): Closure {
  const variables = new Map(Array.from({ length: count }, (_, i) => [`?${i}`, new Parameter(i)]))
  return compileTest(expression, conjunct.converted, { ...contextOf(language, memos), variables })
}

interface General {
  expression: Expression
  /** Equal for equal shapes. */
  key: string
}

/** The expression with its numbers and texts taken out into `parameters`; `undefined` for what is more than operators and calls. */
function generalOf(expression: Expression, parameters: unknown[]): General | undefined {
  const path = pathOf(expression)
  if (path) return { expression, key: pathKey(path) }
  const { position } = expression
  switch (expression.kind) {
    case 'literal': {
      const { value } = expression
      if (typeof value !== 'number' && typeof value !== 'string') return { expression, key: `= ${value}` }
      const name = `?${parameters.length}`
      parameters.push(value)
      return { expression: { kind: 'variable', name, position }, key: name }
    }
    case 'unary': {
      const { operator } = expression
      const operand = generalOf(expression.operand, parameters)
      return (
        operand && {
          expression: { kind: 'unary', operator, operand: operand.expression, position },
          key: `${operator}(${operand.key})`,
        }
      )
    }
    case 'binary': {
      const { operator } = expression
      const left = generalOf(expression.left, parameters)
      const right = left && generalOf(expression.right, parameters)
      if (!right) return undefined
      return {
        expression: { kind: 'binary', operator, left: left.expression, right: right.expression, position },
        key: `(${left.key} ${operator} ${right.key})`,
      }
    }
    case 'call': {
      const { name } = expression
      const args: General[] = []
      for (const arg of expression.args) {
        const general = generalOf(arg, parameters)
        if (!general) return undefined
        args.push(general)
      }
      return {
        expression: { kind: 'call', name, args: args.map(arg => arg.expression), position },
        key: `${name}(${args.map(({ key }) => key).join(', ')})`,
      }
    }
    default:
      return undefined
  }
}
