import { LoomError } from '../errors.ts'

/** Upper bound of a template, characters; AWS has 10,240. */
export const maxTemplateChars = 32_768
const maxDepth = 64

const space = /[\t\n\r ]*/y
const scalar =
  /"(?:[^"\\\p{Cc}]|[\x7f-\x9f]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/uy
const key = /"(?:[^"\\\p{Cc}]|[\x7f-\x9f]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*"/uy

/** PROV_TEMPLATE_INVALID with the offset of the first character that is wrong: JSON.parse does not always tell. */
export function parseJson(text: string): unknown {
  if (text.length > maxTemplateChars)
    throw new LoomError('PROV_TEMPLATE_INVALID', `${text.length} characters`, { hint: `at most ${maxTemplateChars}` })
  try {
    return JSON.parse(text)
  } catch (cause) {
    const position = faultAt(text)
    const before = text.slice(0, position)
    const line = before.split('\n').length
    const column = position - before.lastIndexOf('\n')
    throw new LoomError('PROV_TEMPLATE_INVALID', `no JSON at line ${line}, column ${column}`, {
      cause,
      position,
      hint: 'look for a comma, quote or bracket there',
    })
  }
}

/** Offset where a text that is no JSON (RFC 8259) stops being one. */
function faultAt(text: string): number {
  let at = 0
  const skip = (pattern: RegExp): boolean => {
    pattern.lastIndex = at
    const found = pattern.test(text)
    if (found) at = pattern.lastIndex
    return found
  }
  const take = (char: string): boolean => {
    skip(space)
    if (text[at] !== char) return false
    at++
    return true
  }
  const members = (end: string, member: () => boolean): boolean => {
    if (take(end)) return true
    do {
      if (!member()) return false
    } while (take(','))
    return take(end)
  }
  const value = (depth: number): boolean => {
    skip(space)
    if (depth > maxDepth) return false
    const inner = () => value(depth + 1)
    if (take('{')) return members('}', () => skip(space) && skip(key) && take(':') && inner())
    if (take('[')) return members(']', inner)
    return skip(scalar)
  }
  if (value(0)) skip(space)
  return at
}
