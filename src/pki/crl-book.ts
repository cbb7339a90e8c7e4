import { LoomError } from '../errors.ts'
import type { Write } from '../storage/state-store.ts'
import { type AuthorityOptions, type CaRecord, type CaRecords, signing } from './ca-records.ts'
import { createCrl, type Crl } from './crl.ts'
import { pemOf } from './pem.ts'
import type { Revocations } from './revocations.ts'

/** The newest list of a CA, as it is kept in the store. */
export interface CrlDoc {
  number: number
  /** epoch ms */
  issuedAt: number
  thisUpdate: number
  nextUpdate: number
  /** base64 of the list itself: only of a CA whose key is away, all others are made again */
  final?: string
}

export interface CrlState {
  issuerId: string
  number: number
  thisUpdate: number
  nextUpdate: number
  /** less than 48 h to nextUpdate: verifiers will soon refuse everyone */
  alarm: boolean
}

const hour = 3_600_000
const day = 24 * hour
export const crlCollection = 'pki_crls'
const alarmMs = 48 * hour
/** A day, less what a timer may be early. */
const renewalMs = day - 600_000
const lifeMs = 7 * day
/** Clocks of verifiers may be behind by so much. */
const backMs = 300_000

/**
 * One revocation list per CA whose key is here, or was when it was erased. A number is kept before its list is handed out and never comes twice, also over restarts.
 */
export class CrlBook {
  readonly #o: AuthorityOptions
  readonly #cas: CaRecords
  readonly #revocations: Revocations
  readonly #docs = new Map<string, CrlDoc>()
  readonly #lists = new Map<string, Crl>()
  /** one at a time for each CA */
  readonly #issuing = new Map<string, Promise<unknown>>()

  constructor(o: AuthorityOptions, cas: CaRecords, revocations: Revocations) {
    this.#o = o
    this.#cas = cas
    this.#revocations = revocations
  }

  async open(): Promise<void> {
    await this.#o.store.declare(crlCollection, {})
    const { items } = await this.#o.store.query<CrlDoc>(crlCollection, { limit: 1000 })
    for (const { id, doc } of items) this.#docs.set(id, doc)
  }

  find(issuerId: string): CrlState | undefined {
    const doc = this.#docs.get(issuerId)
    if (!doc) return undefined
    const { number, thisUpdate, nextUpdate } = doc
    return { issuerId, number, thisUpdate, nextUpdate, alarm: nextUpdate - this.#o.now() < alarmMs }
  }

  /** Of CAs that still count. */
  states(): CrlState[] {
    return this.#cas.all().flatMap(record => (this.#isOver(record) ? [] : (this.find(record.id) ?? [])))
  }

  /** The newest list, made now if there is none of today. NOT_FOUND for a CA that the hub makes none for. */
  async list(issuerId: string): Promise<Crl> {
    const record = this.#cas.get(issuerId)
    if (record.privateKey && this.#isDue(record)) return this.issue(record, { fresh: true })
    const kept = this.#lists.get(issuerId)
    if (kept) return kept
    const final = this.#docs.get(issuerId)?.final
    if (final === undefined)
      throw new LoomError('NOT_FOUND', `a revocation list of "${issuerId}"`, { hint: 'its own authority has to make it' })
    const der = Buffer.from(final, 'base64')
    return { der, pem: pemOf('X509 CRL', der) }
  }

  /** Makes the next list of a CA; `fresh` looks into the store for revocations that nobody told of. PKI_CA_KEY_MISSING. */
  issue(record: CaRecord, { fresh = false } = {}): Promise<Crl> {
    const next = (this.#issuing.get(record.id) ?? Promise.resolve()).catch(() => {}).then(() => this.#issue(record, fresh))
    this.#issuing.set(record.id, next)
    return next
  }

  /** Makes the lists that are a day old, or not yet made since the start. Returns their CAs. */
  async renew(): Promise<string[]> {
    const due = this.#cas.all().filter(record => record.privateKey && !this.#isOver(record) && this.#isDue(record))
    for (const record of due) await this.issue(record, { fresh: true })
    return due.map(({ id }) => id)
  }

  /** A list that lasts until `nextUpdate`, and the write that keeps it: for a key that goes away. */
  async final(record: CaRecord, nextUpdate: number): Promise<{ write: Write; written: () => void }> {
    const entries = await this.#revocations.entries(record.id, { fresh: true })
    const thisUpdate = this.#o.now() - backMs
    const number = this.#nextNumber(record.id)
    const crl = createCrl({ issuer: signing(record), entries, number, thisUpdate, nextUpdate })
    const doc: CrlDoc = { number, issuedAt: this.#o.now(), thisUpdate, nextUpdate, final: crl.der.toString('base64') }
    const written = () => this.#keep(record.id, doc, crl)
    return { write: { op: 'put', coll: crlCollection, id: record.id, doc }, written }
  }

  async #issue(record: CaRecord, fresh: boolean): Promise<Crl> {
    const entries = await this.#revocations.entries(record.id, { fresh })
    const issuedAt = this.#o.now()
    const [thisUpdate, nextUpdate] = [issuedAt - backMs, issuedAt + lifeMs]
    const number = this.#nextNumber(record.id)
    const crl = createCrl({ issuer: signing(record), entries, number, thisUpdate, nextUpdate })
    const doc: CrlDoc = { number, issuedAt, thisUpdate, nextUpdate }
    await this.#o.store.put(crlCollection, record.id, doc, { by: 'pki' })
    this.#keep(record.id, doc, crl)
    await this.#revocations.prune(record.id, thisUpdate)
    return crl
  }

  #keep(id: string, doc: CrlDoc, crl: Crl): void {
    this.#docs.set(id, doc)
    this.#lists.set(id, crl)
  }

  #nextNumber = (id: string): number => (this.#docs.get(id)?.number ?? 0) + 1

  #isOver = ({ link }: CaRecord): boolean => link.facts.notAfter <= this.#o.now()

  #isDue({ id }: CaRecord): boolean {
    const doc = this.#docs.get(id)
    return !doc || !this.#lists.has(id) || this.#o.now() - doc.issuedAt >= renewalMs
  }
}
