import type { KeyObject } from 'node:crypto'
import { LoomError } from '../errors.ts'
import { extensionIds as ids } from './certificate-body.ts'
import { bits, integer, natural, octets, oid, sequence, time, tlv } from './der.ts'
import { pemOf } from './pem.ts'
import { signerOf } from './signed.ts'

/** Why a certificate was revoked, with the number it has in a list (RFC 5280, 5.3.1). */
export const revocationReasons = {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  certificateHold: 6,
  privilegeWithdrawn: 9,
  aACompromise: 10,
} as const
export type RevocationReason = keyof typeof revocationReasons

export interface CrlEntry {
  /** hex */
  readonly serial: string
  /** when it was revoked, epoch ms */
  readonly at: number
  readonly reason?: RevocationReason
}

export interface Crl {
  der: Buffer
  pem: string
}

const version2 = integer(Buffer.from([1]))
const reasonOf = (number: number): Buffer => sequence(sequence(oid(ids.reason), octets(tlv(0x0a, Buffer.from([number])))))
const reasonExtensions = new Map(Object.values(revocationReasons).map(number => [number, reasonOf(number)]))
const none = Buffer.alloc(0)
const encoded = new WeakMap<CrlEntry, Buffer>()

/** The DER of an entry is kept with the object: lists are made again and again of the same ones. */
function entryDer(entry: CrlEntry): Buffer {
  const kept = encoded.get(entry)
  if (kept) return kept
  const { serial, at, reason = 'unspecified' } = entry
  const number = revocationReasons[reason]
  if (!/^([0-9a-f]{2}){1,20}$/i.test(serial) || number === undefined || !Number.isFinite(at))
    throw new LoomError('PKI_CRL_INVALID', `entry ${serial.slice(0, 50)}, reason ${String(reason).slice(0, 40)}`, {
      hint: `serial numbers are 1 to 20 bytes in hex, reasons ${Object.keys(revocationReasons).join(', ')}`,
    })
  const bytes = serial.length / 2
  const pad = Number.parseInt(serial.slice(0, 2), 16) & 0x80 ? 1 : 0
  const when = time(at)
  // RFC 5280, 5.3.1: absent instead of unspecified
  const extension = number === 0 ? none : reasonExtensions.get(number)!
  // All of it is shorter than 128 bytes, so each length is one byte.
  const size = 2 + pad + bytes + when.length + extension.length
  const der = Buffer.allocUnsafe(2 + size)
  der[0] = 0x30
  der[1] = size
  der[2] = 0x02
  der[3] = pad + bytes
  if (pad) der[4] = 0
  const end = 4 + pad + der.write(serial, 4 + pad, 'hex')
  der.set(when, end)
  der.set(extension, end + when.length)
  encoded.set(entry, der)
  return der
}

/**
 * A revocation list, version 2 (RFC 5280, 5), of the authority `issuer`. `number` must never be used twice by that authority. Times are epoch ms. PKI_CRL_INVALID
 * for an entry that cannot be written or more of them than fit into 16 MB.
 */
export function createCrl(o: {
  issuer: { der: Buffer; privateKey: KeyObject }
  entries: readonly CrlEntry[]
  number: number
  thisUpdate: number
  nextUpdate: number
}): Crl {
  const { name, authorityKeyId, signing } = signerOf(o.issuer)
  if (!Number.isSafeInteger(o.number) || o.number < 0) throw new LoomError('PKI_CRL_INVALID', `number ${o.number}`)
  if (!(o.nextUpdate > o.thisUpdate)) throw new LoomError('PKI_CRL_INVALID', 'its end is not after its beginning')
  const number = sequence(oid(ids.crlNumber), octets(natural(o.number)))
  const entries = o.entries.map(entryDer)
  try {
    const tbs = sequence(
      version2,
      signing.algorithm,
      name,
      time(o.thisUpdate),
      time(o.nextUpdate),
      // RFC 5280, 5.1.2.6: an empty list is absent
      ...(entries.length ? [sequence(...entries)] : []),
      tlv(0xa0, sequence(authorityKeyId, number)),
    )
    const der = sequence(tbs, signing.algorithm, bits(signing.sign(tbs)))
    return { der, pem: pemOf('X509 CRL', der) }
  } catch (cause) {
    throw new LoomError('PKI_CRL_INVALID', `${entries.length} entries`, { cause })
  }
}
