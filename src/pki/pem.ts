import { type ErrorCode, LoomError } from '../errors.ts'

export type PemLabel = 'CERTIFICATE' | 'CERTIFICATE REQUEST' | 'X509 CRL'

export const pemOf = (label: PemLabel, der: Uint8Array): string => {
  const text = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('base64')
  const lines: string[] = []
  for (let at = 0; at < text.length; at += 64) lines.push(text.slice(at, at + 64))
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}

/** DER of a text with exactly one PEM block of that label (text around it is allowed, RFC 7468), or of DER itself; else throws `code`. */
export function derOf(input: string | Uint8Array, o: { label: PemLabel; maxBytes: number; code: ErrorCode }): Buffer {
  const { label, maxBytes, code } = o
  if (input.length > maxBytes) throw new LoomError(code, `${input.length} bytes`, { hint: `at most ${maxBytes} bytes` })
  if (typeof input !== 'string') return Buffer.from(input)
  // openssl wrote NEW CERTIFICATE REQUEST for a long time
  const begins = [...input.matchAll(/-----BEGIN (?:NEW )?([A-Z0-9 ]{1,40})-----/g)]
  const begin = begins[0]
  if (begins.length !== 1 || begin?.[1] !== label)
    throw new LoomError(code, `${begins.length} PEM blocks`, { hint: `one block "BEGIN ${label}" is expected` })
  const start = begin.index + begin[0].length
  const end = input.indexOf('-----END ', start)
  return bytesOf(end < 0 ? '' : input.slice(start, end), code)
}

function bytesOf(body: string, code: ErrorCode): Buffer {
  const text = body.replace(/\s+/g, '')
  if (!text || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) throw new LoomError(code, 'the PEM block is not base64')
  return Buffer.from(text, 'base64')
}

export interface PemBlock {
  label: string
  /** from BEGIN to END, both included */
  text: string
}

/** All PEM blocks of a text, in order, at most `most`; else throws `code`. */
export function pemBlocks(input: string, o: { most: number; maxBytes: number; code: ErrorCode }): PemBlock[] {
  if (input.length > o.maxBytes) throw new LoomError(o.code, `${input.length} bytes`, { hint: `at most ${o.maxBytes} bytes` })
  const blocks: PemBlock[] = []
  const begin = /-----BEGIN ([A-Z0-9 ]{1,40})-----/g
  for (let found = begin.exec(input); found; found = begin.exec(input)) {
    const [head, label] = found as unknown as [string, string]
    const foot = `-----END ${label}-----`
    const end = input.indexOf(foot, found.index + head.length)
    if (end < 0) throw new LoomError(o.code, `a block "${label}" has no end`)
    if (blocks.length === o.most) throw new LoomError(o.code, `more than ${o.most} PEM blocks`)
    begin.lastIndex = end + foot.length
    blocks.push({ label, text: input.slice(found.index, begin.lastIndex) })
  }
  return blocks
}
