import type { RuleFunction } from '../rule-function.ts'
import { collectionFunctions } from './collection-functions.ts'
import { encodingFunctions } from './encoding-functions.ts'
import { hashFunctions } from './hash-functions.ts'
import { mathFunctions } from './math-functions.ts'
import { messageFunctions } from './message-functions.ts'
import { regexFunctions } from './regex-functions.ts'
import { textFunctions } from './text-functions.ts'
import { timeFunctions } from './time-functions.ts'

const all: readonly RuleFunction[] = [
  ...mathFunctions,
  ...textFunctions,
  ...regexFunctions,
  ...collectionFunctions,
  ...encodingFunctions,
  ...hashFunctions,
  ...timeFunctions,
  ...messageFunctions,
]

const byName = new Map(all.map(each => [each.name, each]))

/** By the lower-case name. External functions are listed beside. */
export const sqlFunction = (name: string): RuleFunction | undefined => byName.get(name)

/** In alphabetical order, without the external ones. */
export const sqlFunctionNames: readonly string[] = [...byName.keys()].sort()
