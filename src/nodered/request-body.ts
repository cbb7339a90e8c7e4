import type { Request } from 'express'
import { LoomError } from '../errors.ts'

/** The largest body of a device request, 1 MiB, as at the hub's own listener. */
const maxBytes = 1_048_576

/**
 * The bytes of a request's body. A parser in front may have taken them: then what it left stands for them, JSON written anew.
 * REQUEST_TOO_LARGE, REQUEST_TYPE for a form that was parsed.
 */
export async function requestBody(request: Request): Promise<Uint8Array> {
  if (request.readableDidRead) return within(parsed(request))
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge()
  const chunks: Buffer[] = []
  let bytes = 0
  // The connection is still needed for the answer.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBytes) throw tooLarge()
    chunks.push(chunk)
  }
  return new Uint8Array(Buffer.concat(chunks))
}

/** Reads what is left of a refused request and throws it away: a client that is still sending would not read its answer. What goes on for ever is cut off. */
export function discardBody(request: Request): void {
  let left = 16 * maxBytes
  request.on('data', (chunk: Buffer) => {
    left -= chunk.length
    if (left < 0) request.destroy()
  })
}

const tooLarge = () => new LoomError('REQUEST_TOO_LARGE', `at most ${maxBytes} bytes`)

function within(bytes: Uint8Array): Uint8Array {
  if (bytes.length > maxBytes) throw tooLarge()
  return new Uint8Array(bytes)
}

function parsed(request: Request): Uint8Array {
  const { body, rawBody } = request as { body?: unknown; rawBody?: unknown }
  for (const bytes of [rawBody, body]) if (bytes instanceof Uint8Array) return bytes
  if (body === undefined) return new Uint8Array()
  if (typeof body === 'string') return Buffer.from(body)
  if (/^(application\/x-www-form-urlencoded|multipart\/)/i.test(request.headers['content-type'] ?? ''))
    throw new LoomError('REQUEST_TYPE', 'a form', { hint: 'send application/json or application/octet-stream' })
  return Buffer.from(JSON.stringify(body))
}
