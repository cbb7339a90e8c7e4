import { LoomError } from '../errors.ts'

/** A place in a policy's text: offset in UTF-16 units and path such as `Statement[1].Resource[0]`. */
export interface Place {
  text: string
  at: number
  path: string
}

/** POLICY_INVALID that points at the place: `position` is the offset, the message names line, column and path. */
export function policyFault({ text, at, path }: Place, detail: string, hint?: string): LoomError {
  const before = text.slice(0, at)
  const line = before.split('\n').length
  const column = at - before.lastIndexOf('\n')
  return new LoomError('POLICY_INVALID', `${path ? `${path}, ` : ''}line ${line} column ${column}: ${detail}`, {
    position: at,
    ...(hint !== undefined && { hint }),
  })
}

/** A value from the document as a message may show it. */
export const shownText = (value: string): string => JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}..` : value)
