import type { IncomingMessage, ServerResponse } from 'node:http'
import type { HttpAnswer, HttpRequest } from '../telemetry/http-exchange.ts'

/** The largest body of a device request, 1 MiB. */
export const maxHttpBodyBytes = 1_048_576

/** Reads one device request whole and writes its answer; too large a body is refused and the connection closed, one that breaks off is answered by nothing. */
export async function serveRequest(
  request: IncomingMessage,
  response: ServerResponse,
  answer: (request: HttpRequest) => Promise<HttpAnswer>,
): Promise<void> {
  const body = await bodyOf(request).catch(() => undefined)
  if (body === undefined) return void response.destroy()
  if (body === 'too large') {
    response.writeHead(413, { connection: 'close', 'content-type': 'application/json' })
    response.end(JSON.stringify({ message: `the body has more than ${maxHttpBodyBytes} bytes` }), () => request.destroy())
    return
  }
  const [path = '/', query = ''] = splitOnce(request.url ?? '/')
  const {
    status,
    headers,
    body: text,
  } = await answer({
    method: request.method ?? '',
    path,
    query,
    headers: headersOf(request),
    body,
  })
  if (response.destroyed) return
  response.writeHead(status, { 'cache-control': 'no-store', ...headers, 'content-length': Buffer.byteLength(text) })
  response.end(text)
}

function splitOnce(url: string): [path: string, query: string] {
  const at = url.indexOf('?')
  return at < 0 ? [url, ''] : [url.slice(0, at), url.slice(at + 1)]
}

function headersOf({ headers }: IncomingMessage): Record<string, string> {
  const out: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined) out[name] = Array.isArray(value) ? value.join(', ') : value
  return out
}

async function bodyOf(request: IncomingMessage): Promise<Buffer | 'too large'> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxHttpBodyBytes) return 'too large'
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
