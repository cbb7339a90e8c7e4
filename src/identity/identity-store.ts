import { LoomError } from '../errors.ts'
import { pagesOf, staleWrites } from '../storage/stale-writes.ts'
import type { StateStore, Stored, Write } from '../storage/state-store.ts'
import { isDeviceId } from './device-id.ts'
import type { Credential, Identity } from './identity.ts'
import { Lru } from './lru.ts'

export const identitiesColl = 'identities'
const claimsColl = 'identity_claims'

/** A name that belongs to one device: `fp:` certificate fingerprint, `spki:` public key, `user:` alias for passwords, `jwt:` subject at a token issuer. */
export interface Claim {
  deviceId: string
  /** absent for a key, which several certificates of the device may share */
  cid?: string
}

export type StoredIdentity = Stored<Identity>

/** One identity with the claims it gains and loses; `version` as in `Write`, `doc: null` deletes. `also`: further documents of the same store. */
export interface IdentityEdit {
  doc: Identity | null
  version: number | 'new'
  gains?: readonly (readonly [string, Claim])[]
  losses?: readonly string[]
  also?: readonly Write[]
}

/** The claims a credential makes. The device's own id needs none as a user name. */
export function claimsOf(deviceId: string, credential: Credential): [id: string, claim: Claim][] {
  const { cid, kind } = credential
  if (kind === 'x509')
    return [
      [`fp:${credential.fingerprint}`, { deviceId, cid }],
      [`spki:${credential.spkiHash}`, { deviceId }],
    ]
  if (kind === 'jwt') return [[tokenClaim(credential.issuerId, credential.subject), { deviceId, cid }]]
  return kind === 'password' && credential.username !== deviceId ? [[`user:${credential.username}`, { deviceId }]] : []
}

export const tokenClaim = (issuerId: string, subject: string): string => `jwt:${issuerId}|${subject}`

/**
 * Identities and their claims in the state store, with the ones used last in memory, so that a CONNECT of a known device costs no query.
 * It is the only writer of its collections.
 */
export class IdentityStore {
  readonly #store: StateStore
  readonly #identities: Lru<string, StoredIdentity>
  readonly #claims: Lru<string, Claim>
  /** counts writes: what was read before one may be stale and is not remembered */
  #writes = 0

  constructor(store: StateStore, cacheEntries: number) {
    this.#store = store
    this.#identities = new Lru(cacheEntries)
    this.#claims = new Lru(cacheEntries)
  }

  async open(): Promise<void> {
    await this.#store.declare(identitiesColl, { indexes: ['enabled', 'dueAt'], unique: ['idLower'] })
    await this.#store.declare(claimsColl, {})
  }

  /** Shared with others who asked: not to be changed. */
  async find(id: string): Promise<StoredIdentity | undefined> {
    // client ids and user names come from strangers: what cannot be an id asks the store nothing
    if (!isDeviceId(id)) return undefined
    return this.#read(this.#identities, identitiesColl, id, stored => stored as StoredIdentity)
  }

  claim(id: string): Promise<Claim | undefined> {
    return this.#read(this.#claims, claimsColl, id, stored => stored.doc as Claim)
  }

  /** The device whose id is the same but for upper and lower case. */
  async likeId(id: string): Promise<string | undefined> {
    const page = await this.#store.query<Identity>(identitiesColl, { where: [['idLower', '=', id.toLowerCase()]], limit: 1 })
    return page.items[0]?.id
  }

  async #read<V>(cache: Lru<string, V>, coll: string, id: string, pick: (stored: Stored) => V): Promise<V | undefined> {
    const known = cache.get(id)
    if (known !== undefined) return known
    const before = this.#writes
    const stored = await this.#store.get(coll, id)
    if (!stored) return undefined
    const value = pick(stored)
    if (before === this.#writes) cache.set(id, value)
    return value
  }

