import type { LoomError } from '../errors.ts'
import type { RevocationReason } from '../pki/crl.ts'
import type { Write } from '../storage/state-store.ts'
import type { CredentialRequest, DeviceSecrets } from './credential-types.ts'
import type { Credential, Identity, IdentityView } from './identity.ts'
import type { CredentialEvent } from './rotation.ts'

/** Who did it, for the change feed, and what is to be written with it. */
export interface By {
  by?: string
  /** further documents of the same store, written in the same transaction */
  also?: readonly Write[]
}

export interface RegisterIdentity extends By {
  id: string
  credential?: CredentialRequest
  /** default true */
  enabled?: boolean
  enrolmentId?: string
  /** its credential does not count until an operator says so */
  inactive?: boolean
}

/** One of many changes that are written together; `also`: only if it is. An `update` that changes nothing writes `also` alone. */
export type IdentityChange = { id: string; also?: readonly Write[] } & (
  | { op: 'register'; credential?: CredentialRequest; enabled?: boolean }
  | { op: 'update'; credential?: CredentialRequest; enabled?: boolean }
  | { op: 'delete' }
)

export interface ManyOptions extends By {
  /** checks all, makes and writes nothing */
  dryRun?: boolean
  /** awaited after every 50 changes, so that others have their turn */
  pause(): Promise<void>
  /** Awaited once everything is checked and made, with the ids that will be written; if it rejects, none is. */
  ready?(ids: ReadonlySet<string>): Promise<void>
}

export type IdentityOutcome = { id: string; secrets?: DeviceSecrets; error?: undefined } | { id: string; error: LoomError }

/** The devices that may connect, and how they prove who they are. It must be the only writer of its collections. */
export interface Registry {
  /** IDENTITY_INVALID, IDENTITY_EXISTS if `register` would refuse that id. */
  check(id: string): Promise<void>
  /** IDENTITY_EXISTS also for an id that differs only in case; codes of `addCredential`. */
  register(o: RegisterIdentity): Promise<{ identity: IdentityView; secrets?: DeviceSecrets }>
  /**
   * At most 500 changes of different devices in one transaction, with `also`. One that cannot be has its error (codes of `register`, `addCredential`, `delete`) and does not stop
   * the others; one outcome for each, in order. A rejection means that nothing was written: STORE_VERSION_CONFLICT for `also`, REQUEST_INVALID.
   */
  writeMany(changes: readonly IdentityChange[], o: ManyOptions): Promise<IdentityOutcome[]>
  get(id: string): Promise<IdentityView | undefined>
  /** Those that exist of at most 1,000 ids, in one reading. */
  many(ids: readonly string[]): Promise<IdentityView[]>
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
  delete(id: string, o?: By): Promise<void>
  /** IDENTITY_NOT_FOUND, CRED_LIMIT, CRED_TAKEN, CRED_REVOKED, CRED_INVALID, CRED_EXPIRED, PKI_*, REQUEST_INVALID. */
  addCredential(id: string, request: CredentialRequest, o?: By): Promise<DeviceSecrets>
  /**
   * Adds a credential that replaces those of its kind: they go on until it was used, and then for the overlap (default 7 days). Without one of its kind it counts
   * at once. Codes of `addCredential`.
   */
  rotate(id: string, request: CredentialRequest, o?: { overlapMs?: number } & By): Promise<DeviceSecrets>
  /** A new key in one slot of a `sas` credential; tokens of the other slot go on. CRED_NOT_FOUND, CRED_INVALID. */
  regenerateKey(id: string, cid: string, slot: 'primary' | 'secondary', o?: By): Promise<DeviceSecrets>
  /** A replacement was used for the first time; nothing for any other credential. */
  activate(id: string, cid: string): Promise<void>
  /** Ends overlaps that are over, drops replacements that nobody used, tells of certificates that end; at most `limit` devices. */
  settle(o: { limit: number }): Promise<CredentialEvent[]>
  /** Its secrets are erased; that it was revoked stays known. IDENTITY_NOT_FOUND, CRED_NOT_FOUND. */
  revokeCredential(id: string, cid: string, o?: { reason?: RevocationReason } & By): Promise<void>
  /**
   * Quarantines, releases, or retires: a retired device has no credential left and its id is not registered again until it is deleted. IDENTITY_NOT_FOUND,
   * IDENTITY_RETIRED, IDENTITY_CONFLICT.
   */
  setState(
    id: string,
    o: { state: 'active' | 'quarantined' | 'retired'; reason?: string; etag?: string } & By,
  ): Promise<IdentityView>
  /** Whether a connection opened with that credential (`''`: none) would still be let in: to be asked once it is live, against a change in between. */
  accepts(o: { deviceId: string; cid: string }): Promise<boolean>
  /** Notes a use in memory. */
  touch(o: { id: string; cid: string; at: number }): void
  /** Writes the noted uses. */
  flush(): Promise<void>

  /** With the stored secrets, for authentication only. */
  find(id: string): Promise<Identity | undefined>
  /** The id of a device, spelled as it is, whatever the case asked for. */
  likeId(id: string): Promise<string | undefined>
  findByFingerprint(fingerprint: string): Promise<{ identity: Identity; credential: Credential } | undefined>
  findByToken(issuerId: string, subject: string): Promise<{ identity: Identity; credential: Credential } | undefined>
  ownerOfKey(spkiHash: string): Promise<string | undefined>
  /** A device id first, then an alias. */
  findByUsername(username: string): Promise<Identity | undefined>
  verifyPassword(o: { cid: string; password: string; hash: string }): Promise<boolean>
}
