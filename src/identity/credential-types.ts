import type { KeyType } from '../pki/keys.ts'

/**
 * `x509-group`: any certificate of a registered CA that names the device. `sas-derived`: keys derived from those of an enrolment group.
 * `jwt`: a subject at a token issuer. The last three keep no secret with the device.
 */
export type CredentialKind = 'sas' | 'x509' | 'password' | 'x509-group' | 'sas-derived' | 'jwt'

/** The kinds that are made from nothing: `{kind}` is a whole request. */
export const madeKinds = ['sas', 'x509', 'password'] as const satisfies readonly CredentialKind[]
export type MadeKind = (typeof madeKinds)[number]

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
  /** x509-group */
  caId?: string
  /** sas-derived */
  groupId?: string
  /** jwt */
  tokenIssuer?: string
  tokenSubject?: string
  /** Credentials that this one replaces once it was used. */
  replaces?: string[]
  /** It was replaced and is revoked at that time. */
  retiresAt?: number
  hasSecret: boolean
  /** First 8 hex digits of a keyed hash, to compare by eye. */
  hint?: string
}

/** `sas` without keys: made here. `x509`: `csrPem` is signed, `certificatePem` registered as it is, neither: key and certificate are made. */
export type CredentialRequest =
  | { kind: 'sas'; primaryKey?: string; secondaryKey?: string }
  | { kind: 'x509'; csrPem?: string; certificatePem?: string; keyType?: KeyType; days?: number }
  | { kind: 'password'; username?: string; password?: string }
  | { kind: 'x509-group'; caId: string; match?: 'cn' | 'san-uri' }
  | { kind: 'sas-derived'; groupId: string; registrationId?: string }
  | { kind: 'jwt'; tokenIssuer: string; tokenSubject?: string }

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
