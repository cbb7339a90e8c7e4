import { LoomError } from '../errors.ts'
import type { Proof } from './authenticate.ts'
import { basisOfAnchor } from './basis.ts'
import { checkStatus, counts } from './check-status.ts'
import type { Registry } from './registry.ts'
import type { Sealer } from './seal.ts'

/** A peer certificate: the handshake proved possession of its key, and nothing else. */
export interface PeerFacts {
  /** SHA-256 of the DER, lower hex */
  fingerprint: string
  der: Uint8Array
  subjectCn: string
  /** epoch ms */
  notBefore: number
  notAfter: number
  /** what the peer sent above its own certificate, DER */
  issuers?: readonly Uint8Array[]
}

/** Registered authorities of others. */
export interface CertificateProofs {
  /** The active registered authority that vouches for the certificate now, and the device ids it names. */
  anchorOf(certificate: PeerFacts, now: number): Promise<{ caId: string; cn?: string; sanUris: readonly string[] } | undefined>
  /** The certificate of a registered authority as long as it is active. */
  anchorPem(caId: string): string | undefined
}

/** Proof by certificate: one that is registered, or one of a registered authority that names a device which accepts those. */
export function createCertificateProof(o: {
  registry: Registry
  sealer: Sealer
  now: () => number
  anchors?: CertificateProofs
}) {
  const { registry, sealer, now, anchors } = o

  const byAnchor = async (certificate: PeerFacts): Promise<Proof | undefined> => {
    const anchor = await anchors?.anchorOf(certificate, now())
    if (!anchor) return undefined
    const basis = basisOfAnchor(sealer, anchors?.anchorPem(anchor.caId) ?? '')
    const named = { cn: anchor.cn ? [anchor.cn] : [], 'san-uri': anchor.sanUris.map(idOfUri) }
    for (const match of ['cn', 'san-uri'] as const)
      for (const id of named[match]) {
        const identity = await registry.find(id)
        const credential = identity?.credentials.find(
          one => one.kind === 'x509-group' && one.caId === anchor.caId && one.match === match && counts(one),
        )
        if (identity && credential)
          return {
            identity,
            cid: credential.cid,
            kind: 'x509-group',
            expiresAt: certificate.notAfter,
            basis,
            anyClientId: certificate.subjectCn === identity.id,
            pending: credential.status === 'pending',
          }
      }
    return undefined
  }

  return async (certificate: PeerFacts): Promise<Proof> => {
    const { fingerprint, subjectCn } = certificate
    const found = await registry.findByFingerprint(fingerprint)
    if (found?.credential.kind !== 'x509') {
      checkTimes(certificate, `with the common name "${subjectCn.slice(0, 80)}"`, now())
      const proof = await byAnchor(certificate)
      if (proof) return proof
      throw new LoomError(
        'CRED_UNKNOWN',
        `certificate ${fingerprint.slice(0, 16)}.. with the common name "${subjectCn.slice(0, 80)}"`,
      )
    }
    const { identity, credential } = found
    const { pending } = checkStatus(identity, credential)
    checkTimes(credential, `of "${identity.id}"`, now())
    const { notAfter, cid } = credential
    return { identity, cid, kind: 'x509', expiresAt: notAfter, anyClientId: subjectCn === identity.id, pending }
  }
}

function checkTimes({ notBefore, notAfter }: { notBefore: number; notAfter: number }, whose: string, now: number): void {
  if (now < notBefore) throw new LoomError('CRED_NOT_YET_VALID', `certificate ${whose} from ${isoOf(notBefore)}`)
  if (now > notAfter) throw new LoomError('CRED_EXPIRED', `certificate ${whose} ended ${isoOf(notAfter)}`)
}

/** The last part of a URI, decoded: `urn:acme:device:pump-1` and `https://acme.example/devices/pump-1` name `pump-1`. */
function idOfUri(uri: string): string {
  try {
    return decodeURIComponent(uri.split(/[:/]/).at(-1) ?? '')
  } catch {
    return ''
  }
}

const isoOf = (ms: number) => new Date(ms).toISOString()
