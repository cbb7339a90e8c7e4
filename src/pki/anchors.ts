import { hash } from 'node:crypto'
import { LoomError } from '../errors.ts'
import { type CaRecord, type CaRecords, isActive } from './ca-records.ts'
import { type CertificateFacts, fingerprintOf } from './certificate.ts'
import { chainLinks, type Link, verifyLinks } from './chain.ts'

/** A presented certificate that a registered CA vouches for. */
export interface Vouched {
  caId: string
  leaf: CertificateFacts
  /** URIs of its subject alternative name */
  uris: readonly string[]
  /** epoch ms: until the first certificate of the path ends */
  notBefore: number
  notAfter: number
}

/** Results kept, of good and of refused chains each. */
const mostKept = 10_000
/** Authorities below registered ones that are remembered. */
const mostBetween = 1000

/** Finds who vouches for a chain; what was found is kept by the leaf's fingerprint until any CA changes. */
export class Anchors {
  readonly #cas: CaRecords
  readonly #vouched = new Map<string, Vouched>()
  readonly #refused = new Map<string, LoomError>()
  /** The way from who issued a leaf to an anchor, as good chains showed it: a resumed TLS session shows the leaf alone (RFC 5077, RFC 8446 2.2). */
  readonly #between = new Map<string, readonly Link[]>()

  constructor(cas: CaRecords) {
    this.#cas = cas
    cas.watch(() => {
      this.#vouched.clear()
      this.#refused.clear()
    })
  }

  /**
   * The active registered CA that vouches for the chain, its first certificate the one whose key the peer proved; undefined if none does. Throws the codes of
   * `verifyChain` for a chain that leads to one but is out of date, weak or broken.
   */
  find(chain: readonly Uint8Array[], now: number): Vouched | undefined {
    const [leaf] = chain
    const key = leaf ? fingerprintOf(leaf) : ''
    const kept = this.#vouched.get(key)
    if (kept && now >= kept.notBefore && now <= kept.notAfter) return kept
    // another chain above the same leaf may be better
    const whole = hash('sha256', Buffer.concat(chain), 'hex')
    const refused = this.#refused.get(whole)
    if (refused) return refusal(refused)
    try {
      const vouched = this.#verify(chain, now)
      remember(this.#vouched, key, vouched)
      return vouched
    } catch (error) {
      if (!(error instanceof LoomError)) throw error
      if (error.code !== 'CRED_NOT_YET_VALID' && error.code !== 'CRED_EXPIRED') remember(this.#refused, whole, error)
      return refusal(error)
    }
  }

  #verify(chain: readonly Uint8Array[], now: number): Vouched {
    const [leaf, ...others] = chainLinks(chain)
    const registered = this.#cas.all().filter(({ doc }) => doc.role === 'registered')
    const active = registered.filter(isActive)
    // one that was switched off must not come back as a part of the way to another
    const off = new Set(registered.filter(record => !isActive(record)).map(spkiHashOf))
    const issuer = issuerOf(leaf!)
    const shown = others.length ? others : (this.#between.get(issuer) ?? [])
    const usable = shown.filter(({ facts }) => !off.has(facts.spkiHash))
    const links = active.filter(record => !off.has(spkiHashOf(record))).map(({ link }) => link)
    const { anchor, uris, notBefore, notAfter, path, leaf: facts } = verifyLinks([leaf!, ...usable], links, now, this.#cas.policy)
    const between = shown.filter(link => link.facts !== anchor && path.includes(link.facts))
    if (between.length) remember(this.#between, issuer, between, mostBetween)
    const { id } = active.find(({ link }) => link.facts.fingerprint === anchor.fingerprint)!
    return { caId: id, leaf: facts, uris, notBefore, notAfter }
  }
}

/** Names whoever signed it: by name, and by key where the certificate tells that. */
const issuerOf = ({ body, usage }: Link): string =>
  `${body.issuer.toString('base64')} ${usage.authorityKeyId?.toString('base64') ?? ''}`

const spkiHashOf = ({ link }: CaRecord): string => link.facts.spkiHash

function refusal(error: LoomError): undefined {
  if (error.code === 'CRED_UNKNOWN') return undefined
  throw error
}

function remember<V>(map: Map<string, V>, key: string, value: V, most = mostKept): void {
  if (map.size >= most && !map.has(key)) map.delete(map.keys().next().value!)
  map.set(key, value)
}
