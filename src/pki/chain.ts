import type { KeyObject } from 'node:crypto'
import { LoomError } from '../errors.ts'
import {
  bodyOf,
  type CertificateBody,
  extensionIds as ids,
  type Usage,
  uriNamesOf,
  usageBits,
  usageOf,
} from './certificate-body.ts'
import { type CertificateFacts, readCertificate } from './certificate.ts'
import { type KeyPolicy, readPublicKey } from './keys.ts'
import { algorithmName, checkSignature } from './signature.ts'

/** No more certificates are read of what a peer presents. */
export const longestChain = 8
/** Signatures checked for one chain: certificates that share a name and a key id cannot multiply the work. */
const mostChecks = 24

/** A certificate as a link of a chain: read once, however often it is used. */
export interface Link {
  facts: CertificateFacts
  body: CertificateBody
  usage: Usage
}

/** CRED_INVALID if the certificate or one of the extensions that matter cannot be read. */
export function linkOf(input: string | Uint8Array): Link {
  const facts = readCertificate(input)
  try {
    const body = bodyOf(facts.der)
    uriNamesOf(body)
    return { facts, body, usage: usageOf(body) }
  } catch (cause) {
    throw new LoomError('CRED_INVALID', 'an extension of the certificate cannot be read', { cause })
  }
}

export interface VerifiedChain {
  leaf: CertificateFacts
  /** URIs of the leaf's subject alternative name */
  uris: string[]
  /** from the leaf to the anchor, both included */
  path: CertificateFacts[]
  anchor: CertificateFacts
  /** epoch ms: when the first certificate of the path begins and ends to be out of date */
  notBefore: number
  notAfter: number
}

export interface ChainDemands extends KeyPolicy {
  /** Needs that in extKeyUsage, if a certificate has it. Default `client`. */
  purpose?: 'client' | 'server' | 'any'
}

/**
 * Follows a presented chain from its first certificate, whose key the peer has proved (RFC 8446, 4.4.2), to one of the anchors; the others may come in any
 * order, and more than needed. Checked on the way: issuer, signature, dates, CA flag, keyUsage, path length, kind and size of each key. Codes: CRED_INVALID,
 * CRED_EXPIRED, CRED_NOT_YET_VALID, PKI_KEY_REFUSED, PKI_CHAIN_INVALID, and CRED_UNKNOWN when it leads to no anchor.
 */
export function verifyChain(
  chain: readonly (string | Uint8Array)[],
  anchors: readonly (string | Uint8Array)[],
  now: number,
  demands: ChainDemands = {},
): VerifiedChain {
  return verifyLinks(chainLinks(chain), anchors.map(linkOf), now, demands)
}

/** The certificates of a chain, read. PKI_CHAIN_INVALID for none or too many, CRED_INVALID. */
export function chainLinks(chain: readonly (string | Uint8Array)[]): Link[] {
  if (chain.length < 1 || chain.length > longestChain)
    throw new LoomError('PKI_CHAIN_INVALID', `${chain.length} certificates`, { hint: `present 1 to ${longestChain}` })
  return chain.map(linkOf)
}

/** `verifyChain` for certificates that are read already. */
export function verifyLinks(chain: readonly Link[], anchors: readonly Link[], now: number, demands: ChainDemands): VerifiedChain {
  const [leaf, ...others] = chain as [Link, ...Link[]]
  checkLeaf(leaf, now, demands)
  const search = { anchors, others, now, demands, checks: 0, problem: undefined as LoomError | undefined }
  const path = follow(search, [leaf])
  if (!path) throw search.problem ?? new LoomError('CRED_UNKNOWN', `no registered CA issued "${leaf.facts.subject.slice(0, 80)}"`)
  const facts = path.map(link => link.facts)
  return {
    leaf: leaf.facts,
    uris: uriNamesOf(leaf.body),
    path: facts,
    anchor: facts.at(-1)!,
    notBefore: Math.max(...facts.map(({ notBefore }) => notBefore)),
    notAfter: Math.min(...facts.map(({ notAfter }) => notAfter)),
  }
}

interface Search {
  anchors: readonly Link[]
  others: readonly Link[]
  now: number
  demands: ChainDemands
  checks: number
  /** the first reason for which a candidate was not good enough */
  problem: LoomError | undefined
}

