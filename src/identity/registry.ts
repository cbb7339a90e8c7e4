import { LoomError } from '../errors.ts'
import type { Authority } from '../pki/authority.ts'
import type { StateStore, Write } from '../storage/state-store.ts'
import type { CredentialRequest, DeviceSecrets } from './credential-types.ts'
import { checkDeviceId } from './device-id.ts'
import { type Credential, type Identity, type IdentityView, revoked, viewOf } from './identity.ts'
import { type Claim, claimsOf, IdentityStore, isConflict, type StoredIdentity } from './identity-store.ts'
import { LastUsed, usesColl } from './last-used.ts'
import { isUsername, newCredential } from './new-credential.ts'
import { createPasswords } from './password.ts'
import type { Sealer } from './seal.ts'

export { identitiesColl } from './identity-store.ts'
export type { IdentityView } from './identity.ts'

export const maxCredentials = 10
const maxTries = 5

interface By {
  /** who did it, for the change feed */
  by?: string
}

export interface RegisterIdentity extends By {
  id: string
  credential?: CredentialRequest
  /** default true */
  enabled?: boolean
  /** further documents of the same store, written in the same transaction */
  also?: readonly Write[]
}

/** The devices that may connect, and how they prove who they are. It must be the only writer of its collections. */
export interface Registry {
  /** IDENTITY_INVALID, IDENTITY_EXISTS if `register` would refuse that id. */
  check(id: string): Promise<void>
  /** IDENTITY_EXISTS also for an id that differs only in case; codes of `addCredential`. */
  register(o: RegisterIdentity): Promise<{ identity: IdentityView; secrets?: DeviceSecrets }>
  get(id: string): Promise<IdentityView | undefined>
  /** By id, ascending. */
  page(o: {
    prefix?: string
    enabled?: boolean
    limit?: number
    cursor?: string
  }): Promise<{ items: IdentityView[]; next?: string }>
  count(): Promise<number>
  /** IDENTITY_NOT_FOUND; IDENTITY_CONFLICT if `etag` is not the current one. */
  setEnabled(id: string, o: { enabled: boolean; reason?: string; etag?: string } & By): Promise<IdentityView>
  /** IDENTITY_NOT_FOUND. */
  delete(id: string, o?: { also?: readonly Write[] } & By): Promise<void>
  /** IDENTITY_NOT_FOUND, CRED_LIMIT, CRED_TAKEN, CRED_REVOKED, CRED_INVALID, CRED_EXPIRED, PKI_*, REQUEST_INVALID. */
  addCredential(id: string, request: CredentialRequest, o?: By): Promise<DeviceSecrets>
  /** Its secrets are erased; that it was revoked stays known. IDENTITY_NOT_FOUND, CRED_NOT_FOUND. */
  revokeCredential(id: string, cid: string, o?: By): Promise<void>
  /** Whether a connection opened with that credential (`''`: none) would still be let in: to be asked once it is live, against a change in between. */
  accepts(o: { deviceId: string; cid: string }): Promise<boolean>
  /** Notes a use in memory. */
  touch(o: { id: string; cid: string; at: number }): void
  /** Writes the noted uses. */
  flush(): Promise<void>

  /** With the stored secrets, for authentication only. */
  find(id: string): Promise<Identity | undefined>
  findByFingerprint(fingerprint: string): Promise<{ identity: Identity; credential: Credential } | undefined>
  /** A device id first, then an alias. */
  findByUsername(username: string): Promise<Identity | undefined>
  verifyPassword(o: { cid: string; password: string; hash: string }): Promise<boolean>
}

