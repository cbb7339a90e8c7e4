import { LoomError } from '../errors.ts'
import { type RevocationReason, revocationReasons } from '../pki/crl.ts'

/** REQUEST_INVALID for one that RFC 5280, 5.3.1 does not have. */
export function reasonOf(asked: unknown): RevocationReason | undefined {
  if (asked === undefined || asked === '') return undefined
  if (typeof asked !== 'string' || !Object.hasOwn(revocationReasons, asked))
    throw new LoomError('REQUEST_INVALID', `reason ${JSON.stringify(asked)?.slice(0, 40)}`, {
      hint: `one of ${Object.keys(revocationReasons).join(', ')}`,
    })
  return asked as RevocationReason
}
