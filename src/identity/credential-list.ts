import { LoomError } from '../errors.ts'
import type { Credential, Identity } from './identity.ts'
import { claimsOf } from './identity-store.ts'

export const maxCredentials = 10

/** IDENTITY_RETIRED, CRED_LIMIT. */
export function checkRoom({ id, state, credentials }: Identity): void {
  if (state === 'retired') throw new LoomError('IDENTITY_RETIRED', `"${id}"`)
  if (credentials.filter(({ status }) => status !== 'revoked').length >= maxCredentials)
    throw new LoomError('CRED_LIMIT', `"${id}" has ${maxCredentials}`, { hint: 'revoke one that is no longer used' })
}

/** Adds one and forgets the oldest revoked ones beyond the limit, with the claims that only they had. */
export function withCredential(doc: Identity, credential: Credential): { doc: Identity; losses: string[] } {
  const old = doc.credentials.filter(({ status }) => status === 'revoked')
  const forgotten = new Set(old.slice(0, Math.max(0, old.length - maxCredentials)))
  const credentials = [...doc.credentials.filter(one => !forgotten.has(one)), credential]
  const kept = new Set(credentials.flatMap(one => claimsOf(doc.id, one).map(([claimId]) => claimId)))
  const losses = [...forgotten]
    .flatMap(one => claimsOf(doc.id, one).map(([claimId]) => claimId))
    .filter(claimId => !kept.has(claimId))
  return { doc: { ...doc, credentials }, losses }
}
