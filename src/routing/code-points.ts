import { hasSurrogates } from './values.ts'

/** Positions in texts count Unicode code points. Texts without surrogates, nearly all, take the short way. */
export function lengthOf(text: string): number {
  if (!hasSurrogates(text)) return text.length
  let length = 0
  for (const _ of text) length++
  return length
}

/** From `start` up to but not including `end`; positions outside count as the nearest inside. */
export function sliceOf(text: string, start: number, end: number): string {
  const from = Math.max(start, 0)
  if (from >= end) return ''
  return hasSurrogates(text) ? Array.from(text).slice(from, end).join('') : text.slice(from, end)
}

/** Where the part begins first, or -1. */
export function indexOf(text: string, part: string): number {
  const at = text.indexOf(part)
  return at > 0 && hasSurrogates(text) ? lengthOf(text.slice(0, at)) : at
}

/** Every occurrence of `part`, without overlap; an empty part occurs around every character. `undefined` if the result had more characters than `most`. */
export function replaceEvery(text: string, part: string, by: string, most: number): string | undefined {
  if (part === '') return lengthOf(text) * by.length > most ? undefined : ['', ...text, ''].join(by)
  let count = 0
  for (let at = text.indexOf(part); at !== -1; at = text.indexOf(part, at + part.length)) count++
  if (text.length + count * (by.length - part.length) > most) return undefined
  return count === 0 ? text : text.replaceAll(part, () => by)
}
