import { createPrivateKey, type KeyObject } from 'node:crypto'
import { LoomError } from '../errors.ts'
import type { StateStore, Write } from '../storage/state-store.ts'
import { type Link, linkOf } from './chain.ts'
import type { CertificateAuthority, RandomBytes } from './issuer.ts'
import type { KeyPolicy, KeyType } from './keys.ts'

/** Encrypts what must be kept but never seen; a sealed text opens only at the place it was sealed for. */
export interface KeySeal {
  seal(plain: Uint8Array, place: { owner: string; cid: string; field: string }): string
  open(sealed: string, place: { owner: string; cid: string; field: string }): Buffer
}

export interface AuthorityOptions {
  hubId: string
  store: StateStore
  sealer: KeySeal
  now: () => number
  random: RandomBytes
  /** Kinds of key that are made here, EC P-256 where nothing is said. Those of CAs act when the next one is made. */
  keyTypes?: { ca?: KeyType; server?: KeyType; device?: KeyType }
  /** Ed25519 in requests, certificates and `keyTypes`. */
  ed25519?: boolean
  /** Where the revocation list of a CA is published; written into what it issues. */
  crlUrl?: (caId: string) => string | undefined
}

export type CaRole = 'root' | 'issuing' | 'registered'
export type CaStatus = 'pending' | 'active' | 'inactive'
/**
 * Why a CA is trusted: `own` made here, `key` its key is here, `proof` its owner signed a code, `operator` somebody said so and proved nothing.
 */
export type CaTrust = 'own' | 'key' | 'proof' | 'operator'

export interface CaDoc {
  role: CaRole
  /** of issuing ones, ascending */
  n: number
  certificatePem: string
  /** absent: the key is not here */
  sealedKey?: string
  /** absent: active */
  status?: CaStatus
  /** absent: own */
  trust?: CaTrust
  name?: string
  createdAt?: number
  /** of an imported issuing one: the certificates above it, as far as they are known */
  parentsPem?: string
  /** an imported issuing one also signs the server's certificate */
  serves?: boolean
  /** SHA-256 of the code that a pending one waits for */
  codeHash?: string
  codeEndsAt?: number
  /** of the root */
  keyExportedAt?: number
}

export interface CaRecord {
  readonly id: string
  readonly doc: CaDoc
  readonly version: number
  readonly link: Link
  readonly privateKey?: KeyObject
}

export const caCollection = 'pki_cas'
/** One page of the store. */
const mostCas = 1000
const place = (cid: string) => ({ owner: 'pki', cid, field: 'privateKey' })

/** All CAs that the hub knows, in memory and in the store; the hub is their only writer. */
export class CaRecords {
  readonly #o: AuthorityOptions
  readonly #records = new Map<string, CaRecord>()
  #sorted: readonly CaRecord[] | undefined
  readonly #watchers: (() => void)[] = []

  private constructor(o: AuthorityOptions) {
    this.#o = o
  }

  /** HUB_KEY_MISMATCH if the keys were sealed under another hub key. */
  static async open(o: AuthorityOptions): Promise<CaRecords> {
    await o.store.declare(caCollection, {})
    const records = new CaRecords(o)
    const { items } = await o.store.query<CaDoc>(caCollection, { limit: mostCas })
    for (const { id, doc, version } of items) records.#keep(id, doc, version)
    return records
  }

  /** The root, issuing ones from the oldest, registered ones. */
  all(): readonly CaRecord[] {
    this.#sorted ??= [...this.#records.values()].sort(inOrder)
    return this.#sorted
  }

  find(id: string): CaRecord | undefined {
    return this.#records.get(id)
  }

  /** NOT_FOUND. */
  get(id: string): CaRecord {
    const record = this.#records.get(id)
    if (!record) throw new LoomError('NOT_FOUND', `certificate authority "${String(id).slice(0, 80)}"`)
    return record
  }

  byFingerprint(fingerprint: string): CaRecord | undefined {
    return this.all().find(({ link }) => link.facts.fingerprint === fingerprint)
  }

  /** Whose key that is, if it is one of a CA. */
  ownerOfKey(spkiHash: string): CaRecord | undefined {
    return this.all().find(({ link }) => link.facts.spkiHash === spkiHash)
  }

  /** Called after each change. */
  watch(changed: () => void): void {
    this.#watchers.push(changed)
  }

  sealed(id: string, key: KeyObject): string {
    return this.#o.sealer.seal(key.export({ type: 'pkcs8', format: 'der' }), place(id))
  }

  /** New CAs, all or none of them. */
  async add(fresh: readonly { id: string; doc: CaDoc }[]): Promise<void> {
    if (this.#records.size + fresh.length > mostCas)
      throw new LoomError('STORE_LIMIT', `${this.#records.size} certificate authorities`, { hint: 'remove some of them' })
    const writes = fresh.map(({ id, doc }): Write => ({ op: 'put', coll: caCollection, id, doc, version: 'new' }))
    const versions = await this.#o.store.tx(writes, { by: 'pki' })
    for (const [at, { id, doc }] of fresh.entries()) this.#keep(id, doc, versions[at]!)
    this.#changed()
  }

  /** Replaces a document, together with other writes. */
  async change({ id, version }: CaRecord, doc: CaDoc, more: readonly Write[] = []): Promise<CaRecord> {
    const [next] = await this.#o.store.tx([{ op: 'put', coll: caCollection, id, doc, version }, ...more], { by: 'pki' })
    const record = this.#keep(id, doc, next!)
    this.#changed()
    return record
  }

  async remove({ id, version }: CaRecord): Promise<void> {
    await this.#o.store.delete(caCollection, id, { version, by: 'pki' })
    this.#records.delete(id)
    this.#sorted = undefined
    this.#changed()
  }

  get policy(): KeyPolicy {
    return { ed25519: this.#o.ed25519 ?? false }
  }

  #keep(id: string, doc: CaDoc, version: number): CaRecord {
    const privateKey = doc.sealedKey === undefined ? undefined : this.#keyOf(doc.sealedKey, id)
    const record = { id, doc, version, link: linkOf(doc.certificatePem), ...(privateKey && { privateKey }) }
    this.#records.set(id, record)
    this.#sorted = undefined
    return record
  }

  #keyOf(sealed: string, id: string): KeyObject {
    return createPrivateKey({ key: this.#o.sealer.open(sealed, place(id)), format: 'der', type: 'pkcs8' })
  }

  #changed(): void {
    for (const changed of this.#watchers) changed()
  }
}

const ranks: Record<CaRole, number> = { root: 0, issuing: 1, registered: 2 }
const inOrder = (a: CaRecord, b: CaRecord): number =>
  ranks[a.doc.role] - ranks[b.doc.role] || a.doc.n - b.doc.n || (a.id < b.id ? -1 : 1)

/** The record as something that signs. PKI_CA_KEY_MISSING. */
export function signing({ id, link, privateKey }: CaRecord): CertificateAuthority {
  if (!privateKey)
    throw new LoomError('PKI_CA_KEY_MISSING', `"${id}"`, { hint: 'it was exported and erased, or never here; restore it first' })
  const { der, pem, serial, fingerprint, notBefore, notAfter } = link.facts
  return { der, pem, serial, fingerprint, notBefore, notAfter, privateKey }
}

export const isActive = ({ doc }: CaRecord): boolean => (doc.status ?? 'active') === 'active'
export const isImported = ({ doc }: CaRecord): boolean => doc.role === 'issuing' && doc.trust === 'key'
export const signsItself = ({ body }: Link): boolean => body.subject.equals(body.issuer)
