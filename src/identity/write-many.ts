import { LoomError } from '../errors.ts'
import type { Authority, DeviceCertificate, DeviceRequest, Revocation } from '../pki/authority.ts'
import type { RevocationReason } from '../pki/crl.ts'
import type { Write } from '../storage/state-store.ts'
import { checkRoom, withCredential } from './credential-list.ts'
import type { Credential } from './identity.ts'
import { type Claim, claimsOf, type IdentityEdit, type IdentityStore, isConflict, writesOf } from './identity-store.ts'
import { type LastUsed, usesColl } from './last-used.ts'
import { checkNewIds, newClaims } from './many-checks.ts'
import { type CredentialParts, type NewCredential, newCredential } from './new-credential.ts'
import { newIdentity } from './new-identity.ts'
import { noIdentity, outrun } from './refusals.ts'
import type { IdentityChange, IdentityOutcome, ManyOptions } from './registry-port.ts'
import { withDueAt } from './rotation.ts'

export const mostChanges = 500
/** Making so many keys and certificates takes some 10 ms. */
const chunk = 50
const maxTries = 5

export interface ManyParts extends CredentialParts {
  authority: Authority
  identities: IdentityStore
  lastUsed: LastUsed
  endedOf(credentials: readonly Credential[], reason: RevocationReason): Revocation[]
  listing(ended: readonly Revocation[]): readonly Write[]
  revoked(list: readonly Revocation[]): void
}

/** One of the changes under way. */
export interface ManyRow {
  change: IdentityChange
  made?: NewCredential
  gains: [string, Claim][]
  edit?: IdentityEdit
  ended: Revocation[]
  error?: LoomError
}

/** `Registry.writeMany`. */
export async function writeMany(
  parts: ManyParts,
  changes: readonly IdentityChange[],
  o: ManyOptions,
): Promise<IdentityOutcome[]> {
  const { identities, passwords } = parts
  if (changes.length > mostChanges)
    throw new LoomError('REQUEST_INVALID', `${changes.length} changes`, { hint: `give at most ${mostChanges}` })
  const rows = changes.map((change): ManyRow => ({ change, gains: [], ended: [] }))
  const left = () => rows.filter(({ error }) => !error)

  await checkNewIds(identities, rows)
  await makeCredentials(o.dryRun ? { ...parts, ...dryParts(parts) } : parts, rows, o.pause)
  await prepare(parts, left())
  if (!o.dryRun) {
    await o.ready?.(new Set(left().map(({ change }) => change.id)))
    for (let tries = 1; ; tries++)
      try {
        await commit(parts, left(), o)
        break
      } catch (error) {
        if (!isConflict(error) && !isAbsent(error)) throw error
        if (tries === maxTries) throw outrun(left()[0]?.change.id ?? '', error)
        if ((await identities.stale(o.also ?? [])).size) throw error
        await refuseStale(parts, left(), error)
      } finally {
        passwords.forget()
      }
  }
  return rows.map(({ change: { id }, made, error }) => {
    if (error) return { id, error }
    return { id, ...(made && !o.dryRun && { secrets: made.secrets }) }
  })
}

/** What checks as for a new credential and makes nothing. */
const dryParts = ({ authority, passwords }: ManyParts) => ({
  passwords: { ...passwords, hash: async () => '' },
  authority: {
    rootPem: authority.rootPem,
    issuerOf: (pem: string) => authority.issuerOf(pem),
    async issueDevice(request: DeviceRequest): Promise<DeviceCertificate> {
      const { spkiHash = `of ${request.id}` } = await authority.checkDevice(request)
      const fingerprint = `of ${request.id}`
      const none = { certificatePem: '', chainPem: '', serial: '', issuerId: '', subject: '', notBefore: 0, notAfter: 0 }
      return { ...none, fingerprint, spkiHash }
    },
  },
})

