import { createHash, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto'
import { LoomError } from '../errors.ts'
import { oid, sequence, slices } from './der.ts'

export type KeyType = 'ec-p256' | 'ec-p384' | 'rsa-2048' | 'rsa-3072' | 'rsa-4096'

interface KeyPair {
  publicKey: KeyObject
  privateKey: KeyObject
}

/** A key pair, made off the main loop. */
export function generateKey(type: KeyType = 'ec-p256'): Promise<KeyPair> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, publicKey: KeyObject, privateKey: KeyObject) =>
      error ? reject(error) : resolve({ publicKey, privateKey })
    if (type === 'ec-p256') generateKeyPair('ec', { namedCurve: 'prime256v1' }, done)
    else if (type === 'ec-p384') generateKeyPair('ec', { namedCurve: 'secp384r1' }, done)
    else generateKeyPair('rsa', { modulusLength: Number(type.slice(4)), publicExponent: 65537 }, done)
  })
}

export const pkcs8Pem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString()
export const spkiOf = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' })
/** SHA-256 of the public key's DER, lower hex: the same for every certificate of one key. */
export const spkiHashOf = (spki: Uint8Array): string => createHash('sha256').update(spki).digest('hex')

/** SHA-1 of the key bits without the unused-bits octet (RFC 5280, 4.2.1.2, method 1). */
export function keyIdOf(spki: Buffer): Buffer {
  const [, key] = slices(slices(spki)[0]!.content)
  return createHash('sha1').update(key!.content.subarray(1)).digest()
}

/** How the DER of every accepted EC key begins: named curve, uncompressed point (RFC 5480, 2.2); only the coordinates follow. */
const ecHeaders = [
  { header: Buffer.from('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'hex'), coordinates: 64 },
  { header: Buffer.from('3076301006072a8648ce3d020106052b8104002203620004', 'hex'), coordinates: 96 },
]
const rsaEncryption = oid('1.2.840.113549.1.1.1')
const hint = 'accepted are EC P-256 and P-384 with a named curve and an uncompressed point, and RSA of 2048 to 4096 bits'

/**
 * The accepted public key in a SubjectPublicKeyInfo: EC P-256 or P-384 by name and uncompressed, RSA 2048-4096 with e >= 65537; else PKI_KEY_REFUSED.
 * `spki` is its one canonical form, so that a key cannot hide from a comparison behind another encoding.
 */
export function readPublicKey(der: Buffer): { publicKey: KeyObject; spki: Buffer } {
  const isEc = ecHeaders.some(
    ({ header, coordinates }) => der.length === header.length + coordinates && header.equals(der.subarray(0, header.length)),
  )
  try {
    if (!isEc && !isRsa(der)) throw new LoomError('PKI_KEY_REFUSED', 'another algorithm, curve or form of point', { hint })
    const publicKey = createPublicKey({ key: der, format: 'der', type: 'spki' })
    if (isEc) return { publicKey, spki: Buffer.from(der) }
    checkRsa(publicKey)
    return { publicKey, spki: spkiOf(publicKey) }
  } catch (cause) {
    if (cause instanceof LoomError) throw cause
    throw new LoomError('PKI_KEY_REFUSED', 'the public key cannot be read', { cause, hint })
  }
}

function isRsa(der: Buffer): boolean {
  const [algorithm] = slices(slices(der)[0]!.content)
  return slices(algorithm!.content)[0]!.raw.equals(rsaEncryption)
}

function checkRsa({ asymmetricKeyDetails = {} }: KeyObject): void {
  const { modulusLength = 0, publicExponent = 0n } = asymmetricKeyDetails
  if (modulusLength >= 2048 && modulusLength <= 4096 && publicExponent >= 65537n) return
  throw new LoomError('PKI_KEY_REFUSED', `RSA of ${modulusLength} bits, exponent ${String(publicExponent).slice(0, 20)}`, {
    hint,
  })
}

const oids = { ecdsa: '1.2.840.10045.4.3.', rsa: '1.2.840.113549.1.1.' }
/** Signature algorithms read from requests, `OID -> [key type, hash]`. SHA-1 and older are not among them. */
export const signatureAlgorithms: Readonly<Record<string, readonly ['ec' | 'rsa', string]>> = {
  [`${oids.ecdsa}2`]: ['ec', 'sha256'],
  [`${oids.ecdsa}3`]: ['ec', 'sha384'],
  [`${oids.ecdsa}4`]: ['ec', 'sha512'],
  [`${oids.rsa}11`]: ['rsa', 'sha256'],
  [`${oids.rsa}12`]: ['rsa', 'sha384'],
  [`${oids.rsa}13`]: ['rsa', 'sha512'],
}

const ecdsaSha256 = sequence(oid(`${oids.ecdsa}2`))
const rsaSha256 = sequence(oid(`${oids.rsa}11`), Buffer.from([0x05, 0x00]))
/** AlgorithmIdentifier of a signature by this key over SHA-256: no parameters for ECDSA, NULL for RSA (RFC 5758, RFC 4055). */
export const signatureAlgorithmOf = (key: KeyObject): Buffer => (key.asymmetricKeyType === 'rsa' ? rsaSha256 : ecdsaSha256)
