import type { HashName, RuleFunction } from '../rule-function.ts'
import { isBytes, toText } from '../values.ts'
import { ruleFunction } from './define.ts'
import { utf8 } from './utf8.ts'

const names: readonly HashName[] = ['md2', 'md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512']

/** Of the text in UTF-8, or of the bytes of the payload. */
export const hashFunctions: readonly RuleFunction[] = names.map(name =>
  ruleFunction(
    name,
    ['V'],
    ([value], { ports }) => {
      if (isBytes(value)) return ports.hash(name, value)
      const text = toText(value)
      return text === undefined ? undefined : ports.hash(name, utf8(text))
    },
    { star: true, signature: `${name}(S or *)` },
  ),
)
