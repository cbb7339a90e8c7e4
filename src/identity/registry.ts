import { LoomError } from '../errors.ts'
import type { Authority, Revocation } from '../pki/authority.ts'
import type { RevocationReason } from '../pki/crl.ts'
import type { StateStore, Write } from '../storage/state-store.ts'
import type { CredentialRequest, DeviceSecrets } from './credential-types.ts'
import { checkRoom, withCredential } from './credential-list.ts'
import { checkDeviceId } from './device-id.ts'
import { type Credential, type Identity, type IdentityView, revoked, type SasCredential, viewOf, withNewKey } from './identity.ts'
import { type Claim, claimsOf, IdentityStore, isConflict, type StoredIdentity, tokenClaim } from './identity-store.ts'
import { LastUsed, usesColl } from './last-used.ts'
import { isUsername, newCredential } from './new-credential.ts'
import { newIdentity } from './new-identity.ts'
import { createPasswords } from './password.ts'
import { idExists, idIsUsername, noIdentity, outrun, takenBy, usernameIsId } from './refusals.ts'
import type { By, Registry } from './registry-port.ts'
import { activated, type CredentialEvent, defaultOverlapMs, settled, withDueAt, withReplacement } from './rotation.ts'
import type { Sealer } from './seal.ts'
import { writeMany } from './write-many.ts'

export { maxCredentials } from './credential-list.ts'
export { identitiesColl } from './identity-store.ts'
export type { IdentityView } from './identity.ts'
export type { Registry } from './registry-port.ts'

const maxTries = 5

interface Edit {
  doc: Identity
  gains?: [string, Claim][]
  losses?: string[]
  /** certificates that end by it */
  ended?: Revocation[]
  also?: readonly Write[]
}

