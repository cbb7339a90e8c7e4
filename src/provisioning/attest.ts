import { X509Certificate } from 'node:crypto'
import { LoomError } from '../errors.ts'
import { deriveKey } from '../identity/prove-sas.ts'
import { verifySas } from '../identity/sas.ts'
import { maxCertificateBytes, type CertificateFacts, readForeignCertificate } from '../pki/certificate.ts'
import type { Enrolment, EnrolmentKind } from './enrolment.ts'
import { subjectText } from './enrolment-attestation.ts'
import { isRegistrationId } from './enrolment-check.ts'
import type { Enrolments } from './enrolments.ts'

/** A device that proved its registration id, for the life of its connection or one HTTP request. */
export interface Attested {
  enrolmentId: string
  enrolmentKind: EnrolmentKind
  /** as the enrolment was when it admitted the device: once it is changed, the proof counts no more */
  enrolmentUpdatedAt?: number
  kind: 'sas' | 'x509'
  /** as sent: a key derived for it depends on the spelling */
  registrationId: string
  /** x509, SHA-256 of the leaf, lower hex */
  fingerprint?: string
  /** SHA-256 of its public key, lower hex */
  spkiHash?: string
  subject?: string
  certificatePem?: string
  /** epoch ms: close the connection then */
  expiresAt?: number
}

export interface AttestationAttempt {
  registrationId: string
  idScope: string
  /** counts if it is not empty, else the certificate */
  token?: string
  /** DER, the leaf first; TLS proved that the peer has its key */
  chain?: readonly Uint8Array[]
  /** epoch ms */
  now: number
}

/**
 * Whether a chain, leaf first, leads to one of the CAs and everything on the way holds now. Throws LoomError if not; else tells when the first of
 * its certificates ends.
 */
export type VerifyChain = (
  chain: readonly Uint8Array[],
  caPems: readonly string[],
  now: number,
) => { notAfter: number } | Promise<{ notAfter: number }>

export interface Attestor {
  /**
   * Which enrolment admits a device; a disabled one does, its registrations are refused later. CRED_MISSING, CRED_INVALID, CRED_EXPIRED, CRED_NOT_YET_VALID,
   * PKI_KEY_REFUSED, PROV_NO_ENROLMENT, and what `verifyChain` throws.
   */
  attest(attempt: AttestationAttempt): Promise<Attested>
}

const longestChain = 8

