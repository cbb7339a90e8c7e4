export type CredentialKind = 'sas' | 'x509' | 'password'

/** A credential as it may be shown: never a secret, hash or cipher text. */
export interface CredentialView {
  cid: string
  kind: CredentialKind
  status: 'pending' | 'active' | 'inactive' | 'revoked'
  createdAt: number
  notBefore?: number
  notAfter?: number
  lastUsedAt?: number
  /** x509 */
  fingerprint?: string
  serial?: string
  subject?: string
  /** password */
  username?: string
  hasSecret: boolean
  /** First 8 hex digits of a keyed hash, to compare by eye. */
  hint?: string
}

/** `sas` without keys: made here. `x509`: `csrPem` is signed, `certificatePem` registered as it is, neither: key and certificate are made. */
export type CredentialRequest =
  | { kind: 'sas'; primaryKey?: string; secondaryKey?: string }
  | { kind: 'x509'; csrPem?: string; certificatePem?: string; days?: number }
  | { kind: 'password'; username?: string; password?: string }

/** Key material: in the reply that made it, once, and nowhere after. */
export interface DeviceSecrets {
  cid: string
  kind: CredentialKind
  primaryKey?: string
  secondaryKey?: string
  connectionString?: string
  username?: string
  password?: string
  certificatePem?: string
  privateKeyPem?: string
  chainPem?: string
  caPem: string
}
