import { LoomError } from '../errors.ts'
import type { Credential, Identity } from './identity.ts'

/** Whether a credential counts: active ones, and replacements that wait for their first use. CRED_REVOKED, CRED_INVALID. */
export function checkStatus({ id }: Identity, { cid, status }: Credential): { pending: boolean } {
  if (status === 'revoked') throw new LoomError('CRED_REVOKED', `credential ${cid} of "${id}"`)
  if (status === 'inactive') throw new LoomError('CRED_INVALID', `credential ${cid} of "${id}" is ${status}`)
  return { pending: status === 'pending' }
}

export const counts = ({ status }: Credential): boolean => status === 'active' || status === 'pending'
