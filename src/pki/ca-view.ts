import { type CaRecord, type CaRole, type CaStatus, type CaTrust, isImported } from './ca-records.ts'
import type { CrlState } from './crl-book.ts'

/** A CA as people see it; nothing of it is secret. */
export interface CaView {
  id: string
  role: CaRole
  name?: string
  /** one line */
  subject: string
  serial: string
  fingerprint: string
  /** epoch ms */
  notBefore: number
  notAfter: number
  status: CaStatus
  trust: CaTrust
  /** an issuing authority that came from elsewhere */
  imported: boolean
  /** an imported one that also signs the server's certificate */
  serves: boolean
  /** its private key is here */
  hasKey: boolean
  createdAt?: number
  /** of a pending one: when its code ends */
  codeEndsAt?: number
  crlNumber?: number
  nextUpdate?: number
  crlAlarm?: boolean
}

export function caViewOf(record: CaRecord, crl: CrlState | undefined): CaView {
  const { id, doc, link, privateKey } = record
  const { subject, serial, fingerprint, notBefore, notAfter } = link.facts
  const { role, name, status = 'active', trust = 'own', serves = false, createdAt, codeEndsAt } = doc
  return {
    id,
    role,
    ...(name !== undefined && { name }),
    subject,
    serial,
    fingerprint,
    notBefore,
    notAfter,
    status,
    trust,
    imported: isImported(record),
    serves,
    hasKey: privateKey !== undefined,
    ...(createdAt !== undefined && { createdAt }),
    ...(status === 'pending' && codeEndsAt !== undefined && { codeEndsAt }),
    ...(crl && { crlNumber: crl.number, nextUpdate: crl.nextUpdate, crlAlarm: crl.alarm }),
  }
}
