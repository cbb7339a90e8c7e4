import { LoomError } from '../errors.ts'

/** One request for an identity, its members of the right types. */
export interface OwnRequest {
  template?: string
  /** PEM; without one the key is made here */
  csr?: string
  keyType?: 'ec-p256' | 'rsa-2048'
  parameters?: Record<string, unknown>
  pairingCode?: string
  /** with a code that names no template: what the device wants instead of a certificate */
  credentials?: { kind: 'x509' | 'sas' | 'password' }
}

/** A device's identity: key material that was made here is in this answer and nowhere after. */
export interface OwnIdentity {
  deviceId: string
  certificatePem?: string
  privateKey?: string
  primaryKey?: string
  secondaryKey?: string
  username?: string
  password?: string
  deviceConfiguration: Record<string, string>
}

/** REQUEST_INVALID. */
export const wrongCredentials = (needs: string): LoomError =>
  new LoomError('REQUEST_INVALID', 'credentials', { hint: `only ${needs} gives another kind than x509`, position: 'credentials' })
