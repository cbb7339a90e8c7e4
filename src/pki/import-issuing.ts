import { createPublicKey } from 'node:crypto'
import { LoomError } from '../errors.ts'
import { readBundle } from './bundle.ts'
import { checkCa } from './ca-check.ts'
import { type AuthorityOptions, type CaRecord, type CaRecords, signsItself } from './ca-records.ts'
import { checkSignedBy, type Link, linkOf, longestChain } from './chain.ts'
import { nextNumber } from './issuing.ts'

export interface ImportRequest {
  /** PEM of the authority's certificate, its private key, and the certificates above it, in any order */
  pem: string
  /** of the key, if that is encrypted */
  passphrase?: string
  /** Also the server's certificate comes from it: for devices that trust its root already. */
  serves?: boolean
  name?: string
}

/** An authority with its key, of a fleet that exists already: from then on the hub issues under it. PKI_CA_INVALID, PKI_CA_EXISTS. */
export async function importIssuing(o: AuthorityOptions, cas: CaRecords, request: ImportRequest): Promise<CaRecord> {
  const { passphrase, serves = false, name } = request
  const code = 'PKI_CA_INVALID'
  const { certificates, privateKey } = readBundle(request.pem, { code, ...(passphrase !== undefined && { passphrase }) })
  if (!privateKey) throw new LoomError(code, 'there is no private key', { hint: 'or register the CA without it' })
  const publicKey = createPublicKey(privateKey)
  const links = certificates.map(({ der }) => linkOf(der))
  const ca = links.find(({ facts }) => facts.publicKey.equals(publicKey))
  if (!ca) throw new LoomError(code, 'none of the certificates belongs to the private key')
  checkCa(ca, { ...cas.policy, now: o.now(), forCrls: true })
  const known = cas.byFingerprint(ca.facts.fingerprint)
  if (known && known.doc.role !== 'registered') throw new LoomError('PKI_CA_EXISTS', `"${known.id}"`)
  const parents = parentsOf(ca, links, o, cas)
  const n = nextNumber(cas)
  const id = `issuing-${n}`
  const doc = {
    role: 'issuing',
    n,
    certificatePem: ca.facts.pem,
    sealedKey: cas.sealed(id, privateKey),
    trust: 'key',
    createdAt: o.now(),
    serves,
    ...(parents.length > 0 && { parentsPem: parents.map(({ facts }) => facts.pem).join('') }),
    ...(name !== undefined && { name }),
  } as const
  await cas.add([{ id, doc }])
  return cas.get(id)
}

/** The certificates above, from the issuer upwards, each checked as a CA and against the signature below it. */
function parentsOf(ca: Link, given: readonly Link[], o: AuthorityOptions, cas: CaRecords): Link[] {
  const parents: Link[] = []
  for (let last = ca; !signsItself(last) && parents.length < longestChain; ) {
    const parent = given.find(({ body }) => body.subject.equals(last.body.issuer))
    if (!parent) break
    checkCa(parent, { ...cas.policy, now: o.now() })
    checkSignedBy(last.body, parent.facts.publicKey, parent.facts.subject)
    parents.push(parent)
    last = parent
  }
  return parents
}
