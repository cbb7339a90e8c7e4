/** Levels of objects and arrays in a payload. Deeper JSON would overflow the stack of those who copy or print it. */
export const jsonLevels = 100

/** Whether a JSON text is nested deeper. Of a text that is none either answer may come. */
export function isTooDeep(text: string): boolean {
  if (!hasManyBrackets(text)) return false
  let depth = 0
  let quoted = false
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (quoted) {
      if (c === 92) i++
      else if (c === 34) quoted = false
    } else if (c === 34) quoted = true
    else if (c === 123 || c === 91) {
      if (++depth > jsonLevels) return true
    } else if (c === 125 || c === 93) depth--
  }
  return false
}

/** What a level takes at least that is an object: `{"":` and `}`. */
const objectLevel = 5

/** Whether opening brackets may be more than levels. To look for them is by far cheaper than to look at each character. */
function hasManyBrackets(text: string): boolean {
  if (text.length < objectLevel * jsonLevels && !text.includes('[')) return false
  let left = jsonLevels
  for (const bracket of ['{', '['])
    for (let at = text.indexOf(bracket); at >= 0; at = text.indexOf(bracket, at + 1)) if (left-- === 0) return true
  return false
}
