import { X509Certificate } from 'node:crypto'
import { LoomError } from '../errors.ts'
import type { Sealer } from '../identity/seal.ts'
import { readCertificate, readForeignCertificate } from '../pki/certificate.ts'
import { sha256Hex } from './allow-list-entry.ts'
import type { AttestationRequest, Enrolment, EnrolmentKind, EnrolmentSecrets, StoredAttestation, TrustedCa } from './enrolment.ts'
import { invalidValue, isObject } from './enrolment-values.ts'

export type KeySlot = 'primary' | 'secondary'

export interface AttestationParts {
  sealer: Sealer
  now: () => number
  random: (size: number) => Buffer
  /** PEM of a CA that the hub knows by id */
  caPem?: (caId: string) => Promise<string | undefined>
}

const fields = { primary: 'primaryKey', secondary: 'secondaryKey' } as const
const placeOf = (id: string, slot: KeySlot) => ({ owner: `enrolment ${id}`, cid: id, field: fields[slot] })

/** What is stored of a proof, and the keys for the asker, once. PROV_INVALID, CRED_INVALID, CRED_EXPIRED, PKI_*; no message repeats a key. */
export async function newAttestation(
  parts: AttestationParts,
  o: { id: string; kind: EnrolmentKind; request: AttestationRequest },
): Promise<{ attestation: StoredAttestation; secrets?: EnrolmentSecrets }> {
  const { id, kind, request } = o
  if (!isObject(request)) throw invalidValue('attestation', 'it is {kind, ..}')
  switch (request.kind) {
    case 'sas': {
      const primaryKey = keyOf(parts, request.primaryKey)
      const secondaryKey = keyOf(parts, request.secondaryKey)
      return { attestation: sealedKeys(parts.sealer, id, { primaryKey, secondaryKey }), secrets: { primaryKey, secondaryKey } }
    }
    case 'x509': {
      if (kind === 'group') throw invalidValue('attestation.kind x509', 'a group proves itself by x509-ca or sas')
      const { primary, secondary } = request
      const thumbprints = {
        primary: thumbprintOf(parts, primary, 'attestation.primary'),
        ...(secondary !== undefined && { secondary: thumbprintOf(parts, secondary, 'attestation.secondary') }),
      }
      return { attestation: { kind: 'x509', thumbprints } }
    }
    case 'x509-ca': {
      if (kind === 'individual') throw invalidValue('attestation.kind x509-ca', 'an individual proves itself by x509 or sas')
      const { cas } = request
      if (!Array.isArray(cas) || cas.length < 1 || cas.length > 2)
        throw invalidValue('attestation.cas', 'it is a list of one or two CAs')
      return { attestation: { kind: 'x509-ca', cas: await Promise.all(cas.map(ca => trustedCa(parts, ca))) } }
    }
    default:
      throw invalidValue(
        `attestation.kind ${JSON.stringify((request as { kind?: unknown }).kind)?.slice(0, 40)}`,
        'kinds are sas, x509, x509-ca; TPM is not offered',
      )
  }
}

/** One key is made anew, the other stays: how keys are changed in turn. PROV_INVALID for an enrolment without keys. */
export function withNewKey(
  parts: AttestationParts,
  enrolment: Enrolment,
  slot: KeySlot,
): { attestation: StoredAttestation; secrets: EnrolmentSecrets } {
  const keys = keysOf(parts.sealer, enrolment)
  if (keys.length === 0) throw invalidValue(`enrolment "${enrolment.id}"`, 'it has no keys')
  const of = (one: KeySlot) => (one === slot ? keyOf(parts, undefined) : keys.find(key => key.slot === one)!.key)
  const secrets = { primaryKey: of('primary'), secondaryKey: of('secondary') }
  return { attestation: sealedKeys(parts.sealer, enrolment.id, secrets), secrets }
}

/** The keys of an enrolment with symmetric keys, else none. Base64. HUB_KEY_MISMATCH, STORE_CORRUPT. */
export function keysOf(sealer: Sealer, { id, attestation }: Enrolment): { slot: KeySlot; key: string }[] {
  if (attestation.kind !== 'sas') return []
  return (['primary', 'secondary'] as const).map(slot => ({
    slot,
    key: sealer.open(attestation[fields[slot]], placeOf(id, slot)).toString(),
  }))
}

function sealedKeys(sealer: Sealer, id: string, { primaryKey, secondaryKey }: EnrolmentSecrets): StoredAttestation {
  return {
    kind: 'sas',
    primaryKey: sealer.seal(primaryKey, placeOf(id, 'primary')),
    secondaryKey: sealer.seal(secondaryKey, placeOf(id, 'secondary')),
    hints: { primary: sealer.hint(primaryKey), secondary: sealer.hint(secondaryKey) },
  }
}

function keyOf({ random }: AttestationParts, given: unknown): string {
  if (given === undefined) return random(64).toString('base64')
  const bytes =
    typeof given === 'string' && /^[A-Za-z0-9+/]{1,88}={0,2}$/.test(given) ? Buffer.from(given, 'base64') : Buffer.alloc(0)
  if (bytes.length < 16 || bytes.length > 64 || bytes.toString('base64') !== given)
    throw invalidValue('a symmetric key', 'it is base64 of 16 to 64 bytes')
  return given as string
}

function thumbprintOf({ now }: AttestationParts, value: unknown, member: string): string {
  if (typeof value !== 'string' || !value.includes('-----BEGIN')) return sha256Hex(value, member)
  const { fingerprint, notAfter } = readForeignCertificate(value)
  if (notAfter <= now()) throw new LoomError('CRED_EXPIRED', `${member} ended at ${new Date(notAfter).toISOString()}`)
  return fingerprint
}

async function trustedCa({ now, caPem }: AttestationParts, value: unknown): Promise<TrustedCa> {
  if (isObject(value) && typeof value.caId === 'string') {
    const { caId } = value
    if ((await caPem?.(caId)) === undefined) throw invalidValue('attestation.cas', `the hub knows no CA "${caId.slice(0, 80)}"`)
    return { caId }
  }
  if (!isObject(value) || typeof value.pem !== 'string') throw invalidValue('attestation.cas', 'each is {caId} or {pem}')
  const { der, pem, fingerprint, notAfter } = readCertificate(value.pem)
  const certificate = new X509Certificate(der)
  const subject = subjectText(certificate.subject)
  if (!certificate.ca) throw new LoomError('PKI_CA_INVALID', `"${subject}" is no CA certificate`)
  if (notAfter <= now()) throw new LoomError('PKI_CA_INVALID', `"${subject}" ended at ${new Date(notAfter).toISOString()}`)
  return { pem, fingerprint, subject, notAfter }
}

/** A name of a certificate as one line; equal names give equal lines. */
/** What proofs are judged by, as one text without secrets: another one after a change, when older proofs count no more. */
export const basisOfAttestation = (attestation: StoredAttestation): string =>
  JSON.stringify(attestation.kind === 'sas' ? attestation.hints : attestation)

export const subjectText = (name: string): string => name.split('\n').join(', ').slice(0, 256)
