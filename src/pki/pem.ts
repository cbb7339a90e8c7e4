import { type ErrorCode, LoomError } from '../errors.ts'

export type PemLabel = 'CERTIFICATE' | 'CERTIFICATE REQUEST' | 'X509 CRL'

export const pemOf = (label: PemLabel, der: Uint8Array): string => {
  const text = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('base64')
  const lines: string[] = []
  for (let at = 0; at < text.length; at += 64) lines.push(text.slice(at, at + 64))
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}

const dashes = '-----'
const begin = '-----BEGIN '

/** DER of a text with exactly one PEM block of that label (text around it is allowed, RFC 7468), or of DER itself; else throws `code`. */
export function derOf(input: string | Uint8Array, o: { label: PemLabel; maxBytes: number; code: ErrorCode }): Buffer {
  const { label, maxBytes, code } = o
  if (input.length > maxBytes) throw new LoomError(code, `${input.length} bytes`, { hint: `at most ${maxBytes} bytes` })
  if (typeof input !== 'string') return Buffer.from(input)
  const count = input.split(begin).length - 1
  const start = input.indexOf(begin) + begin.length
  const stop = input.indexOf(dashes, start)
  // openssl wrote NEW CERTIFICATE REQUEST for a long time
  if (count !== 1 || input.slice(start, stop).replace(/^NEW /, '') !== label)
    throw new LoomError(code, `${count} PEM blocks`, { hint: `one block "BEGIN ${label}" is expected` })
  const end = input.indexOf('-----END ', stop)
  return bytesOf(end < 0 ? '' : input.slice(stop + dashes.length, end), code)
}

function bytesOf(body: string, code: ErrorCode): Buffer {
  if (!/^[A-Za-z0-9+/\s]*[A-Za-z0-9+/][\s=]*$/.test(body)) throw new LoomError(code, 'the PEM block is not base64')
  return Buffer.from(body, 'base64')
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
  const head = /-----BEGIN ([A-Z0-9 ]{1,40})-----/g
  for (let found = head.exec(input); found; found = head.exec(input)) {
    const [whole, label] = found as unknown as [string, string]
    const foot = `-----END ${label}-----`
    const end = input.indexOf(foot, found.index + whole.length)
    if (end < 0) throw new LoomError(o.code, `a block "${label}" has no end`)
    if (blocks.length === o.most) throw new LoomError(o.code, `more than ${o.most} PEM blocks`)
    head.lastIndex = end + foot.length
    blocks.push({ label, text: input.slice(found.index, head.lastIndex) })
  }
  return blocks
}
