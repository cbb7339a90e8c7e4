import { equal, negation, notEqual, type Operators, threeValuedLogic } from './operators.ts'
import { finite } from './values.ts'

const truth = (value: unknown): boolean | undefined => (typeof value === 'boolean' ? value : undefined)

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value)

/** Two numbers, or two texts by their code units. */
const compare =
  (holds: <T extends number | string>(a: T, b: T) => boolean) =>
  (left: unknown, right: unknown): boolean | undefined => {
    if (typeof left === 'string' && typeof right === 'string') return holds(left, right)
    return isNumber(left) && isNumber(right) ? holds(left, right) : undefined
  }

const arithmetic =
  (result: (a: number, b: number) => number) =>
  (left: unknown, right: unknown): number | undefined =>
    isNumber(left) && isNumber(right) ? finite(result(left, right)) : undefined

/** The operators of Azure's routing conditions: nothing is converted. */
export const conditionOperators: Operators = {
  binary: {
    ...threeValuedLogic(truth),
    '=': equal,
    '<>': notEqual,
    '<': compare((a, b) => a < b),
    '<=': compare((a, b) => a <= b),
    '>': compare((a, b) => a > b),
    '>=': compare((a, b) => a >= b),
    // The grammar has no lists.
    in: () => undefined,
    '+': arithmetic((a, b) => a + b),
    '-': arithmetic((a, b) => a - b),
    '*': arithmetic((a, b) => a * b),
    '/': arithmetic((a, b) => a / b),
    '%': arithmetic((a, b) => a % b),
  },
  unary: { not: negation(truth), '-': value => (isNumber(value) ? finite(-value) : undefined) },
  truth,
  shortCircuit: true,
}
