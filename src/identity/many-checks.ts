import { LoomError } from '../errors.ts'
import { checkDeviceId } from './device-id.ts'
import { claimsOf, type IdentityStore } from './identity-store.ts'
import { idExists, idIsUsername, takenBy, usernameIsId } from './refusals.ts'
import type { ManyRow } from './write-many.ts'

/** Refuses ids that cannot be registered: as `Registry.check`, also against the others of the list. */
export async function checkNewIds(identities: IdentityStore, rows: readonly ManyRow[]): Promise<void> {
  const fresh = rows.filter(({ change, error }) => !error && change.op === 'register')
  for (const row of fresh)
    try {
      checkDeviceId(row.change.id)
    } catch (error) {
      row.error = error as LoomError
    }
  const valid = fresh.filter(({ error }) => !error)
  const ids = valid.map(({ change }) => change.id)
  const present = await identities.likeIds(ids)
  const aliases = await identities.claims(ids.map(id => `user:${id}`))
  for (const row of valid) {
    const { id } = row.change
    const like = present.get(id.toLowerCase())
    const alias = aliases.get(`user:${id}`)
    if (like !== undefined) row.error = idExists(id, like)
    else if (alias) row.error = idIsUsername(id, alias.deviceId)
    else present.set(id.toLowerCase(), id)
  }
}

/** The claims that each row gains, or why it may not: another device has them, in the store or in a row above. */
export async function newClaims(identities: IdentityStore, rows: readonly ManyRow[]): Promise<void> {
  const wanted = rows
    .filter(({ made, error }) => made && !error)
    .map(row => ({ row, id: row.change.id, claims: claimsOf(row.change.id, row.made!.credential) }))
  if (!wanted.length) return
  const holders = await identities.claims(wanted.flatMap(({ claims }) => claims.map(([claimId]) => claimId)))
  const names = new Set(rows.filter(({ error }) => !error).map(({ change }) => change.id))
  for (const { id } of await identities.many(usernames(wanted.map(({ row }) => row)))) names.add(id)
  for (const { row, id, claims } of wanted) {
    row.gains = claims.filter(([claimId]) => !holders.has(claimId))
    for (const name of usernames([row])) if (name !== id && names.has(name)) row.error = usernameIsId(name)
    for (const [claimId, claim] of claims) {
      const holder = holders.get(claimId)
      if (holder && holder.deviceId !== id)
        row.error ??= claimId.startsWith('spki:')
          ? new LoomError('PKI_KEY_REUSED', `device "${holder.deviceId}" has it`)
          : takenBy(holder.deviceId)
      else if (holder && claim.cid !== undefined) row.error ??= new LoomError('CRED_TAKEN', `"${id}" has it already`)
    }
    if (!row.error) for (const [claimId, claim] of row.gains) holders.set(claimId, claim)
  }
}

const usernames = (rows: readonly ManyRow[]): string[] =>
  rows.flatMap(({ made }) => (made?.credential.kind === 'password' ? [made.credential.username] : []))
