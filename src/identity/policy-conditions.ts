import { policyFault, shownText } from './policy-fault.ts'
import { type JsonNode, placeOf } from './policy-json.ts'
import { type Operator, operators } from './policy-operators.ts'
import { filledIn, readTemplate, type Template, variablesOf } from './policy-template.ts'
import { isTimeKey, isVariable, knownVariables, type Resolve } from './policy-variables.ts'

/** One operator on one key: its values are alternatives. All conditions of a statement must hold. */
export interface Condition {
  operator: Operator
  key: string
  /** `ForAllValues:` and `ForAnyValue:` of a multivalued key */
  set?: 'all' | 'any'
  /** a missing key is as good as a match */
  ifExists: boolean
  values: readonly Template[]
}

/** Whether a condition on the time holds, given epoch ms. */
export type Holds = (now: number) => boolean

const operatorName = /^(?:(ForAllValues|ForAnyValue):)?([A-Za-z]+?)(IfExists)?$/

/** The member `Condition`. POLICY_INVALID. */
export function readConditions(text: string, node: JsonNode): Condition[] {
  const conditions: Condition[] = []
  if (node.type !== 'object') throw policyFault(placeOf(text, node), 'Condition is an object of operators')
  for (const [name, { keyAt, value: keys }] of node.members) {
    const [, set, operatorText = '', ifExists] = operatorName.exec(name) ?? []
    const operator = operators.get(operatorText)
    if (!operator)
      throw policyFault(
        { text, at: keyAt, path: keys.path },
        `the operator ${shownText(name)} is not known`,
        `known are ${[...operators.keys()].join(', ')}`,
      )
    if (keys.type !== 'object') throw policyFault(placeOf(text, keys), `${name} takes an object of keys`)
    for (const [key, { keyAt: at, value }] of keys.members) {
      checkKey(key, operator, { text, at, path: value.path })
      const values = (value.type === 'array' ? value.items : [value]).map(item => readValue(text, item, name, operator))
      if (!values.length) throw policyFault(placeOf(text, value), `${name} of ${shownText(key)} has no value`)
      const sets = set && { set: set === 'ForAllValues' ? ('all' as const) : ('any' as const) }
      conditions.push({ operator, key, ...sets, ifExists: ifExists !== undefined, values })
    }
  }
  return conditions
}

function checkKey(key: string, { type }: Operator, place: { text: string; at: number; path: string }): void {
  if (isTimeKey(key)) {
    if (type === 'date' || (type === 'number' && isEpoch(key))) return
    throw policyFault(place, `${shownText(key)} takes a Date operator`)
  }
  if (!isVariable(key))
    throw policyFault(
      place,
      `the condition key ${shownText(key)} is not known`,
      `known are ${knownVariables}, aws:CurrentTime, aws:EpochTime`,
    )
}

function readValue(text: string, node: JsonNode, name: string, operator: Operator): Template {
  const simple = node.type === 'string' || (node.type === 'scalar' && node.value !== null)
  if (!simple) throw policyFault(placeOf(text, node), `a value of ${name} is a text, number or boolean`)
  const template =
    node.type === 'string'
      ? readTemplate(text, node, { wild: operator.wild ?? false })
      : [String((node as { value: unknown }).value)]
  if (operator.type === 'string') return template
  if (variablesOf(template).length) throw policyFault(placeOf(text, node), `${name} takes no variables`, 'those of String do')
  if (!operator.prepare(filledIn(template, () => undefined, 'Allow')!))
    throw policyFault(placeOf(text, node), `${shownText(String(node.value))} is no value for ${name}`, formOf[operator.type])
  return template
}

const formOf = {
  bool: 'it is true or false',
  address: 'it is an address or network such as 10.0.0.0/8 or 2001:db8::/32',
  number: 'it is a number',
  date: 'it is ISO 8601 with zone, or seconds since 1970',
} as const

const isEpoch = (key: string): boolean => /EpochTime$/i.test(key)

export const usedBy = ({ key, values }: Condition): string[] => [...(isTimeKey(key) ? [] : [key]), ...values.flatMap(variablesOf)]

/**
 * The conditions of a statement for one connection: decided now, except those on the time, which are left as a function. A missing key makes a positive operator
 * false and a negated one true, as in AWS. A value with a variable that does not resolve keeps an Allow from matching and makes a Deny match.
 */
export function conditionsFor(conditions: readonly Condition[], resolve: Resolve, effect: 'Allow' | 'Deny'): boolean | Holds {
  const timed: Holds[] = []
  for (const condition of conditions) {
    const test = testOf(condition, resolve, effect)
    if (typeof test === 'boolean') {
      if (!test) return false
    } else if (isTimeKey(condition.key)) {
      const unit = condition.operator.type === 'number' || isEpoch(condition.key) ? secondsOf : isoOf
      timed.push(now => test(unit(now)))
    } else if (!satisfied(condition, resolve(condition.key), test)) return false
  }
  return timed.length ? now => timed.every(holds => holds(now)) : true
}

const secondsOf = (ms: number) => String(ms / 1000)
const isoOf = (ms: number) => new Date(ms).toISOString()

/** Whether one actual value passes; a boolean where that does not depend on it. */
function testOf(
  { operator, values }: Condition,
  resolve: Resolve,
  effect: 'Allow' | 'Deny',
): boolean | ((actual: string) => boolean) {
  const tests: ((actual: string) => boolean)[] = []
  for (const value of values) {
    const parts = filledIn(value, resolve, 'Allow')
    const test = parts && operator.prepare(parts)
    if (test) tests.push(test)
    else if (effect === 'Deny') return true
    else if (operator.negated) return false
  }
  return operator.negated ? actual => !tests.some(test => test(actual)) : actual => tests.some(test => test(actual))
}

function satisfied(
  { operator, set, ifExists }: Condition,
  actual: ReturnType<Resolve>,
  test: (actual: string) => boolean,
): boolean {
  const values = typeof actual === 'string' ? [actual] : (actual ?? [])
  if (values.length === 0) return ifExists || set === 'all' || (operator.negated === true && set === undefined)
  if (set === 'any') return values.some(test)
  return set === 'all' || operator.negated ? values.every(test) : values.some(test)
}
