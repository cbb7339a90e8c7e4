import { indexOf, lengthOf, sliceOf } from '../code-points.ts'
import type { RuleFunction } from '../rule-function.ts'
import { finite, kindOf, longestTextChars, shortEnough, toDecimal } from '../values.ts'

type Call = (...args: unknown[]) => unknown

const define = (name: string, arity: readonly [number, number], signature: string, call: Call): RuleFunction => ({
  name,
  arity,
  stable: true,
  signature: `${name.toUpperCase()}(${signature})`,
  call: args => (args.length < arity[0] || args.length > arity[1] ? undefined : call(...args)),
})

const areNumbers = (args: readonly unknown[]): args is number[] => args.every(arg => kindOf(arg) === 'number')
const areTexts = (args: readonly unknown[]): args is string[] => args.every(arg => typeof arg === 'string')

const ofNumber = (name: string, result: (x: number) => number): RuleFunction =>
  define(name, [1, 1], 'n', (...args) => (areNumbers(args) ? finite(result(args[0]!)) : undefined))

const ofText = (name: string, result: (text: string) => unknown): RuleFunction =>
  define(name, [1, 1], 's', (...args) => (areTexts(args) ? result(args[0]!) : undefined))

const ofTexts = (name: string, result: (text: string, part: string) => unknown): RuleFunction =>
  define(name, [2, 2], 's, s', (...args) => (areTexts(args) ? result(args[0]!, args[1]!) : undefined))

/** Always a Boolean, for undefined values too. */
const test = (name: string, holds: (value: unknown) => boolean): RuleFunction => define(name, [1, 1], 'x', value => holds(value))

const primitives: readonly string[] = ['null', 'boolean', 'number', 'string']

/** The functions of Azure's routing conditions. Nothing is converted; what has the wrong type is undefined. */
const all: readonly RuleFunction[] = [
  ofNumber('abs', Math.abs),
  ofNumber('exp', Math.exp),
  ofNumber('square', x => x * x),
  ofNumber('ceiling', Math.ceil),
  ofNumber('floor', Math.floor),
  ofNumber('sign', Math.sign),
  ofNumber('sqrt', Math.sqrt),
  define('power', [2, 2], 'n, n', (...args) => (areNumbers(args) ? finite(args[0]! ** args[1]!) : undefined)),
  define('as_number', [1, 1], 'x', toDecimal),
  test('is_defined', value => kindOf(value) !== 'undefined'),
  test('is_null', value => value === null),
  test('is_bool', value => typeof value === 'boolean'),
  test('is_number', value => kindOf(value) === 'number'),
  test('is_string', value => typeof value === 'string'),
  test('is_array', Array.isArray),
  test('is_object', value => kindOf(value) === 'object'),
  test('is_primitive', value => primitives.includes(kindOf(value))),
  define('concat', [2, Number.POSITIVE_INFINITY], 's, s..', (...args) =>
    areTexts(args) && args.reduce((sum, { length }) => sum + length, 0) <= longestTextChars ? args.join('') : undefined,
  ),
  ofText('length', lengthOf),
  ofText('lower', text => text.toLowerCase()),
  ofText('upper', text => shortEnough(text.toUpperCase())),
  define('substring', [2, 3], 's, start[, length]', (text, start, length = Number.MAX_SAFE_INTEGER) =>
    typeof text === 'string' && areNumbers([start, length]) ? part(text, start as number, length as number) : undefined,
  ),
  ofTexts('index_of', indexOf),
  ofTexts('starts_with', (text, part) => text.startsWith(part)),
  ofTexts('ends_with', (text, part) => text.endsWith(part)),
  ofTexts('contains', (text, part) => text.includes(part)),
]

/** `length` characters from `start`, both cut to what there is. */
function part(text: string, start: number, length: number): string {
  const from = Math.max(Math.trunc(start), 0)
  return sliceOf(text, from, from + Math.trunc(length))
}

const byName = new Map(all.map(each => [each.name, each]))

/** By the lower-case name. */
export const conditionFunction = (name: string): RuleFunction | undefined => byName.get(name)

/** In lower case and alphabetical order. */
export const conditionFunctionNames: readonly string[] = [...byName.keys()].sort()
