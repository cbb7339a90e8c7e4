import type { CredentialKind, CredentialView } from './credential-types.ts'

export type CredentialStatus = CredentialView['status']

interface CredentialBase {
  cid: string
  status: CredentialStatus
  /** epoch ms, as all times here */
  createdAt: number
}

export interface SasCredential extends CredentialBase {
  kind: 'sas'
  /** sealed; empty once revoked */
  primaryKey: string
  secondaryKey: string
  hint: string
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
}

export interface PasswordCredential extends CredentialBase {
  kind: 'password'
  username: string
  /** one-way; empty once revoked */
  hash: string
}

export type Credential = SasCredential | X509Credential | PasswordCredential

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
  reason?: string
  createdAt: number
  updatedAt: number
}

/** An identity as it may be shown. */
export interface IdentityView {
  id: string
  generation: string
  enabled: boolean
  state: Identity['state']
  credentials: CredentialView[]
  reason?: string
  createdAt: number
  updatedAt: number
  etag: string
}

/** Members are picked one by one, so that a new secret field cannot slip into a view. */
export function viewOf(identity: Identity, version: number, lastUsed: Readonly<Record<string, number>>): IdentityView {
  const { id, generation, enabled, state, credentials, reason, createdAt, updatedAt } = identity
  return {
    id,
    generation,
    enabled,
    state,
    credentials: credentials.map(credential => credentialView(credential, lastUsed[credential.cid])),
    ...(reason !== undefined && { reason }),
    createdAt,
    updatedAt,
    etag: String(version),
  }
}

function credentialView(credential: Credential, lastUsedAt: number | undefined): CredentialView {
  const { cid, status, createdAt } = credential
  const kind: CredentialKind = credential.kind
  const common = { cid, kind, status, createdAt, ...(lastUsedAt !== undefined && { lastUsedAt }) }
  if (credential.kind === 'sas') return { ...common, hasSecret: credential.primaryKey !== '', hint: credential.hint }
  if (credential.kind === 'password') return { ...common, username: credential.username, hasSecret: credential.hash !== '' }
  const { notBefore, notAfter, fingerprint, serial, subject } = credential
  return { ...common, notBefore, notAfter, fingerprint, serial, subject, hasSecret: false }
}

/** A revoked credential keeps its names, so that it is recognised, and loses its secrets. */
export function revoked(credential: Credential): Credential {
  if (credential.kind === 'sas') return { ...credential, status: 'revoked', primaryKey: '', secondaryKey: '' }
  if (credential.kind === 'password') return { ...credential, status: 'revoked', hash: '' }
  return { ...credential, status: 'revoked' }
}
