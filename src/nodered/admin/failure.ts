import type { ErrorRequestHandler, Response } from 'express'
import { type ErrorData, errorData, LoomError } from '../../errors.ts'
import type { JsonForm } from './route.ts'

/** Answers with the error, in the form of its route if it has one. Its hint stands beside the message alone: who reads JSON need not take it out of the text. */
export function fail(response: Response, thrown: unknown, form?: JsonForm): void {
  if (form) {
    const { status, body } = form.failure(thrown)
    response.status(status).type(form.mediaType).send(JSON.stringify(body))
    return
  }
  const status = thrown instanceof LoomError ? thrown.status : 500
  response.status(status).json({ error: apart(errorData(thrown)) })
}

function apart(error: ErrorData): ErrorData {
  const end = ` (${error.hint})`
  return error.hint && error.message.endsWith(end) ? { ...error, message: error.message.slice(0, -end.length) } : error
}

/** What the server's own parsers throw, before a route is reached. */
interface ParserError extends Error {
  type?: string
  status?: number
  limit?: number
}

/** Answers what went wrong outside the routes' own code: a body or path that cannot be read. `unexpected` gets what is nobody's request. */
export const parserFailure =
  (unexpected: (error: unknown) => void): ErrorRequestHandler =>
  (thrown: unknown, _request, response, next) => {
    if (response.headersSent) return next(thrown)
    const refusal = refusalOf(thrown)
    if (!refusal) unexpected(thrown)
    fail(response, refusal ?? new LoomError('NODE_FAULT'))
  }

/** The texts of parsers quote the body, which may hold secrets: they stay out of the answer. */
function refusalOf(thrown: unknown): LoomError | undefined {
  if (thrown instanceof LoomError) return thrown
  if (!(thrown instanceof Error)) return undefined
  const { type, status, limit, message } = thrown as ParserError
  if (type === 'entity.parse.failed') {
    const [, position] = /at position (\d+)/.exec(message) ?? []
    return new LoomError('REQUEST_INVALID', 'the body is not valid JSON', {
      cause: thrown,
      ...(position !== undefined && { position: Number(position) }),
    })
  }
  if (status === 413)
    return new LoomError('REQUEST_TOO_LARGE', limit === undefined ? '' : `at most ${limit} bytes`, { cause: thrown })
  if (status === 415) return new LoomError('REQUEST_TYPE', 'its charset or encoding', { cause: thrown, hint: 'send UTF-8' })
  if (thrown instanceof URIError || (status !== undefined && status >= 400 && status < 500))
    return new LoomError('REQUEST_INVALID', thrown instanceof URIError ? 'the path is not percent-encoded UTF-8' : '', {
      cause: thrown,
    })
  return undefined
}
