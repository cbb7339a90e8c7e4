import { createPrivateKey, hash, createHmac, type KeyObject, X509Certificate } from 'node:crypto'
import { LoomError } from '../errors.ts'
import { readCertificate } from './certificate.ts'
import { natural, nothing, octets, oid, sequence, set, tlv } from './der.ts'
import type { RandomBytes } from './signed.ts'

const ids = {
  data: oid('1.2.840.113549.1.7.1'),
  shroudedKeyBag: oid('1.2.840.113549.1.12.10.1.2'),
  certBag: oid('1.2.840.113549.1.12.10.1.3'),
  x509: oid('1.2.840.113549.1.9.22.1'),
  friendlyName: oid('1.2.840.113549.1.9.20'),
  localKeyId: oid('1.2.840.113549.1.9.21'),
  sha256: oid('2.16.840.1.101.3.4.2.1'),
}
const rounds = 2048
const blockBytes = 64

/**
 * A PKCS#12 file (RFC 7292) of a private key, its certificate and the chain above it, DER. The key is encrypted with AES-256, the certificates, public
 * anyway, are not; all is under an HMAC-SHA-256. REQUEST_INVALID for a password or name that does not fit, PKI_KEY_REFUSED if key and first certificate differ.
 */
export function createPkcs12(o: {
  /** the key's own certificate first; PEM or DER */
  certificates: readonly (string | Uint8Array)[]
  /** PEM or key */
  privateKey: string | KeyObject
  password: string
  /** shown by key stores */
  friendlyName?: string
  random: RandomBytes
}): Buffer {
  const { password, friendlyName = '', random } = o
  if (password.length < 1 || password.length > 256 || password.includes('\0') || !password.isWellFormed())
    throw new LoomError('REQUEST_INVALID', `a password of ${password.length} characters`, { hint: 'give 1 to 256 characters' })
  if (friendlyName.length > 256 || !friendlyName.isWellFormed())
    throw new LoomError('REQUEST_INVALID', `a friendly name of ${friendlyName.length} characters`, { hint: 'give at most 256' })
  const certificates = o.certificates.map(certificate => readCertificate(certificate).der)
  const key = typeof o.privateKey === 'string' ? privateKeyOf(o.privateKey) : o.privateKey
  const [own] = certificates
  if (!own || !new X509Certificate(own).checkPrivateKey(key))
    throw new LoomError('PKI_KEY_REFUSED', 'the private key does not belong to the first certificate', {
      hint: 'give the certificate of the key first, then those of its issuers',
    })
  const attributes = set(
    ...[
      ...(friendlyName ? [sequence(ids.friendlyName, set(tlv(0x1e, utf16be(friendlyName))))] : []),
      sequence(ids.localKeyId, set(octets(hash('sha1', own, 'buffer')))),
    ].sort(Buffer.compare),
  )
  const certBags = certificates.map((der, at) =>
    sequence(ids.certBag, explicit(sequence(ids.x509, explicit(octets(der)))), ...(at === 0 ? [attributes] : [])),
  )
  const encrypted = key.export({ type: 'pkcs8', format: 'der', cipher: 'aes-256-cbc', passphrase: password })
  const keyBag = sequence(ids.shroudedKeyBag, explicit(encrypted), attributes)
  const safe = sequence(dataOf(sequence(...certBags)), dataOf(sequence(keyBag)))
  const salt = random(16)
  const mac = createHmac('sha256', macKey(password, salt)).update(safe).digest()
  const macData = sequence(sequence(sequence(ids.sha256, nothing), octets(mac)), octets(salt), natural(rounds))
  return sequence(natural(3), dataOf(safe), macData)
}

const explicit = (content: Buffer): Buffer => tlv(0xa0, content)
const dataOf = (content: Buffer): Buffer => sequence(ids.data, explicit(octets(content)))
const utf16be = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16()

function privateKeyOf(pem: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch (cause) {
    throw new LoomError('PKI_KEY_REFUSED', 'the private key cannot be read', { cause, hint: 'give it as PEM, not encrypted' })
  }
}

/** RFC 7292, B.2, with SHA-256 and the diversifier of MAC keys: one block of output is the whole key, so nothing is added back. */
function macKey(password: string, salt: Buffer): Buffer {
  const filled = (bytes: Buffer) => Buffer.alloc(Math.ceil(bytes.length / blockBytes) * blockBytes, bytes)
  const secret = Buffer.concat([utf16be(password), Buffer.alloc(2)])
  let key: Buffer = Buffer.concat([Buffer.alloc(blockBytes, 3), filled(salt), filled(secret)])
  for (let round = 0; round < rounds; round++) key = hash('sha256', key, 'buffer')
  return key
}