async function makeCredentials(parts: CredentialParts, rows: readonly ManyRow[], pause: () => Promise<void>): Promise<void> {
  for (let at = 0; at < rows.length; at += chunk) {
    const work = rows.slice(at, at + chunk).map(async row => {
      const { change } = row
      if (row.error || change.op === 'delete' || !change.credential) return
      row.made = await newCredential(parts, change.id, change.credential)
    })
    for (const [i, result] of (await Promise.allSettled(work)).entries())
      if (result.status === 'rejected') refuse(rows[at + i]!, result.reason)
    await pause()
  }
}

/** Looks up what the changes are based on. */
async function prepare(parts: ManyParts, rows: readonly ManyRow[]): Promise<void> {
  const { identities } = parts
  await newClaims(identities, rows)
  const old = rows.filter(({ change, error }) => !error && change.op !== 'register')
  const present = new Map((await identities.many(old.map(({ change }) => change.id))).map(stored => [stored.id, stored]))
  for (const row of rows)
    try {
      if (!row.error) prepareOne(parts, row, present.get(row.change.id))
    } catch (error) {
      refuse(row, error)
    }
}

function prepareOne(
  parts: ManyParts,
  row: ManyRow,
  before: Awaited<ReturnType<IdentityStore['many']>>[number] | undefined,
): void {
  const { change, made, gains } = row
  const { id, also = [] } = change
  const { now, random } = parts
  if (change.op === 'register') {
    const { enabled = true } = change
    row.edit ??= {
      doc: newIdentity({ id, enabled, at: now(), random, ...(made && { credential: made.credential }) }),
      version: 'new',
    }
    row.edit = { ...row.edit, gains, also }
    return
  }
  if (!before) throw noIdentity(id)
  const { doc, version } = before
  if (change.op === 'delete') {
    row.ended = parts.endedOf(doc.credentials, 'cessationOfOperation')
    const losses = [...new Set(doc.credentials.flatMap(one => claimsOf(id, one).map(([claimId]) => claimId)))]
    row.edit = { doc: null, version, losses, also: [{ op: 'delete', coll: usesColl, id }, ...also] }
    return
  }
  if (made) checkRoom(doc)
  const grown = made ? withCredential(doc, made.credential) : { doc, losses: [] }
  const { enabled = doc.enabled } = change
  if (!made && enabled === doc.enabled) delete row.edit
  else row.edit = { doc: withDueAt({ ...grown.doc, enabled, updatedAt: now() }), version, gains, losses: grown.losses, also }
}

async function commit(parts: ManyParts, rows: readonly ManyRow[], { also = [], by }: ManyOptions): Promise<void> {
  const ended = rows.flatMap(row => row.ended)
  const writes = [...rows.flatMap(writesOfRow), ...parts.listing(ended), ...also]
  if (!writes.length) return
  for (const { change } of rows) if (change.op === 'delete') parts.lastUsed.forget(change.id)
  await parts.identities.writeMany(writes, {
    ids: rows.map(({ change }) => change.id),
    losses: rows.flatMap(({ edit }) => edit?.losses ?? []),
    ...(by !== undefined && { by }),
  })
  if (ended.length) parts.revoked(ended)
}

const writesOfRow = ({ change, edit }: ManyRow): Write[] => (edit ? writesOf(change.id, edit) : [...(change.also ?? [])])

/** After others were faster: what cannot be any more is refused, the rest is based on what is there now. */
async function refuseStale(parts: ManyParts, rows: readonly ManyRow[], cause: unknown): Promise<void> {
  await checkNewIds(parts.identities, rows)
  await prepare(
    parts,
    rows.filter(({ error }) => !error),
  )
  const left = rows.filter(({ error }) => !error).map(row => ({ row, writes: writesOfRow(row) }))
  const stale = await parts.identities.stale(left.flatMap(({ writes }) => writes))
  for (const { row, writes } of left) if (writes.some(write => stale.has(write))) row.error = outrun(row.change.id, cause)
}

/** What the row is to blame for is its result; what the store is to blame for ends all. */
function refuse(row: ManyRow, error: unknown): void {
  if (!(error instanceof LoomError) || error.code.startsWith('STORE_')) throw error
  row.error = error
}

const isAbsent = (error: unknown) => error instanceof LoomError && error.code === 'STORE_NOT_FOUND'
