import { createHash } from 'node:crypto'
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls'
import type { PeerCertificate } from './broker-port.ts'

const maxIssuers = 8

/** The certificate the peer proved possession of, also on a resumed session; undefined if it sent none. */
export function peerCertificateOf(socket: TLSSocket): PeerCertificate | undefined {
  const sent = socket.getPeerCertificate(true)
  // Without a certificate Node gives an empty object, or null once the socket is gone.
  if (!sent?.raw) return undefined
  const cn: string | string[] | undefined = sent.subject?.CN
  return {
    fingerprint: createHash('sha256').update(sent.raw).digest('hex'),
    der: sent.raw,
    subjectCn: Array.isArray(cn) ? (cn[0] ?? '') : (cn ?? ''),
    notBefore: Date.parse(sent.valid_from),
    notAfter: Date.parse(sent.valid_to),
    ...issuersOf(sent),
  }
}

/** A root names itself as its issuer; what is not sent is missing. */
function issuersOf(leaf: DetailedPeerCertificate): { issuers?: Uint8Array[] } {
  const issuers: Uint8Array[] = []
  for (let at = leaf; issuers.length < maxIssuers; ) {
    const issuer = at.issuerCertificate as DetailedPeerCertificate | undefined
    if (!issuer?.raw || issuer === at || issuer.raw.equals(at.raw)) break
    issuers.push(issuer.raw)
    at = issuer
  }
  return issuers.length ? { issuers } : {}
}
