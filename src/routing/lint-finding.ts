import type { TextPosition } from '../errors.ts'
import type { Expression } from './ast.ts'
import { childrenOf } from './expression-children.ts'

export type LintCode =
  | 'missing-key'
  | 'numeric-string'
  | 'date-compare'
  | 'alias-in-where'
  | 'constant-condition'
  | 'arity'
  | 'regex-invalid'
  | 'regex-guarded'
  | 'precision'
  | 'unnamed-item'
  | 'duplicate-name'
  | 'not-indexed'
  | 'chained-comparison'
  | 'loop'
  | 'not-portable'

/** Something that is allowed and probably not meant. */
export interface LintFinding {
  code: LintCode
  message: string
  position: TextPosition
  /** The text that replaces so many characters at the offset. */
  fix?: { offset: number; length: number; text: string }
}

export const finding = (code: LintCode, message: string, position: TextPosition, fixed?: string): LintFinding => ({
  code,
  message,
  position,
  ...(fixed !== undefined && { fix: { offset: position.offset, length: position.length, text: fixed } }),
})

/** The expression and all inside it, those around before those inside. */
export function visit(expression: Expression, see: (one: Expression) => void): void {
  see(expression)
  for (const child of childrenOf(expression)) visit(child, see)
}
