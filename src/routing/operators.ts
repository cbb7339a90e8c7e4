import type { BinaryOperator, UnaryExpression } from './ast.ts'
import { deepEqual, finite, longestTextChars, toBoolean, toDecimal, toText } from './values.ts'

export type BinaryOperation = (left: unknown, right: unknown) => unknown

/** What the operators of a language mean. Nothing here throws. */
export interface Operators {
  readonly binary: Readonly<Record<BinaryOperator, BinaryOperation>>
  readonly unary: Readonly<Record<UnaryExpression['operator'], (operand: unknown) => unknown>>
  /** What AND, OR, NOT and a searched CASE see in a value. */
  truth(value: unknown): boolean | undefined
  /** Whether a `false` before AND and a `true` before OR decide without the right side. */
  readonly shortCircuit: boolean
}

export interface OperatorOptions {
  logic?: 'three-valued' | 'strict'
  integerDivision?: 'decimal' | 'truncate'
}

/** The operators of rules in SQL. */
export function sqlOperators({ logic = 'three-valued', integerDivision = 'decimal' }: OperatorOptions = {}): Operators {
  const logical = logic === 'strict' ? strictLogic(toBoolean) : threeValuedLogic(toBoolean)
  return {
    binary: {
      ...logical,
      '=': equal,
      '<>': notEqual,
      '<': compare((a, b) => a < b),
      '<=': compare((a, b) => a <= b),
      '>': compare((a, b) => a > b),
      '>=': compare((a, b) => a >= b),
      in: isIn,
      '+': add,
      '-': arithmetic((a, b) => a - b),
      '*': arithmetic((a, b) => a * b),
      '/': arithmetic(integerDivision === 'truncate' ? truncatingQuotient : (a, b) => a / b),
      '%': arithmetic((a, b) => a % b),
    },
    unary: { not: negation(toBoolean), '-': minus },
    truth: toBoolean,
    shortCircuit: logic === 'three-valued',
  }
}

/** Never converts: `1 = '1'` is false. Undefined if one side is. */
export const equal = (left: unknown, right: unknown): boolean | undefined =>
  left === undefined || right === undefined ? undefined : deepEqual(left, right)

export const notEqual = (left: unknown, right: unknown): boolean | undefined =>
  left === undefined || right === undefined ? undefined : !deepEqual(left, right)

function isIn(value: unknown, list: unknown): boolean | undefined {
  if (value === undefined || !Array.isArray(list)) return undefined
  for (const element of list) if (deepEqual(value, element)) return true
  return false
}

const compare =
  (holds: (a: number, b: number) => boolean) =>
  (left: unknown, right: unknown): boolean | undefined => {
    const a = toDecimal(left)
    if (a === undefined) return undefined
    const b = toDecimal(right)
    return b === undefined ? undefined : holds(a, b)
  }

const arithmetic =
  (result: (a: number, b: number) => number) =>
  (left: unknown, right: unknown): number | undefined => {
    const a = toDecimal(left)
    if (a === undefined) return undefined
    const b = toDecimal(right)
    return b === undefined ? undefined : finite(result(a, b))
  }

const truncatingQuotient = (a: number, b: number): number =>
  Number.isInteger(a) && Number.isInteger(b) ? Math.trunc(a / b) : a / b

function add(left: unknown, right: unknown): number | string | undefined {
  if (typeof left === 'number' && typeof right === 'number') return finite(left + right)
  if (typeof left !== 'string' && typeof right !== 'string') return undefined
  const a = toText(left)
  const b = toText(right)
  if (a === undefined || b === undefined || a.length + b.length > longestTextChars) return undefined
  return a + b
}

function minus(value: unknown): number | undefined {
  const number = toDecimal(value)
  return number === undefined ? undefined : finite(-number)
}

type Truth = (value: unknown) => boolean | undefined

export const negation =
  (truth: Truth) =>
  (value: unknown): boolean | undefined => {
    const boolean = truth(value)
    return boolean === undefined ? undefined : !boolean
  }

/** Kleene's: what is known decides where it can. */
export const threeValuedLogic = (truth: Truth) => ({
  and(left: unknown, right: unknown): boolean | undefined {
    const a = truth(left)
    const b = truth(right)
    if (a === false || b === false) return false
    return a === undefined || b === undefined ? undefined : true
  },
  or(left: unknown, right: unknown): boolean | undefined {
    const a = truth(left)
    const b = truth(right)
    if (a === true || b === true) return true
    return a === undefined || b === undefined ? undefined : false
  },
})

/** Undefined as soon as one side is. */
const strictLogic = (truth: Truth) => ({
  and(left: unknown, right: unknown): boolean | undefined {
    const a = truth(left)
    const b = truth(right)
    return a === undefined || b === undefined ? undefined : a && b
  },
  or(left: unknown, right: unknown): boolean | undefined {
    const a = truth(left)
    const b = truth(right)
    return a === undefined || b === undefined ? undefined : a || b
  },
})
