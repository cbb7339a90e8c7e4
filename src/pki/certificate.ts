import { hash, type KeyObject, X509Certificate } from 'node:crypto'
import { LoomError } from '../errors.ts'
import { bodyOf } from './certificate-body.ts'
import { type KeyPolicy, readPublicKey, spkiHashOf, spkiOf } from './keys.ts'
import { commonNamesOf } from './name.ts'
import { derOf, pemOf } from './pem.ts'

export const maxCertificateBytes = 16_384

/** SHA-256 of the DER, lower hex; what AWS calls certificateId. */
export const fingerprintOf = (der: Uint8Array): string => hash('sha256', der, 'hex')

export interface CertificateFacts {
  der: Buffer
  pem: string
  fingerprint: string
  /** lower hex */
  serial: string
  /** one line, for people */
  subject: string
  /** the one common name, if there is exactly one */
  subjectCn?: string
  /** epoch ms */
  notBefore: number
  notAfter: number
  spkiHash: string
  publicKey: KeyObject
}

/** What one certificate (PEM or DER) says; nothing is verified but its form. CRED_INVALID. */
export function readCertificate(input: string | Uint8Array): CertificateFacts {
  const der = derOf(input, { label: 'CERTIFICATE', maxBytes: maxCertificateBytes, code: 'CRED_INVALID' })
  try {
    const certificate = new X509Certificate(der)
    // also refuses bytes behind the certificate, which would be in the fingerprint but nowhere else
    const { subject, notBefore, notAfter } = bodyOf(der)
    const names = commonNamesOf(subject)
    const publicKey = certificate.publicKey
    return {
      der,
      pem: pemOf('CERTIFICATE', der),
      fingerprint: fingerprintOf(der),
      serial: certificate.serialNumber.toLowerCase(),
      subject: certificate.subject.split('\n').join(', ').slice(0, 256),
      ...(names.length === 1 && { subjectCn: names[0]! }),
      notBefore,
      notAfter,
      spkiHash: spkiHashOf(spkiOf(publicKey)),
      publicKey,
    }
  } catch (cause) {
    throw new LoomError('CRED_INVALID', 'this is not an X.509 certificate', { cause, hint: 'give one certificate, PEM or DER' })
  }
}

/** The certificate of a device that comes from elsewhere: also its key must be an accepted one. CRED_INVALID, PKI_KEY_REFUSED. */
export function readForeignCertificate(input: string | Uint8Array, policy: KeyPolicy = {}): CertificateFacts {
  const facts = readCertificate(input)
  readPublicKey(spkiOf(facts.publicKey), policy)
  return facts
}
