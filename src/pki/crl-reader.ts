import type { KeyObject } from 'node:crypto'
import { LoomError } from '../errors.ts'
import { type Extension, extensionIds as ids, extensionsOf } from './certificate-body.ts'
import { type CrlEntry, type RevocationReason, revocationReasons } from './crl.ts'
import { expected, membersOf, naturalOf, only, type Slice, tags, timeOf, wholeBits } from './der-reader.ts'
import { derOf } from './pem.ts'
import { checkSignature } from './signature.ts'

export const maxCrlBytes = 24 * 2 ** 20

export interface CrlFacts {
  der: Buffer
  /** the authority's name, DER */
  issuer: Buffer
  /** hex of the authority's key id, if the list names it */
  authorityKeyId?: string
  /** absent in lists without one and where it has more than six bytes */
  number?: number
  /** epoch ms */
  thisUpdate: number
  /** `Infinity` if the list names none */
  nextUpdate: number
  entries: CrlEntry[]
  /** Whether that key signed the list; dates are not looked at. */
  isSignedBy(publicKey: KeyObject): boolean
}

const reasonNames = new Map<number, RevocationReason>(
  Object.entries(revocationReasons).map(([name, number]) => [number, name as RevocationReason]),
)

/** What a revocation list (PEM or DER) says; nothing is verified but its form. PKI_CRL_INVALID, also for a critical extension that is not known. */
export function readCrl(input: string | Uint8Array): CrlFacts {
  const der = derOf(input, { label: 'X509 CRL', maxBytes: maxCrlBytes, code: 'PKI_CRL_INVALID' })
  try {
    return factsOf(der)
  } catch (cause) {
    throw new LoomError('PKI_CRL_INVALID', 'this is not a revocation list', { cause, hint: 'give one X.509 CRL, PEM or DER' })
  }
}

function factsOf(der: Buffer): CrlFacts {
  const [tbs, algorithm, signature, more] = membersOf(only(der))
  if (more) throw new RangeError('something follows the signature')
  const parts = membersOf(tbs)
  const hasVersion = parts[0]?.tag === tags.integer
  if (hasVersion && naturalOf(parts[0]) !== 1) throw new RangeError('an unknown version')
  const [inner, issuer, thisUpdate, ...rest] = hasVersion ? parts.slice(1) : parts
  if (!expected(inner, tags.sequence).raw.equals(expected(algorithm, tags.sequence).raw))
    throw new RangeError('the two signature algorithms differ')
  const next = rest[0] && rest[0].tag !== tags.sequence && rest[0].tag !== 0xa0 ? rest.shift() : undefined
  const list = rest[0]?.tag === tags.sequence ? rest.shift() : undefined
  const wrapper = rest.shift()
  if (rest.length > 0) throw new RangeError('something follows the extensions')
  const extensions = known(extensionsOf(wrapper && only(expected(wrapper, 0xa0).content)), [ids.crlNumber, ids.authorityKeyId])
  const number = extensions.get(ids.crlNumber)?.value
  const keyId = extensions.get(ids.authorityKeyId)?.value
  const authorityKeyId =
    keyId &&
    membersOf(only(keyId))
      .find(({ tag }) => tag === 0x80)
      ?.content.toString('hex')
  const signed = { algorithm: algorithm!.raw, data: tbs!.raw, signature: wholeBits(signature) }
  return {
    der,
    issuer: expected(issuer, tags.sequence).raw,
    ...(authorityKeyId !== undefined && { authorityKeyId }),
    ...(number && only(number, tags.integer).content.length < 7 && { number: naturalOf(only(number, tags.integer)) }),
    thisUpdate: timeOf(thisUpdate),
    nextUpdate: next ? timeOf(next) : Number.POSITIVE_INFINITY,
    entries: list ? membersOf(list).map(entryOf) : [],
    isSignedBy: publicKey => checkSignature({ ...signed, publicKey }) === 'genuine',
  }
}

function entryOf(entry: Slice): CrlEntry {
  const [serial, at, extensions] = membersOf(entry)
  const { content } = expected(serial, tags.integer)
  const bytes = content.length > 1 && content[0] === 0 ? content.subarray(1) : content
  const value = known(extensionsOf(extensions), [ids.reason]).get(ids.reason)?.value
  const reason = value && reasonNames.get(naturalOf(only(value, tags.enumerated), tags.enumerated))
  return { serial: bytes.toString('hex'), at: timeOf(at), ...(reason && { reason }) }
}

function known(extensions: ReadonlyMap<string, Extension>, ids: readonly string[]): ReadonlyMap<string, Extension> {
  for (const [id, { critical }] of extensions)
    if (critical && !ids.includes(id)) throw new RangeError(`critical extension ${id} is not known`)
  return extensions
}
