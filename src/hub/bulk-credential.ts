import { LoomError } from '../errors.ts'
import type { CredentialRequest } from '../identity/credential-types.ts'
import { endedHints } from '../identity/identity.ts'
import type { IdentityView, Registry } from '../identity/registry.ts'
import type { Sealer } from '../identity/seal.ts'
import { readCertificate } from '../pki/certificate.ts'

/** Nothing of it is made here: the asker has it all. */
export function isGiven(request: CredentialRequest): boolean {
  if (request.kind === 'x509') return request.certificatePem !== undefined
  if (request.kind === 'sas') return request.primaryKey !== undefined && request.secondaryKey !== undefined
  return request.kind !== 'password' || request.password !== undefined
}

/**
 * Whether a device that exists lacks a credential that a row gives. One that would have to be made is for new devices only. CRED_REVOKED for one that was ended: an old file
 * does not bring it back. Codes of certificates.
 */
export async function lacks(
  { registry, sealer }: { registry: Registry; sealer: Pick<Sealer, 'hint'> },
  { id, credentials }: IdentityView,
  request: CredentialRequest,
): Promise<boolean> {
  const used = credentials.filter(({ kind, status }) => kind === request.kind && status !== 'revoked')
  if (request.kind === 'x509') {
    if (request.certificatePem === undefined) return false
    const { fingerprint } = readCertificate(request.certificatePem)
    return !used.some(one => one.fingerprint === fingerprint)
  }
  if (request.kind === 'sas') {
    const { primaryKey } = request
    if (primaryKey === undefined) return false
    const hint = sealer.hint(primaryKey)
    if (used.some(one => one.hint === hint)) return false
    for (const one of (await registry.find(id))?.credentials ?? [])
      if (one.kind === 'sas' && endedHints(one).includes(hint))
        throw new LoomError('CRED_REVOKED', `credential ${one.cid} of "${id}"`)
    return true
  }
  if (request.kind !== 'password' || request.password === undefined) return false
  const { password, username = id } = request
  for (const one of (await registry.find(id))?.credentials ?? []) {
    if (one.kind !== 'password' || one.status === 'revoked' || one.username !== username) continue
    if (await registry.verifyPassword({ cid: one.cid, password, hash: one.hash })) return false
  }
  return true
}
