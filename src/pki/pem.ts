import { LoomError, type ErrorCode } from '../errors.ts'

export type PemLabel = 'CERTIFICATE' | 'CERTIFICATE REQUEST'

export const pemOf = (label: PemLabel, der: Uint8Array): string =>
  `-----BEGIN ${label}-----\n${Buffer.from(der)
    .toString('base64')
    .replace(/.{64}(?=.)/g, '$&\n')}\n-----END ${label}-----\n`

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
  const body = end < 0 ? '' : input.slice(start, end).replace(/\s+/g, '')
  if (!body || !/^[A-Za-z0-9+/]+={0,2}$/.test(body)) throw new LoomError(code, 'the PEM block is not base64')
  return Buffer.from(body, 'base64')
}
