import { hash, timingSafeEqual } from 'node:crypto'
import { LoomError } from '../errors.ts'
import { checkSignedBy, type Link, linkOf } from './chain.ts'
import { commonNamesOf } from './name.ts'

/** Clocks of the owner's machine and of the hub may differ by so much. */
const skewMs = 300_000

/** SHA-256 of a verification code, hex: what is kept of it. */
export const codeHashOf = (code: string): string => hash('sha256', code, 'hex')

/**
 * That the owner of a CA has its key: `proof` is a certificate with CN = code, signed by it and valid now. Who keeps only the code's hash
 * (`codeHashOf`) gives that. PKI_PROOF_FAILED.
 */
export function verifyPossession(
  o: { ca: string | Uint8Array; proof: string | Uint8Array; now: number } & ({ code: string } | { codeHash: string }),
): void {
  const ca = linkOf(o.ca)
  const proof = readProof(o.proof)
  const codeHash = 'code' in o ? codeHashOf(o.code) : o.codeHash
  const names = commonNamesOf(proof.body.subject)
  if (names.length !== 1 || !timingSafeEqual(Buffer.from(codeHashOf(names[0]!)), Buffer.from(codeHash)))
    throw failed('the certificate has another common name than the code')
  const { notBefore, notAfter } = proof.facts
  if (o.now + skewMs < notBefore || o.now - skewMs > notAfter) throw failed('the certificate is out of date')
  if (!proof.body.issuer.equals(ca.body.subject)) throw failed('the certificate names another issuer')
  try {
    checkSignedBy(proof.body, ca.facts.publicKey, ca.facts.subject.slice(0, 80))
  } catch (cause) {
    throw failed('the certificate is not signed by the key of the CA', cause)
  }
}

function readProof(proof: string | Uint8Array): Link {
  try {
    return linkOf(proof)
  } catch (cause) {
    throw failed('the verification certificate cannot be read', cause)
  }
}

const failed = (detail: string, cause?: unknown): LoomError =>
  new LoomError('PKI_PROOF_FAILED', detail, {
    hint: 'sign a certificate with the code as its common name by the key of the CA',
    ...(cause !== undefined && { cause }),
  })
