import type { Credential } from './identity.ts'
import type { CertificateProofs } from './prove-certificate.ts'
import type { TokenProofs } from './prove-password.ts'
import type { GroupKeys } from './prove-sas.ts'
import type { Sealer } from './seal.ts'
import type { TokenIssuer } from './token-verifier.ts'

type Hinting = Pick<Sealer, 'hint'>

/** What a proof rests on beside its credential being active, as a keyed hash that tells no secret: another one after it was replaced. */
export const basisOfKeys = (sealer: Hinting, keys: { primaryKey: string; secondaryKey: string }): string =>
  sealer.hint(`${keys.primaryKey}|${keys.secondaryKey}`)
export const basisOfIssuer = (sealer: Hinting, issuer: TokenIssuer): string => sealer.hint(JSON.stringify(issuer))
export const basisOfAnchor = (sealer: Hinting, pem: string): string => sealer.hint(pem)

/** The basis of a credential as it is now; undefined if there is none (any more). */
export function createBasis(o: { sealer: Sealer; groupKeys?: GroupKeys; tokens?: TokenProofs; anchors?: CertificateProofs }) {
  const { sealer, groupKeys = async () => undefined, tokens, anchors } = o
  return async (credential: Credential): Promise<string | undefined> => {
    switch (credential.kind) {
      case 'sas':
        return basisOfKeys(sealer, credential)
      case 'sas-derived': {
        const group = await groupKeys(credential.groupId)
        return group && basisOfKeys(sealer, group)
      }
      case 'jwt': {
        const issuer = tokens?.issuers.get(credential.issuerId)
        return issuer?.enabled ? basisOfIssuer(sealer, issuer) : undefined
      }
      case 'x509-group': {
        const pem = anchors?.anchorPem(credential.caId)
        return pem === undefined ? undefined : basisOfAnchor(sealer, pem)
      }
      default:
        return undefined
    }
  }
}
