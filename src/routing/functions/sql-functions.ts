import type { RuleFunction } from '../rule-function.ts'
import { mathFunctions } from './math-functions.ts'

const all: readonly RuleFunction[] = [...mathFunctions]

const byName = new Map(all.map(each => [each.name, each]))

/** By the lower-case name. External functions are listed beside. */
export const sqlFunction = (name: string): RuleFunction | undefined => byName.get(name)

/** In alphabetical order, without the external ones. */
export const sqlFunctionNames: readonly string[] = [...byName.keys()].sort()
