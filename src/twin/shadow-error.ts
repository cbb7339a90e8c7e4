import { codes, LoomError } from '../errors.ts'
import { type AnswerContext, closing } from './shadow-documents.ts'
import { shadowTextOf } from './shadow-request.ts'

/** Texts of AWS's service for what has one text only. */
const texts: Readonly<Record<number, string>> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  409: 'Version conflict',
  413: 'The payload exceeds the maximum size allowed',
  415: 'Unsupported documented encoding; supported encoding is UTF-8',
  429: 'Too many requests',
  500: 'Internal service failure',
}

/** `rejected` for anything thrown. What a shadow has no status for is a failure inside, of which nothing is said. */
export function toAwsRejected(thrown: unknown, context: AnswerContext & { thing: string; shadow?: string }) {
  const { code, message } = refusalOf(thrown, context)
  return { code, message, ...closing(context) }
}

function refusalOf(thrown: unknown, { thing, shadow }: { thing: string; shadow?: string }): { code: number; message: string } {
  const error = thrown instanceof LoomError ? thrown : undefined
  const status = error ? codes[error.code][0] : 500
  if (status === 404)
    return { code: 404, message: `No shadow exists with name: '${thing}${shadow === undefined ? '' : `~${shadow}`}'` }
  if (status === 400 && error) return { code: 400, message: shadowTextOf(error) ?? error.message }
  const code = Object.hasOwn(texts, status) ? status : 500
  return { code, message: texts[code]! }
}
