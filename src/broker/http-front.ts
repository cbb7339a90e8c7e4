import type { IncomingMessage, ServerResponse } from 'node:http'
import type { HttpAnswer, HttpRequest } from '../telemetry/http-exchange.ts'

/** The largest body of a device request, 1 MiB. */
export const maxHttpBodyBytes = 1_048_576

/** A client comes again after this many seconds. */
const retryAfterS = 2

export interface HttpLimits {
  /** Of all bodies that are read or answered. */
  bodyBytes: number
  /** Open connections that are no WebSockets. */
  sockets: number
  socketsPerAddress: number
}

/** What the HTTP fronts of a process hold at the same time, within one set of limits. */
export class HttpLoad {
  readonly #limits: HttpLimits
  readonly #sockets = new Map<object, string>()
  readonly #byAddress = new Map<string, number>()
  #bytes = 0

  constructor(limits: HttpLimits = { bodyBytes: 64 * 1024 ** 2, sockets: 2000, socketsPerAddress: 100 }) {
    this.#limits = limits
  }

  get bytes(): number {
    return this.#bytes
  }

  get sockets(): number {
    return this.#sockets.size
  }

  /** Whether there is room for the socket; it stays counted until it leaves. */
  enter(socket: object, address: string): boolean {
    const { sockets, socketsPerAddress } = this.#limits
    const open = this.#byAddress.get(address) ?? 0
    if (this.#sockets.size >= sockets || open >= socketsPerAddress) return false
    this.#sockets.set(socket, address)
    this.#byAddress.set(address, open + 1)
    return true
  }

  leave(socket: object): void {
    const address = this.#sockets.get(socket)
    if (address === undefined) return
    this.#sockets.delete(socket)
    const open = this.#byAddress.get(address)! - 1
    if (open) this.#byAddress.set(address, open)
    else this.#byAddress.delete(address)
  }

  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.#limits.bodyBytes) return false
    this.#bytes += bytes
    return true
  }

  give(bytes: number): void {
    this.#bytes -= bytes
  }
}

/**
 * Reads one device request whole and writes its answer; too large a body, or one that `load` has no room for, is refused and the connection closed,
 * one that breaks off is answered by nothing.
 */
export async function serveRequest(
  request: IncomingMessage,
  response: ServerResponse,
  answer: (request: HttpRequest) => Promise<HttpAnswer>,
  load: HttpLoad,
): Promise<void> {
  let taken = 0
  // Bytes are counted as they come: a length that is only announced takes nobody's room.
  const take = (bytes: number): boolean => {
    if (!load.take(bytes)) return false
    taken += bytes
    return true
  }
  try {
    const body = await bodyOf(request, take).catch(() => undefined)
    if (body === undefined) response.destroy()
    else if (body === 'too large') refuse(response, 413, `the body has more than ${maxHttpBodyBytes} bytes`)
    else if (body === 'no room') refuse(response, 503, 'too many requests are being read', { 'retry-after': String(retryAfterS) })
    else await answerTo(request, response, answer, body)
  } finally {
    load.give(taken)
  }
}

const refuse = (response: ServerResponse, status: number, message: string, headers: Record<string, string> = {}): void => {
  response.writeHead(status, { connection: 'close', 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify({ message }))
}

async function answerTo(
  request: IncomingMessage,
  response: ServerResponse,
  answer: (request: HttpRequest) => Promise<HttpAnswer>,
  body: Buffer,
): Promise<void> {
  const [path = '/', query = ''] = splitOnce(request.url ?? '/')
  const {
    status,
    headers,
    body: text,
    bytes,
  } = await answer({
    method: request.method ?? '',
    path,
    query,
    headers: headersOf(request),
    body,
  })
  if (response.destroyed) return
  response.writeHead(status, {
    'cache-control': 'no-store',
    ...headers,
    'content-length': bytes?.length ?? Buffer.byteLength(text),
  })
  response.end(bytes ?? text)
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

function bodyOf(request: IncomingMessage, take: (bytes: number) => boolean): Promise<Buffer | 'too large' | 'no room'> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const refuse = (why: 'too large' | 'no room'): void => {
      // What is still to come is read and dropped until the answer is out: destroying the request would take the answer along.
      request.off('data', read).resume()
      chunks.length = 0
      resolve(why)
    }
    const read = (chunk: Buffer): void => {
      bytes += chunk.length
      if (bytes > maxHttpBodyBytes) refuse('too large')
      else if (take(chunk.length)) chunks.push(chunk)
      else refuse('no room')
    }
    request.once('end', () => resolve(Buffer.concat(chunks)))
    request.once('error', reject).once('close', () => reject(new Error('it broke off')))
    if (Number(request.headers['content-length'] ?? 0) > maxHttpBodyBytes) refuse('too large')
    else request.on('data', read)
  })
}
