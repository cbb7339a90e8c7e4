import type { StateStore, Write } from '../storage/state-store.ts'
import type { CrlEntry, RevocationReason } from './crl.ts'

/** A certificate that no longer counts. */
export interface Revocation {
  serial: string
  /** the CA that issued it, as its certificate facts say; certificates of other issuers are in no list of ours */
  issuerId: string
  /** epoch ms */
  at: number
  reason?: RevocationReason
  /** the certificate's end: from one list after it on, it need not be listed (RFC 5280, 3.3) */
  notAfter: number
}

interface Listed {
  entry: CrlEntry
  notAfter: number
}

export const revokedCollection = 'pki_revoked'
const perPage = 1000
const perWrite = 500

const idOf = ({ issuerId, serial }: { issuerId: string; serial: string }) => `${issuerId}.${serial}`

export const revocationWrite = (revocation: Revocation): Write => {
  const { serial, issuerId, at, reason, notAfter } = revocation
  const doc = { issuerId, serial, at, notAfter, ...(reason && { reason }) }
  return { op: 'put', coll: revokedCollection, id: idOf(revocation), doc }
}

/** What each CA has revoked. In memory once a list was made of it; an entry stays the same object, so that it is encoded once. */
export class Revocations {
  readonly #store: StateStore
  readonly #listed = new Map<string, Map<string, Listed>>()

  constructor(store: StateStore) {
    this.#store = store
  }

  open(): Promise<void> {
    return this.#store.declare(revokedCollection, { indexes: ['issuerId'] })
  }

  async write(revocations: readonly Revocation[]): Promise<void> {
    for (let at = 0; at < revocations.length; at += perWrite)
      await this.#store.tx(revocations.slice(at, at + perWrite).map(revocationWrite), { by: 'pki' })
  }

  /** Takes what is in the store already into the lists that are in memory. */
  note(revocations: readonly Revocation[]): void {
    for (const { issuerId, serial, at, reason, notAfter } of revocations) {
      const listed = this.#listed.get(issuerId)
      if (listed && !listed.has(serial)) listed.set(serial, { entry: { serial, at, ...(reason && { reason }) }, notAfter })
    }
  }

  /** Of one CA; `fresh` reads the store again, for what was written there and never noted. */
  async entries(issuerId: string, { fresh = false } = {}): Promise<CrlEntry[]> {
    const kept = this.#listed.get(issuerId)
    const listed = kept && !fresh ? kept : await this.#load(issuerId, kept)
    return Array.from(listed.values(), ({ entry }) => entry)
  }

  /** Forgets those whose certificate ended before `time`. */
  async prune(issuerId: string, time: number): Promise<void> {
    const listed = this.#listed.get(issuerId) ?? new Map<string, Listed>()
    const over = [...listed].flatMap(([serial, { notAfter }]) => (notAfter < time ? [serial] : []))
    for (let at = 0; at < over.length; at += perWrite) {
      const serials = over.slice(at, at + perWrite)
      const writes = serials.map((serial): Write => ({ op: 'delete', coll: revokedCollection, id: idOf({ issuerId, serial }) }))
      await this.#store.tx(writes, { by: 'pki' })
      for (const serial of serials) listed.delete(serial)
    }
  }

  async #load(issuerId: string, kept?: Map<string, Listed>): Promise<Map<string, Listed>> {
    const listed = new Map<string, Listed>()
    let cursor: string | undefined
    do {
      const query = { where: [['issuerId', '=', issuerId]] as const, limit: perPage, ...(cursor !== undefined && { cursor }) }
      const page = await this.#store.query<Revocation>(revokedCollection, query)
      for (const { doc } of page.items) {
        const { serial, at, reason, notAfter } = doc
        listed.set(serial, kept?.get(serial) ?? { entry: { serial, at, ...(reason && { reason }) }, notAfter })
      }
      cursor = page.next
    } while (cursor !== undefined)
    // what was noted while pages were read
    for (const [serial, one] of this.#listed.get(issuerId) ?? []) if (!listed.has(serial)) listed.set(serial, one)
    this.#listed.set(issuerId, listed)
    return listed
  }
}
