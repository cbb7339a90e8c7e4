import type { KeyObject } from 'node:crypto'
import { LoomError } from '../errors.ts'
import { bits, integer, sequence, tlv } from './der.ts'
import { expected, membersOf, only, tags, wholeBits } from './der-reader.ts'
import { type KeyPolicy, readPublicKey, spkiHashOf, spkiOf } from './keys.ts'
import { commonNamesOf, encodeName } from './name.ts'
import { derOf, pemOf } from './pem.ts'
import { algorithmName, checkSignature, signingOf } from './signature.ts'

export const maxCsrBytes = 16_384

const version0 = integer(Buffer.from([0]))
const noAttributes = tlv(0xa0)

/** A certificate request (PKCS#10, RFC 2986) with CN = id, PEM. */
export function createCsr(o: { id: string; publicKey: KeyObject; privateKey: KeyObject }): string {
  const { algorithm, sign } = signingOf(o.privateKey)
  const info = sequence(version0, encodeName({ CN: o.id }), spkiOf(o.publicKey), noAttributes)
  return pemOf('CERTIFICATE REQUEST', sequence(info, algorithm, bits(sign(info))))
}

export interface CsrFacts {
  spki: Buffer
  spkiHash: string
  publicKey: KeyObject
}

/** What a request must fit. Without `id` any common name will do: the certificate will carry another one. */
export interface CsrDemands extends KeyPolicy {
  id?: string
}

/**
 * Checks a request: size, form and version (PKI_CSR_INVALID), key (PKI_KEY_REFUSED), signature (PKI_CSR_INVALID), the common name, absent or the
 * expected id (PKI_SUBJECT_MISMATCH). Extensions and other subject fields that it asks for are ignored.
 */
export function checkCsr(input: string | Uint8Array, demands: CsrDemands): CsrFacts {
  const { facts, commonNames } = parseCsr(input, demands)
  checkNames(commonNames, demands.id)
  return facts
}

/** `checkCsr`, and before the common name: a key that another owner already uses (PKI_KEY_REUSED). `ownerOfKey` names who has a certificate for it. */
export async function readCsr(
  input: string | Uint8Array,
  o: CsrDemands & { ownerOfKey?: (spkiHash: string) => Promise<string | undefined> },
): Promise<CsrFacts> {
  const { facts, commonNames } = parseCsr(input, o)
  const owner = await o.ownerOfKey?.(facts.spkiHash)
  if (owner !== undefined && owner !== o.id)
    throw new LoomError('PKI_KEY_REUSED', o.id === undefined ? 'another device has it' : `requested for "${o.id}"`, {
      hint: 'make a new key',
    })
  checkNames(commonNames, o.id)
  return facts
}

function checkNames(commonNames: readonly string[], id: string | undefined): void {
  if (id === undefined || commonNames.length === 0 || (commonNames.length === 1 && commonNames[0] === id)) return
  throw new LoomError('PKI_SUBJECT_MISMATCH', JSON.stringify(commonNames.join(', ').slice(0, 80)), {
    hint: `the common name must be absent or "${id}"`,
  })
}

interface Parts {
  info: Buffer
  spki: Buffer
  algorithm: Buffer
  signature: Buffer
  commonNames: string[]
}

function parseCsr(input: string | Uint8Array, policy: KeyPolicy): { facts: CsrFacts; commonNames: string[] } {
  const der = derOf(input, { label: 'CERTIFICATE REQUEST', maxBytes: maxCsrBytes, code: 'PKI_CSR_INVALID' })
  const parts = partsOf(der)
  const { publicKey, spki } = readSigned(parts, policy)
  return { facts: { spki, spkiHash: spkiHashOf(spki), publicKey }, commonNames: parts.commonNames }
}

/** An unacceptable key is refused before it is used: verifying with a giant one would take long. */
function readSigned(parts: Parts, policy: KeyPolicy): { publicKey: KeyObject; spki: Buffer } {
  const accepted = readPublicKey(parts.spki, policy)
  const { algorithm, info: data, signature } = parts
  const verdict = checkSignature({ algorithm, data, signature, publicKey: accepted.publicKey })
  if (verdict === 'genuine') return accepted
  if (verdict === 'wrong')
    throw new LoomError('PKI_CSR_INVALID', 'its signature is wrong', { hint: 'the request was changed after it was signed' })
  throw new LoomError('PKI_CSR_INVALID', `signature algorithm ${algorithmName(algorithm)}`, {
    hint: 'sign with SHA-256 or better, by the key that is in the request',
  })
}

function partsOf(der: Buffer): Parts {
  try {
    const [info, algorithm, signature, more] = membersOf(only(der))
    if (more) throw new RangeError('something follows the signature')
    const [version, name, spki, attributes] = membersOf(info)
    if (!version?.raw.equals(version0)) throw new RangeError('only version 0 is known')
    // RFC 2986 demands it, openssl may leave it out
    if (attributes) expected(attributes, 0xa0)
    const commonNames = commonNamesOf(expected(name, tags.sequence).raw)
    if (commonNames.some(text => /\p{Cc}/u.test(text))) throw new RangeError('a control character in the common name')
    return {
      info: info!.raw,
      spki: expected(spki, tags.sequence).raw,
      algorithm: expected(algorithm, tags.sequence).raw,
      signature: wholeBits(signature),
      commonNames,
    }
  } catch (cause) {
    throw new LoomError('PKI_CSR_INVALID', 'this is not a PKCS#10 request', {
      cause,
      hint: 'give one request, PEM or DER, of version 0',
    })
  }
}
