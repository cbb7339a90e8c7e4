import { Lru } from '../../identity/lru.ts'
import { instantOf, type TimeFields } from './resolve-time.ts'
import { type Reader, readersOf } from './time-readers.ts'

const longestPattern = 256
const longestText = 512
const patterns = new Lru<string, readonly Reader[] | 'invalid'>(64)

/**
 * Epoch ms of a text in the letters of the JDK's `DateTimeFormatter`, names in English; UTC where text and pattern name no zone, midnight without a time.
 * `undefined` if the text does not match to its end, names no date, or one that is none.
 */
export function readTime(text: string, pattern: string): number | undefined {
  if (pattern.length > longestPattern || text.length > longestText) return undefined
  let readers = patterns.get(pattern)
  if (!readers) {
    readers = readersOf(pattern) ?? 'invalid'
    patterns.set(pattern, readers)
  }
  if (readers === 'invalid') return undefined
  const fields: TimeFields = {}
  let at: number | undefined = 0
  for (const read of readers) {
    at = read(text, at, fields)
    if (at === undefined) return undefined
  }
  return at === text.length ? instantOf(fields) : undefined
}