  /** All or nothing. STORE_VERSION_CONFLICT. Resolves with the new version. */
  async write(id: string, { by, ...edit }: IdentityEdit & { by?: string }): Promise<number> {
    const { doc, losses = [] } = edit
    this.#writes++
    try {
      const [written = 0] = await this.#store.tx(writesOf(id, edit), by === undefined ? {} : { by })
      if (doc) this.#identities.set(id, { id, doc, version: written })
      else this.#identities.delete(id)
      for (const claimId of losses) this.#claims.delete(claimId)
      return written
    } catch (error) {
      this.#identities.delete(id)
      throw error
    } finally {
      this.#writes++
    }
  }

  /** Any writes of this store, with the identities and claims they concern, all or nothing; past the memory of those used last. */
  async writeMany(
    writes: readonly Write[],
    { by, ids, losses }: { by?: string; ids: readonly string[]; losses: readonly string[] },
  ): Promise<void> {
    this.#writes++
    try {
      await this.#store.tx(writes, by === undefined ? {} : { by })
    } finally {
      this.#writes++
      for (const id of ids) this.#identities.delete(id)
      for (const claimId of losses) this.#claims.delete(claimId)
    }
  }

  /** Those of `writes`, to be done in this order, that expect another version than the current one. */
  stale(writes: readonly Write[]): Promise<Set<Write>> {
    return staleWrites(this.#store, writes)
  }

  /** Who has which of these claims. */
  async claims(ids: readonly string[]): Promise<Map<string, Claim>> {
    const found = new Map<string, Claim>()
    for (const some of pagesOf(ids)) {
      const { items } = await this.#store.query<Claim>(claimsColl, { where: [['id', 'in', some]], limit: some.length })
      for (const { id, doc } of items) found.set(id, doc)
    }
    return found
  }

  /** The ids that are there, by their lower case. */
  async likeIds(ids: readonly string[]): Promise<Map<string, string>> {
    const found = new Map<string, string>()
    for (const some of pagesOf(ids.map(id => id.toLowerCase()))) {
      const where = [['idLower', 'in', some]] as const
      const { items } = await this.#store.query<Identity>(identitiesColl, { where, limit: some.length })
      for (const { id } of items) found.set(id.toLowerCase(), id)
    }
    return found
  }

  /** At most 1,000. Past the memory of those used last, which a list would only flush. */
  async many(ids: readonly string[]): Promise<StoredIdentity[]> {
    const known = ids.filter(isDeviceId)
    if (!known.length) return []
    return (await this.#store.query<Identity>(identitiesColl, { where: [['id', 'in', known]], limit: known.length })).items
  }

  page(o: { prefix?: string; enabled?: boolean; limit?: number; cursor?: string }) {
    const { prefix, enabled, limit = 100, cursor } = o
    return this.#store.query<Identity>(identitiesColl, {
      where: [
        ...(prefix ? ([['id', 'prefix', prefix]] as const) : []),
        ...(enabled === undefined ? [] : ([['enabled', '=', enabled]] as const)),
      ],
      limit,
      ...(cursor !== undefined && { cursor }),
    })
  }

  /** Devices whose credentials need a look by then, most urgent first. */
  async due(at: number, limit: number): Promise<string[]> {
    const where = [['dueAt', '<=', at]] as const
    return (await this.#store.query<Identity>(identitiesColl, { where, order: { by: 'dueAt' }, limit })).items.map(({ id }) => id)
  }

  count(): Promise<number> {
    return this.#store.count(identitiesColl)
  }
}

export const isConflict = (error: unknown): boolean => error instanceof LoomError && error.code === 'STORE_VERSION_CONFLICT'

export function writesOf(id: string, { doc, version, gains = [], losses = [], also = [] }: IdentityEdit): Write[] {
  const main: Write = doc
    ? { op: 'put', coll: identitiesColl, id, doc, version }
    : { op: 'delete', coll: identitiesColl, id, ...(version !== 'new' && { version }) }
  return [
    main,
    ...gains.map(([claimId, claim]): Write => ({ op: 'put', coll: claimsColl, id: claimId, doc: claim, version: 'new' })),
    ...losses.map((claimId): Write => ({ op: 'delete', coll: claimsColl, id: claimId })),
    ...also,
  ]
}
