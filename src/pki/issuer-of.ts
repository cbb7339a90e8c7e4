import type { CaRecords } from './ca-records.ts'
import { linkOf } from './chain.ts'
import { checkSignature } from './signature.ts'

/**
 * By name and signature, among the CAs that issue here: a certificate of ours that comes back as PEM can then be put on the list of its CA. CRED_INVALID.
 */
export function issuerOf(cas: CaRecords, certificatePem: string): string | undefined {
  const { algorithm, tbs: data, signature, issuer } = linkOf(certificatePem).body
  const found = cas.all().find(({ doc, link }) => {
    if (doc.role === 'registered' || !link.body.subject.equals(issuer)) return false
    return checkSignature({ algorithm, data, signature, publicKey: link.facts.publicKey }) === 'genuine'
  })
  return found?.id
}
