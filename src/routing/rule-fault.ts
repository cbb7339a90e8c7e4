import { type ErrorCode, LoomError, type TextPosition } from '../errors.ts'

export type RuleCode = Extract<ErrorCode, `RULE_${string}`>

/** An error of a rule's text; the message begins with line and column for places that show no caret. */
export function ruleFault(code: RuleCode, detail: string, position: TextPosition, hint?: string): LoomError {
  const { line, column } = position
  return new LoomError(code, `line ${line} column ${column}: ${detail}`, { position, ...(hint !== undefined && { hint }) })
}

/** A piece of the rule as a message may show it. */
export const shown = (text: string): string => (text.length > 40 ? `${text.slice(0, 40)}..` : text)
