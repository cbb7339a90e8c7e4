import { LoomError } from '../errors.ts'
import { checkCa } from './ca-check.ts'
import { type AuthorityOptions, type CaDoc, type CaRecord, type CaRecords, isImported } from './ca-records.ts'
import { type Link, linkOf } from './chain.ts'
import { codeHashOf, verifyPossession } from './possession.ts'

export interface RegisterCaRequest {
  /** one certificate, PEM; a root or any CA below one */
  pem: string
  /** `operator`: trusted because somebody who may says so, without a proof; so marked for ever */
  trust?: 'proof' | 'operator'
  name?: string
}

export interface RegisteredCa {
  id: string
  /** to be signed as the common name of a certificate by the CA's key; once, within 24 h. Absent if nothing is left to prove */
  code?: string
  /** epoch ms */
  codeEndsAt?: number
}

const codeLifeMs = 24 * 3_600_000

/** Several certificates of one CA may be registered; each by itself. */
const idOf = (fingerprint: string) => `ca-${fingerprint.slice(0, 16)}`

/** Registers a CA of someone else. Again while it is pending: a new code. PKI_CA_INVALID, PKI_CA_EXISTS. */
export async function registerCa(o: AuthorityOptions, cas: CaRecords, request: RegisterCaRequest): Promise<RegisteredCa> {
  const link = readCa(request.pem)
  checkCa(link, { ...cas.policy, now: o.now() })
  const { fingerprint, pem, spkiHash } = link.facts
  const id = idOf(fingerprint)
  const known = cas.find(id)
  const own = cas.all().find(record => record.link.facts.spkiHash === spkiHash && record.doc.role !== 'registered')
  if ((known && known.doc.status !== 'pending') || (own && !isImported(own)))
    throw new LoomError('PKI_CA_EXISTS', `"${known ? id : own!.id}"`)
  const trust = own ? 'key' : (request.trust ?? 'proof')
  const { name } = request
  const base = {
    role: 'registered',
    n: 0,
    certificatePem: pem,
    trust,
    createdAt: o.now(),
    ...(name !== undefined && { name }),
  } as const
  if (trust !== 'proof') {
    await write(cas, known, id, { ...base, status: 'active' })
    return { id }
  }
  const code = o.random(32).toString('hex')
  const codeEndsAt = o.now() + codeLifeMs
  await write(cas, known, id, { ...base, status: 'pending', codeHash: codeHashOf(code), codeEndsAt })
  return { id, code, codeEndsAt }
}

/** The owner's proof; the code counts once. PKI_PROOF_FAILED. */
export async function verifyCa(
  o: AuthorityOptions,
  cas: CaRecords,
  { id, proofPem }: { id: string; proofPem: string },
): Promise<void> {
  const record = cas.get(id)
  const { codeHash, codeEndsAt = 0, ...rest } = record.doc
  if (codeHash === undefined) throw new LoomError('PKI_PROOF_FAILED', `"${id}" waits for no proof`)
  if (o.now() >= codeEndsAt)
    throw new LoomError('PKI_PROOF_FAILED', 'the code is too old', { hint: 'register the CA again for a new one' })
  verifyPossession({ ca: record.link.facts.der, proof: proofPem, codeHash, now: o.now() })
  await cas.change(record, { ...rest, status: 'active' })
}

/** An inactive one vouches for nobody and issues nothing. REQUEST_INVALID for the hub's own and for pending ones. */
export async function setCaActive(cas: CaRecords, { id, active }: { id: string; active: boolean }): Promise<void> {
  const record = foreign(cas, id)
  if (record.doc.status === 'pending')
    throw new LoomError('REQUEST_INVALID', `"${id}" is pending`, { hint: 'prove its key first' })
  await cas.change(record, { ...record.doc, status: active ? 'active' : 'inactive' })
}

/** REQUEST_INVALID for the hub's own, and for an issuing one, whose list of revoked certificates is still needed. */
export async function removeCa(cas: CaRecords, { id }: { id: string }): Promise<void> {
  const record = foreign(cas, id)
  if (record.doc.role !== 'registered')
    throw new LoomError('REQUEST_INVALID', `"${id}" has issued certificates`, { hint: 'make it inactive instead' })
  await cas.remove(record)
}

function foreign(cas: CaRecords, id: string): CaRecord {
  const record = cas.get(id)
  if (record.doc.role !== 'registered' && !isImported(record))
    throw new LoomError('REQUEST_INVALID', `"${id}" is the hub's own CA`)
  return record
}

function write(cas: CaRecords, known: CaRecord | undefined, id: string, doc: CaDoc): Promise<unknown> {
  return known ? cas.change(known, doc) : cas.add([{ id, doc }])
}

function readCa(pem: string): Link {
  try {
    return linkOf(pem)
  } catch (cause) {
    throw new LoomError('PKI_CA_INVALID', 'it cannot be read', { cause, hint: 'give one certificate as PEM' })
  }
}