export async function openRegistry(o: {
  store: StateStore
  sealer: Sealer
  authority: Authority
  now: () => number
  random: (size: number) => Buffer
  /** the name devices are told to dial */
  hostName: () => string
  /** identities kept in memory, default 20,000 */
  cacheEntries?: number
}): Promise<Registry> {
  const { now, random } = o
  const identities = new IdentityStore(o.store, o.cacheEntries ?? 20_000)
  const lastUsed = new LastUsed(o.store)
  await identities.open()
  await lastUsed.open()
  const passwords = createPasswords({ now, random })
  const parts = { ...o, passwords, ownerOfKey: async (hash: string) => (await identities.claim(`spki:${hash}`))?.deviceId }

  const found = async (id: string): Promise<StoredIdentity> => {
    const stored = await identities.find(id)
    if (!stored) throw new LoomError('IDENTITY_NOT_FOUND', JSON.stringify(String(id).slice(0, 80)))
    return stored
  }
  const view = async ({ id, doc, version }: StoredIdentity) => viewOf(doc, version, (await lastUsed.of([id])).get(id) ?? {})

  /** The claims that are new, or the code why another device or a revoked certificate has them. */
  const gainsOf = async (id: string, credential: Credential): Promise<[string, Claim][]> => {
    if (credential.kind === 'password' && credential.username !== id && (await identities.find(credential.username)))
      throw new LoomError('CRED_TAKEN', `"${credential.username}" is the id of a device`)
    const gains: [string, Claim][] = []
    for (const [claimId, claim] of claimsOf(id, credential)) {
      const holder = await identities.claim(claimId)
      if (!holder) gains.push([claimId, claim])
      else if (holder.deviceId !== id) throw new LoomError('CRED_TAKEN', `device "${holder.deviceId}" has it`)
      else if (claim.cid !== undefined) await refuseOwnCertificate(id, holder)
    }
    return gains
  }
  const refuseOwnCertificate = async (id: string, { cid }: Claim): Promise<never> => {
    const before = (await found(id)).doc.credentials.find(credential => credential.cid === cid)
    throw new LoomError(
      before?.status === 'revoked' ? 'CRED_REVOKED' : 'CRED_TAKEN',
      `credential ${cid} of "${id}" is that certificate`,
    )
  }

  const check = async (id: string): Promise<void> => {
    checkDeviceId(id)
    const like = (await identities.find(id))?.id ?? (await identities.likeId(id))
    if (like !== undefined)
      throw new LoomError(
        'IDENTITY_EXISTS',
        like === id ? `"${id}"` : `"${like}" differs from "${id}" only in upper and lower case`,
      )
    const alias = await identities.claim(`user:${id}`)
    if (alias) throw new LoomError('IDENTITY_EXISTS', `"${id}" is a user name of device "${alias.deviceId}"`)
  }

  /** Reads, changes and writes an identity; again while others are faster. */
  const change = async (
    id: string,
    by: string | undefined,
    edit: (before: StoredIdentity) => Promise<{ doc: Identity; gains?: [string, Claim][]; losses?: string[] }>,
  ): Promise<StoredIdentity> => {
    for (let tries = 1; ; tries++) {
      const before = await found(id)
      const { doc, ...claims } = await edit(before)
      doc.updatedAt = now()
      try {
        const version = await identities.write(id, { doc, version: before.version, ...claims, ...(by !== undefined && { by }) })
        return { id, doc, version }
      } catch (error) {
        if (!isConflict(error)) throw error
        if (tries === maxTries) throw new LoomError('IDENTITY_CONFLICT', `"${id}"`, { cause: error, hint: 'try again' })
      } finally {
        passwords.forget()
      }
    }
  }

  return {
    check,
    async register({ id, credential, enabled = true, also = [], by }) {
      await check(id)
      const made = credential && (await newCredential(parts, id, credential))
      const at = now()
      const doc: Identity = {
        id,
        idLower: id.toLowerCase(),
        generation: uuidOf(random(16)),
        enabled,
        state: 'active',
        credentials: made ? [made.credential] : [],
        createdAt: at,
        updatedAt: at,
      }
      const gains = made ? await gainsOf(id, made.credential) : []
      try {
        const version = await identities.write(id, { doc, version: 'new', gains, also, ...(by !== undefined && { by }) })
        return { identity: viewOf(doc, version, {}), ...(made && { secrets: made.secrets }) }
      } catch (error) {
        if (!isConflict(error)) throw error
        await check(id)
        if (made) await gainsOf(id, made.credential)
        throw new LoomError('IDENTITY_CONFLICT', `"${id}"`, { cause: error, hint: 'try again' })
      }
    },
    async get(id) {
      const stored = await identities.find(id)
      return stored && view(stored)
    },
    async page(query) {
      const { items, next } = await identities.page(query)
      const uses = await lastUsed.of(items.map(({ id }) => id))
      return {
        items: items.map(({ id, doc, version }) => viewOf(doc, version, uses.get(id) ?? {})),
        ...(next !== undefined && { next }),
      }
    },
    count: () => identities.count(),
    async setEnabled(id, { enabled, reason, etag, by }) {
      const after = await change(id, by, async ({ doc: { reason: _, ...doc }, version }) => {
        if (etag !== undefined && etag !== String(version))
          throw new LoomError('IDENTITY_CONFLICT', `"${id}" has etag ${version}`, { hint: 'read the device again and repeat' })
        return { doc: { ...doc, enabled, ...(reason !== undefined && { reason }) } }
      })
      return view(after)
    },
    async delete(id, { also = [], by } = {}) {
      for (let tries = 1; ; tries++) {
        const { doc, version } = await found(id)
        const losses = [...new Set(doc.credentials.flatMap(credential => claimsOf(id, credential).map(([claimId]) => claimId)))]
        lastUsed.forget(id)
        const uses: Write = { op: 'delete', coll: usesColl, id }
        try {
          await identities.write(id, { doc: null, version, losses, also: [uses, ...also], ...(by !== undefined && { by }) })
          return
        } catch (error) {
          if (!(isConflict(error) || isAbsent(error)) || tries === maxTries) throw error
        } finally {
          passwords.forget()
        }
      }
    },
    async addCredential(id, request, { by } = {}) {
      const roomFor = ({ credentials }: Identity) => {
        if (credentials.filter(({ status }) => status !== 'revoked').length >= maxCredentials)
          throw new LoomError('CRED_LIMIT', `"${id}" has ${maxCredentials}`, { hint: 'revoke one that is no longer used' })
      }
      roomFor((await found(id)).doc)
      const { credential, secrets } = await newCredential(parts, id, request)
      await change(id, by, async ({ doc }) => {
        roomFor(doc)
        return { ...withCredential(doc, credential), gains: await gainsOf(id, credential) }
      })
      return secrets
    },
    async revokeCredential(id, cid, { by } = {}) {
      await change(id, by, async ({ doc }) => {
        if (!doc.credentials.some(credential => credential.cid === cid))
          throw new LoomError('CRED_NOT_FOUND', `${JSON.stringify(String(cid).slice(0, 40))} of "${id}"`)
        const credentials = doc.credentials.map(credential => (credential.cid === cid ? revoked(credential) : credential))
        return { doc: { ...doc, credentials } }
      })
    },
    async accepts({ deviceId, cid }) {
      const identity = (await identities.find(deviceId))?.doc
      if (!identity?.enabled || identity.state !== 'active') return false
      const active = identity.credentials.filter(({ status }) => status === 'active')
      return cid === '' ? active.length === 0 : active.some(credential => credential.cid === cid)
    },
    touch: ({ id, cid, at }) => lastUsed.touch(id, cid, at),
    flush: () =>
      lastUsed.flush(async (id, uses) => {
        const identity = (await identities.find(id))?.doc
        const known = new Set(identity?.credentials.map(({ cid }) => cid))
        return identity && Object.fromEntries(Object.entries(uses).filter(([cid]) => known.has(cid)))
      }),
    find: async id => (await identities.find(id))?.doc,
    async findByFingerprint(fingerprint) {
      const claim = await identities.claim(`fp:${fingerprint}`)
      const identity = claim && (await identities.find(claim.deviceId))?.doc
      const credential = identity?.credentials.find(({ cid }) => cid === claim?.cid)
      return identity && credential && { identity, credential }
    },
    async findByUsername(username) {
      const own = (await identities.find(username))?.doc
      if (own || !isUsername(username)) return own
      const claim = await identities.claim(`user:${username}`)
      return claim && (await identities.find(claim.deviceId))?.doc
    },
    verifyPassword: request => passwords.verify(request),
  }
}

const isAbsent = (error: unknown) => error instanceof LoomError && error.code === 'STORE_NOT_FOUND'

/** Adds one and forgets the oldest revoked ones beyond the limit, with the claims that only they had. */
function withCredential(doc: Identity, credential: Credential): { doc: Identity; losses: string[] } {
  const old = doc.credentials.filter(({ status }) => status === 'revoked')
  const forgotten = new Set(old.slice(0, Math.max(0, old.length - maxCredentials)))
  const credentials = [...doc.credentials.filter(one => !forgotten.has(one)), credential]
  const kept = new Set(credentials.flatMap(one => claimsOf(doc.id, one).map(([claimId]) => claimId)))
  const losses = [...forgotten]
    .flatMap(one => claimsOf(doc.id, one).map(([claimId]) => claimId))
    .filter(claimId => !kept.has(claimId))
  return { doc: { ...doc, credentials }, losses }
}

function uuidOf(bytes: Buffer): string {
  bytes[6] = (bytes[6]! & 0x0f) | 0x40
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
