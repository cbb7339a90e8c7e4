import type { ActionResponse } from '../../routing/action/action.ts'
import type { NewMsg } from '../define.ts'

/** The answer as a flow reads it: JSON as a value, texts as such, anything else as bytes. */
export function shownResponse(response: ActionResponse): NewMsg {
  const { status, headers, body, truncated } = response
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  return { statusCode: status, headers, payload: decoded(bytes, headers['content-type'] ?? ''), ...(truncated && { truncated }) }
}

function decoded(bytes: Buffer, contentType: string): unknown {
  if (/\bjson\b/i.test(contentType))
    try {
      return JSON.parse(bytes.toString())
    } catch {
      return bytes.toString()
    }
  return !bytes.length || /^text\//i.test(contentType) ? bytes.toString() : bytes
}
