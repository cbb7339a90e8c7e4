import type { TextPosition } from '../errors.ts'

/** Characters of a line that are shown; a longer line is cut around the place. */
const width = 100

/**
 * The message, the line of the text and carets below the place, for people:
 *
 *     the rule cannot be read: line 1 column 10: expected ..
 *       SELECT a b
 *                ^
 */
export function withCaret({ message, position }: { message: string; position?: unknown }, text: string): string {
  if (!isTextPosition(position) || position.offset > text.length) return message
  const { offset, length } = position
  const start = text.lastIndexOf('\n', offset - 1) + 1
  const end = offset + text.slice(offset).search(/\r?\n|$/)
  const from = offset - start > width - 20 ? offset - width / 2 : start
  const to = Math.min(end, from + width)
  const before = `${from > start ? '..' : ''}${text.slice(from, offset)}`
  const line = `${from > start ? '..' : ''}${text.slice(from, to)}${to < end ? '..' : ''}`
  const carets = '^'.repeat(Math.max(1, Math.min(length, to - offset)))
  return `${message}\n  ${line.trimEnd()}\n  ${before.replace(/[^\t]/g, ' ')}${carets}`
}

const isTextPosition = (position: unknown): position is TextPosition =>
  typeof position === 'object' && position !== null && 'offset' in position && 'length' in position