function follow(search: Search, path: readonly Link[]): Link[] | undefined {
  const last = path.at(-1)!
  for (const [isAnchor, candidates] of [[true, search.anchors] as const, [false, search.others] as const])
    for (const candidate of candidates) {
      if (path.includes(candidate) || !mayIssue(candidate, last)) continue
      try {
        checkIssuer(search, candidate, path)
      } catch (error) {
        if (!(error instanceof LoomError)) throw error
        search.problem ??= error
        continue
      }
      const found = isAnchor ? [...path, candidate] : follow(search, [...path, candidate])
      if (found) return found
    }
  return undefined
}

/** Names are compared byte by byte: an authority writes its name into what it issues as it has it (RFC 5280, 4.1.2.6). */
function mayIssue(candidate: Link, { body, usage }: Link): boolean {
  if (!candidate.body.subject.equals(body.issuer)) return false
  const { subjectKeyId } = candidate.usage
  return !subjectKeyId || !usage.authorityKeyId || subjectKeyId.equals(usage.authorityKeyId)
}

function checkIssuer(search: Search, issuer: Link, path: readonly Link[]): void {
  const { now, demands } = search
  const issued = path.at(-1)!
  const name = issuer.facts.subject.slice(0, 80)
  if (++search.checks > mostChecks) throw broken('it has too many certificates of the same name')
  if (!issuer.usage.isCa) throw broken(`"${name}" is no CA`)
  if (issuer.usage.keyUsage !== undefined && !(issuer.usage.keyUsage & usageBits.keyCertSign))
    throw broken(`"${name}" may not sign certificates`)
  const between = path.slice(1).filter(({ body }) => !body.subject.equals(body.issuer)).length
  if (between > (issuer.usage.pathLength ?? Number.POSITIVE_INFINITY))
    throw broken(`"${name}" allows ${issuer.usage.pathLength} authorities below it, not ${between}`)
  checkCommon(issuer, now, demands)
  const key = readPublicKey(issuer.body.spki, demands).publicKey
  checkSignedBy(issued.body, key, name)
}

/** PKI_CHAIN_INVALID unless that key signed the certificate. */
export function checkSignedBy({ algorithm, tbs, signature }: CertificateBody, publicKey: KeyObject, name: string): void {
  const verdict = checkSignature({ algorithm, data: tbs, signature, publicKey })
  if (verdict === 'algorithm') throw broken(`signature algorithm ${algorithmName(algorithm)}`)
  if (verdict === 'wrong') throw broken(`a signature is not of "${name}"`)
}

function checkLeaf(leaf: Link, now: number, demands: ChainDemands): void {
  const { isCa, keyUsage = usageBits.digitalSignature } = leaf.usage
  if (isCa) throw broken('the first certificate is that of a CA')
  if (!(keyUsage & (usageBits.digitalSignature | usageBits.keyAgreement))) throw broken('its key may not sign')
  checkCommon(leaf, now, demands)
  readPublicKey(leaf.body.spki, demands)
}

const purposes = { client: '1.3.6.1.5.5.7.3.2', server: '1.3.6.1.5.5.7.3.1', any: '2.5.29.37.0' } as const
/** Extensions that are looked at here, or say nothing that matters here. */
const understood: readonly string[] = Object.values(ids).filter(id => id !== ids.nameConstraints)

/** What goes for every certificate of a path. */
function checkCommon({ facts, body, usage }: Link, now: number, { purpose = 'client' }: ChainDemands): void {
  const name = facts.subject.slice(0, 80)
  if (now < facts.notBefore)
    throw new LoomError('CRED_NOT_YET_VALID', `"${name}" begins ${new Date(facts.notBefore).toISOString()}`)
  if (now > facts.notAfter) throw new LoomError('CRED_EXPIRED', `"${name}" ended ${new Date(facts.notAfter).toISOString()}`)
  // not understood here, so what they forbid must not be allowed
  if (body.extensions.has(ids.nameConstraints)) throw broken(`"${name}" has name constraints`)
  for (const [id, { critical }] of body.extensions)
    if (critical && !understood.includes(id)) throw broken(`"${name}" has the critical extension ${id}`)
  const { extKeyUsage } = usage
  if (purpose !== 'any' && extKeyUsage && !extKeyUsage.includes(purposes[purpose]) && !extKeyUsage.includes(purposes.any))
    throw broken(`"${name}" is not for ${purpose}s`)
}

const broken = (detail: string): LoomError => new LoomError('PKI_CHAIN_INVALID', detail)
