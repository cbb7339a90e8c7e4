export const type = 'loom-certificate'

export const actions = ['issue', 'sign', 'renew', 'revoke', 'crl', 'p12', 'register-ca', 'verify-ca'] as const
export type CertificateAction = (typeof actions)[number]

export interface CertificateConfig {
  name: string
  hub: string
  action: CertificateAction
  /** where the message names none; empty there too: a certificate of no device */
  device: string
  /** of a key that the hub makes; empty: the hub's choice */
  keyType: '' | 'ec-p256' | 'ec-p384' | 'rsa-2048' | 'rsa-3072' | 'rsa-4096' | 'ed25519'
  /** validity; empty: the hub's 730 */
  days: number | ''
  /** renew: for so long the old one goes on after the first use of the new one; empty: the hub's 7 */
  overlapDays: number | ''
  /** revoke */
  reason: string
  /** ids of devices whose credentials are watched, comma-separated; empty: all */
  watch: string
}

export interface CertificateCredentials {
  /** of p12 */
  password: string
}
