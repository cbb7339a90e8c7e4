import type { Request } from 'express'
import { LoomError } from '../../errors.ts'

/** A body that is no JSON, read as text. */
export interface RawFile {
  /** media type without parameters, lower case */
  type: string
  text: string
}

/** What a route takes as such a body. */
export interface RawBody {
  types: readonly string[]
  maxBytes: number
}

/** Reads the body itself: the server's parser leaves what is not JSON alone. REQUEST_TYPE, REQUEST_TOO_LARGE, REQUEST_INVALID for what is no UTF-8. */
export async function rawBodyOf(request: Request, { types, maxBytes }: RawBody): Promise<RawFile> {
  const type = /^[^;]*/
    .exec(request.headers['content-type'] ?? '')![0]
    .trim()
    .toLowerCase()
  if (!types.includes(type))
    throw new LoomError('REQUEST_TYPE', type ? `${type.slice(0, 60)} is not taken` : 'none is given', {
      hint: `send one of ${types.join(', ')}`,
    })
  const tooLarge = new LoomError('REQUEST_TOO_LARGE', `at most ${maxBytes} bytes`)
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBytes) throw tooLarge
    chunks.push(chunk)
  }
  try {
    return { type, text: new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)) }
  } catch (cause) {
    throw new LoomError('REQUEST_INVALID', 'the file is not UTF-8', { cause })
  }
}
