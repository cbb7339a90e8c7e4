import type { RuleFunction } from '../rule-function.ts'
import { decimalText, finite } from '../values.ts'
import { ruleFunction } from './define.ts'

const ofOne = (name: string, result: (x: number) => number): RuleFunction => ruleFunction(name, ['N'], ([x]) => finite(result(x)))

const ofTwo = (name: string, result: (x: number, y: number) => number): RuleFunction =>
  ruleFunction(name, ['N', 'N'], ([x, y]) => finite(result(x, y)))

export const mathFunctions: readonly RuleFunction[] = [
  ofOne('abs', Math.abs),
  ofOne('ceil', Math.ceil),
  ofOne('floor', Math.floor),
  ofOne('sign', Math.sign),
  ofOne('sqrt', Math.sqrt),
  ofOne('exp', Math.exp),
  ofOne('ln', Math.log),
  ofOne('log', Math.log10),
  // Halves away from zero; Math.round takes them up.
  ofOne('round', x => Math.sign(x) * Math.round(Math.abs(x))),
  ruleFunction('trunc', ['N', 'I'], ([x, places]) => truncated(x, Math.min(Math.max(places, 0), 34))),
  ofOne('sin', Math.sin),
  ofOne('cos', Math.cos),
  ofOne('tan', Math.tan),
  ofOne('asin', Math.asin),
  ofOne('acos', Math.acos),
  ofOne('atan', Math.atan),
  ofOne('sinh', Math.sinh),
  ofOne('cosh', Math.cosh),
  ofOne('tanh', Math.tanh),
  ofTwo('atan2', Math.atan2),
  ofTwo('power', (x, y) => x ** y),
  ofTwo('mod', (x, y) => x % y),
  ofTwo('remainder', (x, y) => x % y),
  bitwise('bitand', (a, b) => a & b),
  bitwise('bitor', (a, b) => a | b),
  bitwise('bitxor', (a, b) => a ^ b),
  // -x - 1 is the complement of any width.
  ruleFunction('bitnot', ['I'], ([x]) => safe(-x - 1)),
  ruleFunction('rand', [], (_, { ports }) => ports.random(), { stable: false }),
]

/** On the digits: a factor of ten would round 1.005 and overflow large numbers. */
function truncated(x: number, places: number): number | undefined {
  const text = decimalText(x)!
  const point = text.indexOf('.')
  return point === -1 ? x : finite(Number(text.slice(0, places === 0 ? point : point + 1 + places)))
}

const safe = (x: number): number | undefined => (Number.isSafeInteger(x) ? x + 0 : undefined)

function bitwise(name: string, result: (a: bigint, b: bigint) => bigint): RuleFunction {
  return ruleFunction(name, ['I', 'I'], ([x, y]) => safe(Number(result(BigInt(x), BigInt(y)))))
}
