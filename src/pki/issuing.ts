import { LoomError } from '../errors.ts'
import {
  type AuthorityOptions,
  type CaDoc,
  type CaRecord,
  type CaRecords,
  isActive,
  isImported,
  signing,
  signsItself,
} from './ca-records.ts'
import { type CertificateAuthority, createIntermediate, createRoot, type Issuer, issuer } from './issuer.ts'
import { pemBlocks } from './pem.ts'
import { maxBundleBytes } from './bundle.ts'
import { type Link, linkOf, longestChain } from './chain.ts'

export interface Issuing {
  id: string
  ca: CertificateAuthority
  issuer: Issuer
  /** its certificate and those above it, without a root: what goes behind a leaf */
  chainPem: string
}

/** Which authority signs now. */
export interface IssuingAuthorities {
  /** what devices shall trust: the root, then the top of an imported authority that signs for the server */
  readonly rootPem: string
  readonly issuingPem: string
  /** PKI_CA_KEY_MISSING when the last one has ended and the root's key is away. */
  forDevices(): Promise<Issuing>
  forServers(): Promise<Issuing>
}

/** Makes root and first issuing authority where there are none. */
export async function openIssuing(o: AuthorityOptions, cas: CaRecords): Promise<IssuingAuthorities> {
  if (!cas.find('root')) await createFirst(o, cas)
  const issuers = new Map<string, Issuing>()
  cas.watch(() => issuers.clear())
  let renewing: Promise<unknown> | undefined

  const issuingOf = (record: CaRecord): Issuing => {
    const kept = issuers.get(record.id)
    if (kept) return kept
    const ca = signing(record)
    const crlUrl = o.crlUrl?.(record.id)
    const made = {
      id: record.id,
      ca,
      issuer: issuer(ca, { ...cas.policy, ...(crlUrl !== undefined && { crlUrl }) }),
      chainPem: ca.pem + pemsOf(parentsOf(record).filter(parent => !signsItself(parent))),
    }
    issuers.set(record.id, made)
    return made
  }
  const imported = (wanted: (record: CaRecord) => boolean) =>
    newest(cas.all().filter(record => isImported(record) && isActive(record) && !ended(record, o.now()) && wanted(record)))
  const own = async (): Promise<Issuing> => {
    const current = newestOwn(cas)
    if (current && o.now() < renewAt(current, cas)) return issuingOf(current)
    renewing ??= renew(o, cas).finally(() => (renewing = undefined))
    await renewing
    const next = newestOwn(cas)
    if (next && !ended(next, o.now())) return issuingOf(next)
    throw new LoomError('PKI_CA_KEY_MISSING', 'the issuing authority has ended', {
      hint: 'restore the key of the root, or import an issuing authority',
    })
  }
  // a hub whose last authority has ended must still start, to be given a key
  await own().catch(error => {
    if (!(error instanceof LoomError) || error.code !== 'PKI_CA_KEY_MISSING') throw error
  })

  return {
    get rootPem() {
      const serving = imported(({ doc }) => doc.serves === true)
      return pemsOf([cas.get('root').link, ...(serving ? [parentsOf(serving).at(-1) ?? serving.link] : [])])
    },
    get issuingPem() {
      return (imported(() => true) ?? newestOwn(cas))?.link.facts.pem ?? ''
    },
    async forDevices() {
      const record = imported(() => true)
      return record ? issuingOf(record) : own()
    },
    async forServers() {
      const record = imported(({ doc }) => doc.serves === true)
      return record ? issuingOf(record) : own()
    },
  }
}

const pemsOf = (links: readonly Link[]): string => links.map(({ facts }) => facts.pem).join('')
/** From its issuer upwards. */
const parentsOf = ({ doc }: CaRecord): Link[] =>
  pemBlocks(doc.parentsPem ?? '', { most: longestChain, maxBytes: maxBundleBytes, code: 'PKI_CA_INVALID' }).map(({ text }) =>
    linkOf(text),
  )

const ended = ({ link }: CaRecord, now: number) => link.facts.notAfter <= now
const newest = (records: readonly CaRecord[]): CaRecord | undefined => records.toSorted((a, b) => b.doc.n - a.doc.n)[0]
const newestOwn = (cas: CaRecords) => newest(cas.all().filter(record => record.doc.role === 'issuing' && !isImported(record)))
export const nextNumber = (cas: CaRecords): number => 1 + Math.max(0, ...cas.all().map(({ doc }) => doc.n))

/** Half of its life; the last authority before the root's end, and any while the root's key is away, has no successor. */
function renewAt({ link }: CaRecord, cas: CaRecords): number {
  const { notBefore, notAfter } = link.facts
  const root = cas.get('root')
  return !root.privateKey || notAfter >= root.link.facts.notAfter ? notAfter : (notBefore + notAfter) / 2
}

async function createFirst(o: AuthorityOptions, cas: CaRecords): Promise<void> {
  const root = await createRoot({ hubId: o.hubId, now: o.now(), random: o.random, ...keyTypeOf(o) })
  const first = await intermediate(o, 1, root)
  await cas.add([
    { id: 'root', doc: docOf(o, cas, 'root', 0, root) },
    { id: 'issuing-1', doc: docOf(o, cas, 'issuing', 1, first) },
  ])
}

async function renew(o: AuthorityOptions, cas: CaRecords): Promise<void> {
  const root = cas.get('root')
  if (!root.privateKey || ended(root, o.now())) return
  const n = nextNumber(cas)
  const next = await intermediate(o, n, signing(root))
  await cas.add([{ id: `issuing-${n}`, doc: docOf(o, cas, 'issuing', n, next) }])
}

function intermediate(o: AuthorityOptions, n: number, root: CertificateAuthority): Promise<CertificateAuthority> {
  const crlUrl = o.crlUrl?.('root')
  return createIntermediate({
    hubId: o.hubId,
    n,
    root,
    now: o.now(),
    random: o.random,
    ...keyTypeOf(o),
    ...(crlUrl !== undefined && { crlUrl }),
  })
}

const keyTypeOf = ({ keyTypes }: AuthorityOptions) => (keyTypes?.ca ? { keyType: keyTypes.ca } : {})

function docOf(o: AuthorityOptions, cas: CaRecords, role: 'root' | 'issuing', n: number, ca: CertificateAuthority): CaDoc {
  const id = role === 'root' ? role : `issuing-${n}`
  return { role, n, certificatePem: ca.pem, sealedKey: cas.sealed(id, ca.privateKey), createdAt: o.now() }
}
