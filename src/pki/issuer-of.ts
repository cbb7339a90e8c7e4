import { X509Certificate } from 'node:crypto'
import type { CaRecords } from './ca-records.ts'

/** By name and signature, among the CAs that issue here: a certificate of ours that comes back as PEM can then be put on the list of its CA. */
export function issuerOf(cas: CaRecords, certificatePem: string): string | undefined {
  const certificate = new X509Certificate(certificatePem)
  for (const { id, doc, link } of cas.all()) {
    if (doc.role === 'registered') continue
    const { pem } = link.facts
    if (new X509Certificate(pem).subject === certificate.issuer && certificate.verify(link.facts.publicKey)) return id
  }
  return undefined
}
