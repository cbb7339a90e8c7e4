import type { RuleFunction } from '../rule-function.ts'
import { compactJson, elementOf, isObject, longestTextChars, toText } from '../values.ts'
import { ruleFunction } from './define.ts'
import { utf8 } from './utf8.ts'

const mostElements = 100_000
const mostTransformedBytes = 131_072

export const collectionFunctions: readonly RuleFunction[] = [
  ruleFunction('get', ['V', 'V'], ([container, key]) => elementOf(container, key)),
  ruleFunction('nanvl', ['V', 'V'], ([value, other]) => (isNothing(value) || Number.isNaN(value) ? other : value)),
  ruleFunction('get_or_default', ['V', 'V?'], ([value, other]) => (isNothing(value) ? other : value)),
  ruleFunction('isnull', ['V'], ([value]) => value === null),
  ruleFunction('isundefined', ['V'], ([value]) => value === undefined),
  ruleFunction('transform', ['V', 'V', 'V'], ([mode, object, list]) =>
    mode === 'enrichArray' && isObject(object) && Array.isArray(list) ? enriched(object, list) : undefined,
  ),
  {
    name: 'concat',
    arity: [0, Number.POSITIVE_INFINITY],
    stable: true,
    signature: 'concat(V...)',
    call(args) {
      if (args.length < 2) return args[0]
      if (args.includes(undefined)) return undefined
      return args.some(Array.isArray)
        ? joinedLists(args)
        : args.some(arg => typeof arg === 'string')
          ? joinedTexts(args)
          : undefined
    },
  },
]

const isNothing = (value: unknown): value is null | undefined => value === undefined || value === null

/** Members of `object` win. */
function enriched(object: Record<string, unknown>, list: readonly unknown[]): unknown[] | undefined {
  const result: unknown[] = []
  let bytes = 2
  for (const element of list) {
    if (!isObject(element)) return undefined
    const merged = { ...element, ...object }
    bytes += utf8(compactJson(merged) ?? '').length + 1
    if (bytes > mostTransformedBytes) return undefined
    result.push(merged)
  }
  return result
}

/** Arrays among the values are flattened one level. */
function joinedLists(values: readonly unknown[]): unknown[] | undefined {
  const length = values.reduce<number>((sum, value) => sum + (Array.isArray(value) ? value.length : 1), 0)
  return length > mostElements ? undefined : values.flat(1)
}

function joinedTexts(values: readonly unknown[]): string | undefined {
  let joined = ''
  for (const value of values) {
    const text = toText(value)
    if (text === undefined || joined.length + text.length > longestTextChars) return undefined
    joined += text
  }
  return joined
}