export function createAttestor(o: {
  enrolments: Pick<Enrolments, 'individual' | 'groups' | 'keysOf'>
  verifyChain: VerifyChain
  /** PEM of a CA that an enrolment names by id */
  caPem?: (caId: string) => Promise<string | undefined>
  /** 0..300 */
  sasClockSkewS: number
  /** if given, devices must name one of them */
  idScopes?: readonly string[]
}): Attestor {
  const { enrolments, verifyChain, caPem } = o
  const scopes = o.idScopes && new Set(o.idScopes.map(scope => scope.toLowerCase()))

  const bySas = async (attempt: AttestationAttempt, token: string): Promise<Attested> => {
    const { registrationId, idScope, now } = attempt
    const own = await enrolments.individual(registrationId)
    const admitting = (own ? [own] : await enrolments.groups()).filter(({ attestation }) => attestation.kind === 'sas')
    if (admitting.length === 0) throw none(registrationId)
    const keys = admitting.flatMap(enrolment =>
      enrolments.keysOf(enrolment).map(({ key }) => ({ slot: enrolment.id, key: own ? key : deriveKey(key, registrationId) })),
    )
    const audience = `${idScope}/registrations/${registrationId}`
    const { slot, expiresAt } = verifySas({ token, keys, audience, policy: 'registration', now, skewS: o.sasClockSkewS })
    const { kind, updatedAt } = admitting.find(({ id }) => id === slot)!
    return { enrolmentId: slot, enrolmentKind: kind, enrolmentUpdatedAt: updatedAt, kind: 'sas', registrationId, expiresAt }
  }

  const byCertificate = async ({ registrationId, now }: AttestationAttempt, chain: readonly Uint8Array[]): Promise<Attested> => {
    if (chain.length > longestChain || chain.some(der => der.length > maxCertificateBytes))
      throw new LoomError('CRED_INVALID', `a chain of ${chain.length} certificates`, { hint: `at most ${longestChain}` })
    const leaf = readForeignCertificate(chain[0]!)
    if (leaf.subjectCn?.toLowerCase() !== registrationId.toLowerCase())
      throw new LoomError('CRED_INVALID', `the certificate of "${shown(leaf.subjectCn ?? '')}" was used by "${registrationId}"`)
    if (now < leaf.notBefore) throw new LoomError('CRED_NOT_YET_VALID', `certificate of "${registrationId}"`)
    if (now > leaf.notAfter) throw new LoomError('CRED_EXPIRED', `certificate of "${registrationId}"`)
    const own = await enrolments.individual(registrationId)
    const { enrolment, notAfter } = own ? byThumbprint(own, leaf) : await byChain(registrationId, chain, now)
    return {
      enrolmentId: enrolment.id,
      enrolmentKind: enrolment.kind,
      enrolmentUpdatedAt: enrolment.updatedAt,
      kind: 'x509',
      registrationId,
      fingerprint: leaf.fingerprint,
      spkiHash: leaf.spkiHash,
      subject: leaf.subject,
      certificatePem: leaf.pem,
      expiresAt: Math.min(leaf.notAfter, notAfter ?? leaf.notAfter),
    }
  }

  const byThumbprint = (enrolment: Enrolment, { fingerprint }: CertificateFacts): Proof => {
    const { attestation, registrationId } = enrolment
    if (attestation.kind !== 'x509') throw none(registrationId!)
    const { primary, secondary } = attestation.thumbprints
    if (fingerprint !== primary && fingerprint !== secondary)
      throw new LoomError('CRED_UNKNOWN', `certificate ${fingerprint.slice(0, 16)}.. of "${registrationId}"`)
    return { enrolment }
  }

  const byChain = async (registrationId: string, chain: readonly Uint8Array[], now: number): Promise<Proof> => {
    let failure: unknown = none(registrationId)
    const issuers = issuersOf(chain)
    for (const enrolment of await enrolments.groups()) {
      if (enrolment.attestation.kind !== 'x509-ca') continue
      const named = enrolment.attestation.cas.filter(ca => 'caId' in ca || issuers.has(ca.subject))
      const pems = await Promise.all(named.map(async ca => ('caId' in ca ? caPem?.(ca.caId) : ca.pem)))
      const anchors = pems.filter(pem => pem !== undefined)
      if (anchors.length === 0) continue
      try {
        const { notAfter } = await verifyChain(chain, anchors, now)
        return { enrolment, notAfter }
      } catch (error) {
        if (!(error instanceof LoomError)) throw error
        failure = error
      }
    }
    throw failure
  }

  return {
    async attest(attempt) {
      const { registrationId, idScope, token, chain } = attempt
      if (!isRegistrationId(registrationId))
        throw new LoomError('CRED_INVALID', `registration id "${shown(String(registrationId))}"`)
      if (scopes && !scopes.has(idScope.toLowerCase())) throw new LoomError('CRED_INVALID', `id scope "${shown(idScope)}"`)
      if (token) return bySas(attempt, token)
      if (chain?.length) return byCertificate(attempt, chain)
      throw new LoomError('CRED_MISSING', `registration "${registrationId}" sent neither token nor certificate`)
    },
  }
}

interface Proof {
  enrolment: Enrolment
  notAfter?: number
}

/** Who a chain says it comes from, as subjects are written: a CA of another name need not be tried. CRED_INVALID. */
function issuersOf(chain: readonly Uint8Array[]): Set<string> {
  try {
    return new Set(chain.map(der => subjectText(new X509Certificate(der).issuer)))
  } catch (cause) {
    throw new LoomError('CRED_INVALID', 'a certificate of the chain cannot be read', { cause })
  }
}

const none = (registrationId: string) => new LoomError('PROV_NO_ENROLMENT', `"${shown(registrationId)}"`)
const shown = (text: string) => text.slice(0, 80)