export async function openRegistry(o: {
  store: StateStore
  sealer: Sealer
  authority: Authority
  now: () => number
  random: (size: number) => Buffer
  /** the name devices are told to dial */
  hostName: () => string
  /** Certificates of this hub ended before their time and are kept as such: new revocation lists are due. */
  revoked?: (list: readonly Revocation[]) => void
  /** identities kept in memory, default 20,000 */
  cacheEntries?: number
}): Promise<Registry> {
  const { now, random, authority, revoked: tellRevoked = () => {} } = o
  const identities = new IdentityStore(o.store, o.cacheEntries ?? 20_000)
  const lastUsed = new LastUsed(o.store)
  await identities.open()
  await lastUsed.open()
  const passwords = createPasswords({ now, random })
  const parts = { ...o, passwords, ownerOfKey: async (hash: string) => (await identities.claim(`spki:${hash}`))?.deviceId }

  const found = async (id: string): Promise<StoredIdentity> => {
    const stored = await identities.find(id)
    if (!stored) throw noIdentity(id)
    return stored
  }
  const views = async (stored: readonly StoredIdentity[]): Promise<IdentityView[]> => {
    const uses = await lastUsed.of(stored.map(({ id }) => id))
    return stored.map(({ id, doc, version }) => viewOf(doc, version, uses.get(id) ?? {}))
  }
  const view = async (stored: StoredIdentity): Promise<IdentityView> => (await views([stored]))[0]!

  /** The claims that are new, or the code why another device or a revoked certificate has them. */
  const gainsOf = async (id: string, credential: Credential): Promise<[string, Claim][]> => {
    if (credential.kind === 'password' && credential.username !== id && (await identities.find(credential.username)))
      throw usernameIsId(credential.username)
    const gains: [string, Claim][] = []
    for (const [claimId, claim] of claimsOf(id, credential)) {
      const holder = await identities.claim(claimId)
      if (!holder) gains.push([claimId, claim])
      else if (holder.deviceId !== id) throw takenBy(holder.deviceId)
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

  const likeId = async (id: string): Promise<string | undefined> => (await identities.find(id))?.id ?? identities.likeId(id)
  const check = async (id: string): Promise<void> => {
    checkDeviceId(id)
    const like = await likeId(id)
    if (like !== undefined) throw idExists(id, like)
    const alias = await identities.claim(`user:${id}`)
    if (alias) throw idIsUsername(id, alias.deviceId)
  }

  /** Reads, changes and writes an identity; again while others are faster. */
  const change = async (
    id: string,
    by: string | undefined,
    edit: (before: StoredIdentity) => Promise<Edit>,
  ): Promise<StoredIdentity> => {
    for (let tries = 1; ; tries++) {
      const before = await found(id)
      const { doc: edited, ended = [], also = [], ...claims } = await edit(before)
      const doc = withDueAt({ ...edited, updatedAt: now() })
      try {
        const version = await identities.write(id, {
          doc,
          version: before.version,
          ...claims,
          also: [...listing(ended), ...also],
          ...(by !== undefined && { by }),
        })
        if (ended.length) tellRevoked(ended)
        return { id, doc, version }
      } catch (error) {
        if (!isConflict(error)) throw error
        if (tries === maxTries) throw outrun(id, error)
      } finally {
        passwords.forget()
      }
    }
  }

  /** Certificates of this hub that end before their time. */
  const endedOf = (credentials: readonly Credential[], reason: RevocationReason): Revocation[] => {
    const at = now()
    return credentials.flatMap(one => {
      if (one.kind !== 'x509' || one.issuerId === undefined || one.status === 'revoked' || one.notAfter <= at) return []
      return [{ serial: one.serial, issuerId: one.issuerId, notAfter: one.notAfter, at, reason }]
    })
  }
  /** The registry decides who comes in; that an authority cannot sign a list now is no reason to let anyone stay. */
  const listing = (ended: readonly Revocation[]): readonly Write[] => {
    try {
      return ended.length ? authority.revocationWrites(ended) : []
    } catch (error) {
      if (error instanceof LoomError && error.code === 'PKI_CA_KEY_MISSING') return []
      throw error
    }
  }
  const checkEtag = ({ id, version }: StoredIdentity, etag: string | undefined): void => {
    if (etag !== undefined && etag !== String(version))
      throw new LoomError('IDENTITY_CONFLICT', `"${id}" has etag ${version}`, { hint: 'read the device again and repeat' })
  }
  const add = async (
    id: string,
    request: CredentialRequest,
    { by, also = [] }: By,
    as: (doc: Identity, credential: Credential) => Credential,
  ): Promise<DeviceSecrets> => {
    checkRoom((await found(id)).doc)
    const { credential, secrets } = await newCredential(parts, id, request)
    await change(id, by, async ({ doc }) => {
      checkRoom(doc)
      const gains = await gainsOf(id, credential)
      return { ...withCredential(doc, as(doc, credential)), gains, also }
    })
    return secrets
  }
  /** None of a key that cannot be read: a new one is the remedy for that. */
  const hintOf = (id: string, credential: SasCredential, field: 'primaryKey' | 'secondaryKey'): string | undefined => {
    if (field === 'primaryKey') return credential.hint
    if (credential.secondaryHint !== undefined) return credential.secondaryHint
    try {
      return o.sealer.hint(o.sealer.open(credential[field], { owner: id, cid: credential.cid, field }).toString())
    } catch (error) {
      if (error instanceof LoomError) return undefined
      throw error
    }
  }
  /** By a claim that names one credential. */
  const holderOf = async (claimId: string): Promise<{ identity: Identity; credential: Credential } | undefined> => {
    const claim = await identities.claim(claimId)
    const identity = claim && (await identities.find(claim.deviceId))?.doc
    const credential = identity?.credentials.find(({ cid }) => cid === claim?.cid)
    return identity && credential && { identity, credential }
  }

  return {
    check,
    async register({ id, credential, enabled = true, enrolmentId, inactive = false, also = [], by }) {
      await check(id)
      const made = credential && (await newCredential(parts, id, credential))
      if (made && inactive) made.credential.status = 'inactive'
      const doc = newIdentity({
        id,
        enabled,
        at: now(),
        random,
        ...(made && { credential: made.credential }),
        ...(enrolmentId !== undefined && { enrolmentId }),
      })
      const gains = made ? await gainsOf(id, made.credential) : []
      try {
        const version = await identities.write(id, { doc, version: 'new', gains, also, ...(by !== undefined && { by }) })
        return { identity: viewOf(doc, version, {}), ...(made && { secrets: made.secrets }) }
      } catch (error) {
        if (!isConflict(error)) throw error
        await check(id)
        if (made) await gainsOf(id, made.credential)
        throw outrun(id, error)
      }
    },
    writeMany: (changes, many) =>
      writeMany({ ...parts, identities, lastUsed, endedOf, listing, revoked: tellRevoked }, changes, many),
    async get(id) {
      const stored = await identities.find(id)
      return stored && view(stored)
    },
    many: async ids => views(await identities.many(ids)),
    async page(query) {
      const { items, next } = await identities.page(query)
      return { items: await views(items), ...(next !== undefined && { next }) }
    },
    count: () => identities.count(),
    async setEnabled(id, { enabled, reason, etag, by, also = [] }) {
      const after = await change(id, by, async before => {
        checkEtag(before, etag)
        const { reason: _, ...doc } = before.doc
        return { doc: { ...doc, enabled, ...(reason !== undefined && { reason }) }, also }
      })
      return view(after)
    },
    async delete(id, { also = [], by } = {}) {
      for (let tries = 1; ; tries++) {
        const { doc, version } = await found(id)
        const ended = endedOf(doc.credentials, 'cessationOfOperation')
        const losses = [...new Set(doc.credentials.flatMap(credential => claimsOf(id, credential).map(([claimId]) => claimId)))]
        lastUsed.forget(id)
        const uses: Write = { op: 'delete', coll: usesColl, id }
        try {
          await identities.write(id, {
            doc: null,
            version,
            losses,
            also: [uses, ...listing(ended), ...also],
            ...(by !== undefined && { by }),
          })
          if (ended.length) tellRevoked(ended)
          return
        } catch (error) {
          if (!(isConflict(error) || isAbsent(error)) || tries === maxTries) throw error
        } finally {
          passwords.forget()
        }
      }
    },
    addCredential: (id, request, o = {}) => add(id, request, o, (_doc, credential) => credential),
    rotate: (id, request, { overlapMs = defaultOverlapMs, ...o } = {}) =>
      add(id, request, o, (doc, credential) => withReplacement(doc, credential, overlapMs)),
    async regenerateKey(id, cid, slot, { by, also = [] } = {}) {
      const field = slot === 'secondary' ? 'secondaryKey' : 'primaryKey'
      const key = random(32).toString('base64')
      await change(id, by, async ({ doc }) => {
        const old = doc.credentials.find(credential => credential.cid === cid)
        if (!old) throw noCredential(id, cid)
        if (old.kind !== 'sas' || old.status === 'revoked')
          throw new LoomError('CRED_INVALID', `credential ${cid} of "${id}" has no keys`, {
            hint: 'name an active one of kind sas',
          })
        const sealed = o.sealer.seal(key, { owner: id, cid, field })
        const former = hintOf(id, old, field)
        const renewed = withNewKey(old, { slot, sealed, hint: o.sealer.hint(key), former })
        return { doc: { ...doc, credentials: doc.credentials.map(one => (one === old ? renewed : one)) }, also }
      })
      return { cid, kind: 'sas', [field]: key, caPem: authority.rootPem }
    },
    async activate(id, cid) {
      const fresh = (await identities.find(id))?.doc.credentials.find(credential => credential.cid === cid)
      if (fresh?.status === 'pending') await change(id, 'device', async ({ doc }) => ({ doc: activated(doc, cid, now()) }))
    },
    async settle({ limit }) {
      const told: CredentialEvent[] = []
      for (const id of await identities.due(now(), limit)) {
        let events: CredentialEvent[] = []
        await change(id, 'hub', async ({ doc }) => {
          const after = settled(doc, now())
          events = after.events
          const over = new Set(events.filter(({ event }) => event === 'superseded' || event === 'dropped').map(({ cid }) => cid))
          return {
            doc: after.doc,
            ended: endedOf(
              doc.credentials.filter(({ cid }) => over.has(cid)),
              'superseded',
            ),
          }
        })
        told.push(...events)
      }
      return told
    },
    async revokeCredential(id, cid, { by, reason = 'unspecified', also = [] } = {}) {
      await change(id, by, async ({ doc }) => {
        const old = doc.credentials.find(credential => credential.cid === cid)
        if (!old) throw noCredential(id, cid)
        const credentials = doc.credentials.map(credential => (credential === old ? revoked(credential) : credential))
        return { doc: { ...doc, credentials }, ended: endedOf([old], reason), also }
      })
    },
    async setState(id, { state, reason, etag, by, also = [] }) {
      const after = await change(id, by, async before => {
        checkEtag(before, etag)
        const { reason: _, ...doc } = before.doc
        if (doc.state === 'retired' && state !== 'retired')
          throw new LoomError('IDENTITY_RETIRED', `"${id}"`, { hint: 'delete it to make its id free again' })
        const ends = state === 'retired'
        return {
          doc: {
            ...doc,
            state,
            ...(reason !== undefined && { reason }),
            credentials: ends ? doc.credentials.map(revoked) : doc.credentials,
          },
          ended: ends ? endedOf(doc.credentials, 'cessationOfOperation') : [],
          also,
        }
      })
      return view(after)
    },
    async accepts({ deviceId, cid }) {
      const identity = (await identities.find(deviceId))?.doc
      if (!identity?.enabled || (identity.state !== 'active' && identity.state !== 'quarantined')) return false
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
    likeId,
    findByFingerprint: fingerprint => holderOf(`fp:${fingerprint}`),
    findByToken: (issuerId, subject) => holderOf(tokenClaim(issuerId, subject)),
    ownerOfKey: parts.ownerOfKey,
    async findByUsername(username) {
      const own = (await identities.find(username))?.doc
      if (own || !isUsername(username)) return own
      const claim = await identities.claim(`user:${username}`)
      return claim && (await identities.find(claim.deviceId))?.doc
    },
    verifyPassword: request => passwords.verify(request),
  }
}

const noCredential = (id: string, cid: string) =>
  new LoomError('CRED_NOT_FOUND', `${JSON.stringify(String(cid).slice(0, 40))} of "${id}"`)
const isAbsent = (error: unknown) => error instanceof LoomError && error.code === 'STORE_NOT_FOUND'
