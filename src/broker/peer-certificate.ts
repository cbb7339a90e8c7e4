import { createHash } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import type { PeerCertificate } from './broker-port.ts'

/** The certificate the peer proved possession of, also on a resumed session; undefined if it sent none. */
export function peerCertificateOf(socket: TLSSocket): PeerCertificate | undefined {
  const sent = socket.getPeerCertificate()
  // Without a certificate Node gives an empty object, or null once the socket is gone.
  if (!sent?.raw) return undefined
  const cn: string | string[] | undefined = sent.subject?.CN
  return {
    fingerprint: createHash('sha256').update(sent.raw).digest('hex'),
    der: sent.raw,
    subjectCn: Array.isArray(cn) ? (cn[0] ?? '') : (cn ?? ''),
    notBefore: Date.parse(sent.valid_from),
    notAfter: Date.parse(sent.valid_to),
  }
}
