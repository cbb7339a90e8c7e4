import { LoomError } from '../errors.ts'
import type { PeerFacts } from '../identity/prove-certificate.ts'
import type { Authority } from '../pki/authority.ts'

/**
 * The registered authority that vouches for a peer's certificate now. A chain that leads to one but does not hold is refused with the reason; one that leads to
 * none is simply unknown.
 */
export function anchorOf(
  authority: Pick<Authority, 'anchorsFor'>,
  { der, issuers = [] }: PeerFacts,
  now: number,
): { caId: string; cn?: string; sanUris: readonly string[] } | undefined {
  const vouched = authority.anchorsFor([der, ...issuers])
  if (!vouched) return undefined
  const { caId, leaf, uris, notBefore, notAfter } = vouched
  if (now < notBefore) throw new LoomError('CRED_NOT_YET_VALID', `the chain to "${caId}"`)
  if (now > notAfter) throw new LoomError('CRED_EXPIRED', `the chain to "${caId}"`)
  return { caId, sanUris: uris, ...(leaf.subjectCn !== undefined && { cn: leaf.subjectCn }) }
}
