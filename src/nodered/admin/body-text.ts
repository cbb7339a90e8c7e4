import type { IncomingMessage, Server } from 'node:http'
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib'
import { LoomError } from '../../errors.ts'
import { repeatedMember } from '../../twin/repeated-member.ts'

/** Bodies as they were sent; undefined: more than is kept. */
const seen = new WeakMap<IncomingMessage, Buffer[] | undefined>()
const watched = new WeakSet<Server>()

/**
 * Keeps what requests of the admin API send, up to so many bytes: the server's parser comes first, and its JSON has the last of two members of one name. It looks on: who reads
 * the request, and when, is the same as without it.
 */
export function keepBodies(server: Server, maxBytes: number): void {
  if (watched.has(server)) return
  watched.add(server)
  server.prependListener('request', request => {
    if (request.method === 'GET' || !/\/thingloom\//i.test(request.url ?? '')) return
    let left = maxBytes
    const chunks: Buffer[] = []
    seen.set(request, chunks)
    const emit = request.emit
    request.emit = function (this: IncomingMessage, name: string | symbol, ...values: unknown[]) {
      if (name === 'data') {
        const chunk = Buffer.from(values[0] as Buffer)
        left -= chunk.length
        if (left < 0) seen.set(this, undefined)
        else chunks.push(chunk)
      }
      return emit.call(this, name, ...values)
    } as typeof emit
  })
}

const inflaters: Readonly<Record<string, (bytes: Buffer, o: { maxOutputLength: number }) => Buffer>> = {
  identity: bytes => bytes,
  gzip: gunzipSync,
  deflate: inflateSync,
  br: brotliDecompressSync,
}

/** REQUEST_INVALID for a JSON body with a member that stands twice in an object, REQUEST_TOO_LARGE, REQUEST_TYPE for another charset than UTF-8. */
export function refuseRepeated(request: IncomingMessage, maxBytes: number): void {
  if (!seen.has(request)) return
  const chunks = seen.get(request)
  const { 'content-type': type = '', 'content-encoding': encoding = 'identity' } = request.headers
  const charset = /;\s*charset\s*=\s*"?([\w-]+)/i.exec(type)?.[1] ?? 'utf-8'
  if (!/^(utf-?8|us-ascii)$/i.test(charset))
    throw new LoomError('REQUEST_TYPE', `charset ${charset.slice(0, 40)}`, { hint: 'JSON is UTF-8' })
  const inflate = inflaters[encoding.toLowerCase()]
  const bytes = chunks && inflate && inflated(() => inflate(Buffer.concat(chunks), { maxOutputLength: maxBytes }))
  if (!bytes) throw new LoomError('REQUEST_TOO_LARGE', `at most ${maxBytes} bytes`)
  refuseRepeatedIn(bytes.toString())
}

/** The same of a text. */
export function refuseRepeatedIn(text: string): void {
  const name = repeatedMember(text)
  if (name === undefined) return
  const shown = JSON.stringify(name.slice(0, 60))
  throw new LoomError('REQUEST_INVALID', `${shown} stands twice in an object`, {
    hint: "which of them counts is anyone's guess",
    position: 'body',
  })
}

/** What the server's parser has read before fails for its size alone. */
function inflated(inflate: () => Buffer): Buffer | undefined {
  try {
    return inflate()
  } catch {
    return undefined
  }
}
