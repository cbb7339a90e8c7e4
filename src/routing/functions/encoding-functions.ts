import { base64Of, bytesOfBase64 } from '../base64.ts'
import type { CallContext, RuleFunction } from '../rule-function.ts'
import { isBytes, shortEnough, toText } from '../values.ts'
import { ruleFunction } from './define.ts'
import { textOfUtf8, utf8 } from './utf8.ts'

export const encodingFunctions: readonly RuleFunction[] = [
  ruleFunction('encode', ['V', 'V'], ([value, scheme]) => (scheme === 'base64' ? encoded(value) : undefined), {
    star: true,
    signature: "encode(V or *, 'base64')",
  }),
  {
    name: 'decode',
    arity: [2, 4],
    stable: true,
    star: true,
    signature: "decode(S, 'base64'), decode(S or *, 'proto', subject, type)",
    call([value, scheme, subject, type], context) {
      if (scheme === 'base64' && subject === undefined && type === undefined) return decoded(value)
      if (scheme !== 'proto' || typeof subject !== 'string' || typeof type !== 'string') return undefined
      return ofProtobuf(value, subject, type, context)
    },
  },
]

function encoded(value: unknown): string | undefined {
  if (isBytes(value)) return shortEnough(base64Of(value))
  const text = toText(value)
  return text === undefined ? undefined : shortEnough(base64Of(utf8(text)))
}

/** Null for a text that is no base64 of UTF-8. */
function decoded(value: unknown): unknown {
  if (typeof value !== 'string') return undefined
  const bytes = bytesOfBase64(value)
  const text = bytes && textOfUtf8(bytes)
  if (text === undefined) return null
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** Of bytes, or of their base64. */
function ofProtobuf(value: unknown, subject: string, type: string, { ports }: CallContext): unknown {
  const bytes = isBytes(value) ? value : typeof value === 'string' ? bytesOfBase64(value) : undefined
  if (!bytes) return undefined
  try {
    return ports.protobuf?.decode(bytes, subject, type)
  } catch {
    return undefined
  }
}
