import type { CredentialKind, CredentialView } from './credential-types.ts'

export type CredentialStatus = CredentialView['status']

interface CredentialBase {
  cid: string
  status: CredentialStatus
  /** epoch ms, as all times here */
  createdAt: number
  /** pending until its first use, which starts the overlap with these */
  replaces?: string[]
  overlapMs?: number
  /** superseded: revoked then */
  retiresAt?: number
}

export interface SasCredential extends CredentialBase {
  kind: 'sas'
  /** sealed; empty once revoked */
  primaryKey: string
  secondaryKey: string
  /** of the primary key */
  hint: string
  secondaryHint?: string
  /** of keys that were replaced, the latest last: they do not come back by themselves */
  formerHints?: string[]
}

export interface X509Credential extends CredentialBase {
  kind: 'x509'
  /** SHA-256 of the DER, lower hex */
  fingerprint: string
  serial: string
  subject: string
  /** SHA-256 of the public key's DER, lower hex */
  spkiHash: string
  notBefore: number
  notAfter: number
  pem: string
  /** the authority of this hub that signed it: its revocation list gets it */
  issuerId?: string
}

export interface X509GroupCredential extends CredentialBase {
  kind: 'x509-group'
  caId: string
  match: 'cn' | 'san-uri'
}

export interface SasDerivedCredential extends CredentialBase {
  kind: 'sas-derived'
  groupId: string
  /** what its keys are derived from, spelled as the device did */
  registrationId: string
}

export interface JwtCredential extends CredentialBase {
  kind: 'jwt'
  issuerId: string
  subject: string
}

export interface PasswordCredential extends CredentialBase {
  kind: 'password'
  username: string
  /** one-way; empty once revoked */
  hash: string
}

export type Credential =
  | SasCredential
  | X509Credential
  | PasswordCredential
  | X509GroupCredential
  | SasDerivedCredential
  | JwtCredential

const mostFormerHints = 10

/** A device as the identity store keeps it. Tags, attributes and twin live elsewhere. */
export interface Identity {
  id: string
  /** unique: no two ids differ only in case */
  idLower: string
  /** new when an id is registered again: what was meant for the old device never reaches the new one */
  generation: string
  enabled: boolean
  state: 'pending' | 'active' | 'quarantined' | 'retired'
  credentials: Credential[]
  /** the enrolment that made it */
  enrolmentId?: string
  reason?: string
  createdAt: number
  updatedAt: number
  /** next thing to do about its credentials (end of an overlap, an unused replacement, a certificate to renew), indexed; absent: nothing */
  dueAt?: number
  /** warnings already given of the end of a certificate, counted: `{cid}` -> number */
  warned?: Record<string, number>
}

/** An identity as it may be shown. */
export interface IdentityView {
  id: string
  generation: string
  enabled: boolean
  state: Identity['state']
  credentials: CredentialView[]
  enrolmentId?: string
  reason?: string
  createdAt: number
  updatedAt: number
  etag: string
}

/** Members are picked one by one, so that a new secret field cannot slip into a view. */
export function viewOf(identity: Identity, version: number, lastUsed: Readonly<Record<string, number>>): IdentityView {
  const { id, generation, enabled, state, credentials, enrolmentId, reason, createdAt, updatedAt } = identity
  return {
    id,
    generation,
    enabled,
    state,
    credentials: credentials.map(credential => credentialView(credential, lastUsed[credential.cid])),
    ...(enrolmentId !== undefined && { enrolmentId }),
    ...(reason !== undefined && { reason }),
    createdAt,
    updatedAt,
    etag: String(version),
  }
}

function credentialView(credential: Credential, lastUsedAt: number | undefined): CredentialView {
  const { cid, kind, status, createdAt, replaces, retiresAt } = credential
  const common = {
    cid,
    kind: kind satisfies CredentialKind,
    status,
    createdAt,
    hasSecret: false,
    ...(lastUsedAt !== undefined && { lastUsedAt }),
    ...(replaces && status === 'pending' && { replaces }),
    ...(retiresAt !== undefined && { retiresAt }),
  }
  switch (credential.kind) {
    case 'sas':
      return { ...common, hasSecret: credential.primaryKey !== '', hint: credential.hint }
    case 'password':
      return { ...common, username: credential.username, hasSecret: credential.hash !== '' }
    case 'x509-group':
      return { ...common, caId: credential.caId }
    case 'sas-derived':
      return { ...common, groupId: credential.groupId }
    case 'jwt':
      return { ...common, tokenIssuer: credential.issuerId, tokenSubject: credential.subject }
    case 'x509': {
      const { notBefore, notAfter, fingerprint, serial, subject } = credential
      return { ...common, notBefore, notAfter, fingerprint, serial, subject }
    }
  }
}

/** Its keys get a successor in one of the slots. `former`: the hint of the key that ends, if it is known. */
export function withNewKey(
  old: SasCredential,
  { slot, sealed, hint, former }: { slot: 'primary' | 'secondary'; sealed: string; hint: string; former: string | undefined },
): SasCredential {
  const formerHints = [...(old.formerHints ?? []), ...(former === undefined ? [] : [former])].slice(-mostFormerHints)
  const renewed = slot === 'primary' ? { primaryKey: sealed, hint } : { secondaryKey: sealed, secondaryHint: hint }
  return { ...old, ...renewed, formerHints }
}

/** The hints of keys that an operator or a renewal ended: they do not come back by themselves. */
export const endedHints = ({ status, hint, secondaryHint, formerHints = [] }: SasCredential): string[] => [
  ...formerHints,
  ...(status === 'revoked' ? [hint, ...(secondaryHint === undefined ? [] : [secondaryHint])] : []),
]

/** A revoked credential keeps its names, so that it is recognised, and loses its secrets. */
export function revoked({ replaces: _, overlapMs: __, retiresAt: ___, ...credential }: Credential): Credential {
  if (credential.kind === 'sas') return { ...credential, status: 'revoked', primaryKey: '', secondaryKey: '' }
  if (credential.kind === 'password') return { ...credential, status: 'revoked', hash: '' }
  return { ...credential, status: 'revoked' }
}
