import {
  createPublicKey,
  generateKeyPair,
  generateKeyPairSync,
  hash,
  type KeyObject,
  type KeyPairKeyObjectResult,
} from 'node:crypto'
import { promisify } from 'node:util'
import { LoomError } from '../errors.ts'
import { oid } from './der.ts'
import { membersOf, only, wholeBits } from './der-reader.ts'

export const keyTypes = ['ec-p256', 'ec-p384', 'rsa-2048', 'rsa-3072', 'rsa-4096', 'ed25519'] as const
export type KeyType = (typeof keyTypes)[number]

export interface KeyPair {
  publicKey: KeyObject
  privateKey: KeyObject
  /** DER of the public key */
  spki: Buffer
}

/** Many clients cannot use Ed25519, so it counts only where it was asked for. */
export interface KeyPolicy {
  ed25519?: boolean
}

/** PKI_KEY_REFUSED for a type that does not exist or is not switched on. */
export function checkKeyType(type: string, { ed25519 = false }: KeyPolicy): KeyType {
  const known = keyTypes.find(name => name === type)
  if (known && (known !== 'ed25519' || ed25519)) return known
  const allowed = keyTypes.filter(name => name !== 'ed25519' || ed25519)
  throw new LoomError('PKI_KEY_REFUSED', `key type "${String(type).slice(0, 40)}"`, { hint: `types are ${allowed.join(', ')}` })
}

/** A key pair. RSA, which takes up to seconds, is made off the main loop; the others are there sooner than a thread would answer. */
export async function generateKey(type: KeyType = 'ec-p256'): Promise<KeyPair> {
  const { publicKey, privateKey } = await pairOf(type)
  return { publicKey, privateKey, spki: newSpkiOf(publicKey, type) }
}

function pairOf(type: KeyType): KeyPairKeyObjectResult | Promise<KeyPairKeyObjectResult> {
  if (type === 'ec-p256') return generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  if (type === 'ec-p384') return generateKeyPairSync('ec', { namedCurve: 'secp384r1' })
  if (type === 'ed25519') return generateKeyPairSync('ed25519')
  return makeRsa('rsa', { modulusLength: Number(type.slice(4)), publicExponent: 65537 })
}

const makeRsa = promisify(generateKeyPair)

export const pkcs8Pem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString()
export const spkiOf = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' })

/** `spkiOf` for a key just made here: its coordinates in their frame, which takes a third of the time. */
function newSpkiOf(key: KeyObject, type: KeyType): Buffer {
  const frame = type === 'ec-p256' ? ecHeaders[0] : type === 'ec-p384' ? ecHeaders[1] : undefined
  if (!frame) return spkiOf(key)
  const { x = '', y = '' } = key.export({ format: 'jwk' })
  return Buffer.concat([frame.header, Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')])
}

/** SHA-256 of the public key's DER, lower hex: the same for every certificate of one key. */
export const spkiHashOf = (spki: Uint8Array): string => hash('sha256', spki, 'hex')

/** SHA-1 of the key bits without the unused-bits octet (RFC 5280, 4.2.1.2, method 1). */
export const keyIdOf = (spki: Buffer): Buffer =>
  Buffer.from(hash('sha1', wholeBits(membersOf(only(spki))[1]), 'binary'), 'latin1')

/** How the DER of every accepted EC key begins: named curve, uncompressed point (RFC 5480, 2.2); only the coordinates follow. */
const ecHeaders = [
  { header: Buffer.from('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'hex'), coordinates: 64 },
  { header: Buffer.from('3076301006072a8648ce3d020106052b8104002203620004', 'hex'), coordinates: 96 },
] as const
const ed25519Header = Buffer.from('302a300506032b6570032100', 'hex')
const rsaEncryption = oid('1.2.840.113549.1.1.1')
const hintOf = ({ ed25519 = false }: KeyPolicy) =>
  `accepted are EC P-256 and P-384 with a named curve and an uncompressed point, RSA of 2048 to 4096 bits${ed25519 ? ', Ed25519' : ''}`

/**
 * The accepted public key in a SubjectPublicKeyInfo: EC P-256 or P-384 by name and uncompressed, RSA 2048-4096 with e >= 65537, Ed25519 if the policy has
 * it; else PKI_KEY_REFUSED. `spki` is its one canonical form, so that a key cannot hide from a comparison behind another encoding.
 */
export function readPublicKey(der: Buffer, policy: KeyPolicy = {}): { publicKey: KeyObject; spki: Buffer } {
  const hint = hintOf(policy)
  const fixed =
    ecHeaders.some(({ header, coordinates }) => startsWith(der, header, coordinates)) ||
    (policy.ed25519 && startsWith(der, ed25519Header, 32))
  try {
    if (!fixed && !isRsa(der)) throw new LoomError('PKI_KEY_REFUSED', 'another algorithm, curve or form of point', { hint })
    const publicKey = createPublicKey({ key: der, format: 'der', type: 'spki' })
    if (fixed) return { publicKey, spki: Buffer.from(der) }
    checkRsa(publicKey, hint)
    return { publicKey, spki: spkiOf(publicKey) }
  } catch (cause) {
    if (cause instanceof LoomError) throw cause
    throw new LoomError('PKI_KEY_REFUSED', 'the public key cannot be read', { cause, hint })
  }
}

const startsWith = (der: Buffer, header: Buffer, more: number): boolean =>
  der.length === header.length + more && header.compare(der, 0, header.length) === 0

function isRsa(der: Buffer): boolean {
  const [algorithm] = membersOf(only(der))
  return membersOf(algorithm)[0]!.raw.equals(rsaEncryption)
}

function checkRsa({ asymmetricKeyDetails = {} }: KeyObject, hint: string): void {
  const { modulusLength = 0, publicExponent = 0n } = asymmetricKeyDetails
  if (modulusLength >= 2048 && modulusLength <= 4096 && publicExponent >= 65537n) return
  throw new LoomError('PKI_KEY_REFUSED', `RSA of ${modulusLength} bits, exponent ${String(publicExponent).slice(0, 20)}`, {
    hint,
  })
}
