import { isUnicodeEncoding } from '../telemetry/unicode.ts'
import type { RuleMessage } from './message.ts'
import { decodedJson } from './payload.ts'
import { isBytes, memberOfAnyCase } from './values.ts'

/**
 * What `$body` is: the payload, if the system properties say that it is JSON in a Unicode encoding and it is; else `undefined`. `decoded` is the payload as rules in
 * SQL see it.
 */
export function conditionBody({ system, payload }: RuleMessage, decoded: () => unknown): unknown {
  const type = memberOfAnyCase(system, 'contentType')
  const encoding = memberOfAnyCase(system, 'contentEncoding')
  if (typeof type !== 'string' || typeof encoding !== 'string' || !isJsonType(type)) return undefined
  const charset = encoding.trim()
  if (!isUnicodeEncoding(charset)) return undefined
  if (!isBytes(payload)) return payload
  if (!/^utf[-_]?8$/i.test(charset)) return decodedJson(payload, charset)
  const value = decoded()
  return isBytes(value) ? undefined : value
}

const isJsonType = (type: string): boolean => /^\s*application\/json\s*(;|$)/i.test(type)
