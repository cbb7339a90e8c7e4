import { LoomError } from '../errors.ts'
import { isSection } from './json.ts'
import { repeatedMember } from './repeated-member.ts'

/** Levels of a text; deeper ones are refused before anything walks them. */
const DEPTH = 100

/** TWIN_LIMIT for too many bytes, TWIN_INVALID for bytes that are no UTF-8. */
export function textOf(bytes: Uint8Array, most: number): string {
  if (bytes.length > most) throw new LoomError('TWIN_LIMIT', `a request of ${bytes.length} bytes`, { hint: `at most ${most}` })
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new LoomError('TWIN_INVALID', 'the request is not UTF-8', { cause })
  }
}

/**
 * RFC 8259. A member that stands twice in an object is refused: which of them counts is anyone's guess. A member named `__proto__` is an own one of the result. TWIN_INVALID
 * for no JSON, TWIN_LIMIT for more than 100 levels.
 */
export function readJson(text: string): unknown {
  const { members, deepest } = outline(text)
  if (deepest > DEPTH) throw new LoomError('TWIN_LIMIT', `JSON with more than ${DEPTH} levels`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // The engine's words quote the payload
    throw new LoomError('TWIN_INVALID', text.trim() ? 'the request is no JSON' : 'the request is empty')
  }
  if (membersOf(value) !== members)
    throw new LoomError('TWIN_INVALID', `member ${JSON.stringify(repeatedMember(text)?.slice(0, 60))} stands twice in an object`)
  return value
}

/** Of a text that is JSON: how many members its objects have as written, and its levels. */
function outline(text: string): { members: number; deepest: number } {
  let members = 0
  let depth = 0
  let deepest = 0
  let quoted = false
  for (let at = 0; at < text.length; at++) {
    const c = text.charCodeAt(at)
    if (quoted) {
      if (c === 92) at++
      else if (c === 34) quoted = false
    } else if (c === 34) quoted = true
    else if (c === 58) members++
    else if (c === 123 || c === 91) {
      if (++depth > deepest) deepest = depth
    } else if (c === 125 || c === 93) depth--
  }
  return { members, deepest }
}

function membersOf(value: unknown): number {
  let sum = 0
  if (Array.isArray(value)) for (const item of value) sum += membersOf(item)
  else if (isSection(value)) for (const key of Object.keys(value)) sum += 1 + membersOf(value[key])
  return sum
}
