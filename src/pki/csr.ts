import { sign, verify, type KeyObject } from 'node:crypto'
import { LoomError } from '../errors.ts'
import { bits, integer, membersOf, oidOf, readDer, sequence, slices, tlv } from './der.ts'
import { readPublicKey, signatureAlgorithmOf, signatureAlgorithms, spkiHashOf, spkiOf } from './keys.ts'
import { commonNamesOf, encodeName } from './name.ts'
import { derOf, pemOf } from './pem.ts'

export const maxCsrBytes = 16_384

const version0 = integer(Buffer.from([0]))
const noAttributes = tlv(0xa0)

/** A certificate request (PKCS#10, RFC 2986) with CN = id, PEM. */
export function createCsr(o: { id: string; publicKey: KeyObject; privateKey: KeyObject }): string {
  const info = sequence(version0, encodeName({ CN: o.id }), spkiOf(o.publicKey), noAttributes)
  const der = sequence(info, signatureAlgorithmOf(o.privateKey), bits(sign('sha256', info, o.privateKey)))
  return pemOf('CERTIFICATE REQUEST', der)
}

export interface CsrFacts {
  spki: Buffer
  spkiHash: string
  publicKey: KeyObject
}

/**
 * Checks a request: size, form and version (PKI_CSR_INVALID), key (PKI_KEY_REFUSED), signature (PKI_CSR_INVALID), a key that another owner
 * already uses (PKI_KEY_REUSED), the common name, absent or the expected id (PKI_SUBJECT_MISMATCH). Extensions and other
 * subject fields that it asks for are ignored. `ownerOfKey` names who has a certificate for that key, if anyone.
 */
export async function readCsr(
  input: string | Uint8Array,
  o: { id: string; ownerOfKey?: (spkiHash: string) => Promise<string | undefined> },
): Promise<CsrFacts> {
  const { commonNames, ...facts } = parseCsr(input)
  const owner = await o.ownerOfKey?.(facts.spkiHash)
  if (owner !== undefined && owner !== o.id)
    throw new LoomError('PKI_KEY_REUSED', `requested for "${o.id}"`, { hint: 'make a new key' })
  if (commonNames.length > 1 || (commonNames.length === 1 && commonNames[0] !== o.id))
    throw new LoomError('PKI_SUBJECT_MISMATCH', JSON.stringify(commonNames.join(', ').slice(0, 80)), {
      hint: `the common name must be absent or "${o.id}"`,
    })
  return facts
}

interface Parts {
  info: Buffer
  spki: Buffer
  algorithm: string
  signature: Buffer
  commonNames: string[]
}

function parseCsr(input: string | Uint8Array): CsrFacts & { commonNames: string[] } {
  const der = derOf(input, { label: 'CERTIFICATE REQUEST', maxBytes: maxCsrBytes, code: 'PKI_CSR_INVALID' })
  const parts = partsOf(der)
  const { publicKey, spki } = readSigned(parts)
  return { spki, spkiHash: spkiHashOf(spki), publicKey, commonNames: parts.commonNames }
}

/** An unacceptable key is refused before it is used: verifying with a giant one would take seconds. */
function readSigned({ info, spki, algorithm, signature }: Parts): { publicKey: KeyObject; spki: Buffer } {
  const accepted = readPublicKey(spki)
  const [kind, hash] = signatureAlgorithms[algorithm] ?? []
  if (!hash || accepted.publicKey.asymmetricKeyType !== kind)
    throw new LoomError('PKI_CSR_INVALID', `signature algorithm ${algorithm.slice(0, 60)}`, {
      hint: 'sign with SHA-256 or better',
    })
  let genuine = false
  try {
    genuine = verify(hash, info, accepted.publicKey, signature)
  } catch (cause) {
    throw new LoomError('PKI_CSR_INVALID', 'its signature cannot be checked', { cause })
  }
  if (!genuine)
    throw new LoomError('PKI_CSR_INVALID', 'its signature is wrong', { hint: 'the request was changed after it was signed' })
  return accepted
}

function partsOf(der: Buffer): Parts {
  try {
    const [info, , signature] = slices(slices(der)[0]!.content)
    const [version, , spki] = slices(info!.content)
    if (!version!.raw.equals(version0)) throw new RangeError('only version 0 is known')
    if (signature!.tag !== 0x03 || signature!.content[0] !== 0) throw new RangeError('the signature is no whole bit string')
    const [infoTree, algorithmTree] = membersOf(readDer(der))
    const commonNames = commonNamesOf(membersOf(infoTree)[1])
    if (commonNames.some(name => /\p{Cc}/u.test(name))) throw new RangeError('a control character in the common name')
    return {
      info: info!.raw,
      spki: spki!.raw,
      algorithm: oidOf(membersOf(algorithmTree)[0]),
      signature: signature!.content.subarray(1),
      commonNames,
    }
  } catch (cause) {
    throw new LoomError('PKI_CSR_INVALID', 'this is not a PKCS#10 request', {
      cause,
      hint: 'give one request, PEM or DER, of version 0',
    })
  }
}
