import { LoomError } from '../errors.ts'
import type { StateStore, Stored, Write } from '../storage/state-store.ts'

/** A certificate that was made and is nobody's yet: it is registered nowhere, so it cannot connect. */
export interface PendingCertificate {
  /** who asked for it and alone may use the token: `claim {id}` or `device {id}` */
  principal: string
  certificatePem: string
  fingerprint: string
  spkiHash: string
  /** epoch ms */
  createdAt: number
  expiresAt: number
}

export interface Ownership {
  /**
   * Makes a certificate by `issue` and a token for it: 256 random bits, of which a keyed hash is kept. PROV_THROTTLED if the principal has as many as allowed; what `issue` throws.
   */
  create<T extends Issued>(principal: string, issue: () => Promise<T>): Promise<{ token: string; issued: T }>
  /**
   * Holds the token until `release`; `spend` is what to write, in the transaction that registers the certificate, so that it is used once. PROV_TOKEN_INVALID,
   * in one wording for a token that is unknown, used, being used, lapsed or another principal's; `reason` says which, not for the device.
   */
  hold(token: string, o: { principal: string; now: number }): Promise<HeldToken>
  /** Removes what lapsed. To be called every minute or so. */
  sweep(now: number): Promise<number>
  /** certificates that wait */
  readonly size: number
}

export interface Issued {
  certificatePem: string
  fingerprint: string
  spkiHash: string
}

export interface HeldToken {
  certificate: PendingCertificate
  spend: Write
  /** `spent`: it was used; else it may be used again */
  release(spent: boolean): void
}

/** PROV_TOKEN_INVALID with what only the operator hears. */
export class TokenRefused extends LoomError {
  readonly reason: string
  /** shown by a principal that is not its own */
  readonly foreign: boolean
  constructor(reason: string, foreign = false) {
    super('PROV_TOKEN_INVALID', '', { hint: 'ask for a new certificate' })
    this.reason = reason
    this.foreign = foreign
  }
}

const coll = 'ownership_tokens'
const lifeMs = 3_600_000
const tokenPattern = /^[A-Za-z0-9_-]{43}$/

/** Pending certificates over one store, which must have no other writer of them; what an earlier run left goes on. */
export async function openOwnership(o: {
  store: StateStore
  now: () => number
  random: (size: number) => Buffer
  /** HMAC-SHA-256 under a subkey of the hub, lower hex */
  tokenHash: (token: string) => string
  /** of one principal at a time, default 200 */
  mostOutstanding?: number
  /** of all, default 10,000 */
  mostInAll?: number
  /** certificates made at a time, default 32 */
  mostAtOnce?: number
}): Promise<Ownership> {
  const { store, now, random, tokenHash, mostOutstanding = 200, mostInAll = 10_000, mostAtOnce = 32 } = o
  await store.declare(coll, { indexes: ['expiresAt'] })
  const waiting = await outstanding(store)
  const held = new Set<string>()
  let making = 0

  const forget = (principal: string, id: string): void => {
    const mine = waiting.get(principal)
    if (mine?.delete(id) && mine.size === 0) waiting.delete(principal)
  }
  const total = () => Array.from(waiting.values(), mine => mine.size).reduce((sum, size) => sum + size, 0)
  const makeRoom = (principal: string): void => {
    const mine = waiting.get(principal)
    const live = mine ? [...mine.values()].filter(expiresAt => expiresAt > now()).length : 0
    const full =
      making >= mostAtOnce
        ? `${mostAtOnce} certificates are being made`
        : live >= mostOutstanding
          ? `${live} certificates wait to be used`
          : undefined
    if (full ?? (total() >= mostInAll ? `${mostInAll} certificates wait to be used` : undefined))
      throw new LoomError('PROV_THROTTLED', full ?? 'too many certificates wait to be used')
  }

  return {
    get size() {
      return total()
    },
    async create(principal, issue) {
      makeRoom(principal)
      making++
      const mine = waiting.get(principal) ?? new Map<string, number>()
      waiting.set(principal, mine)
      const token = random(32).toString('base64url')
      const id = tokenHash(token)
      const [createdAt, expiresAt] = [now(), now() + lifeMs]
      // counted before it is made, so that many at once cannot pass the limit
      mine.set(id, expiresAt)
      try {
        const issued = await issue()
        const { certificatePem, fingerprint, spkiHash } = issued
        const doc: PendingCertificate = { principal, certificatePem, fingerprint, spkiHash, createdAt, expiresAt }
        await store.put(coll, id, doc, { version: 'new', by: principal })
        return { token, issued }
      } catch (error) {
        forget(principal, id)
        throw error
      } finally {
        making--
      }
    },
    async hold(token, { principal, now: at }) {
      if (typeof token !== 'string' || !tokenPattern.test(token)) throw new TokenRefused('it has not the form of a token')
      const id = tokenHash(token)
      if (held.has(id)) throw new TokenRefused('it is being used')
      held.add(id)
      try {
        const stored = await store.get<PendingCertificate>(coll, id)
        if (!stored) throw new TokenRefused('it is unknown, used or lapsed')
        if (stored.doc.principal !== principal) throw new TokenRefused(`it belongs to ${stored.doc.principal}`, true)
        if (at >= stored.doc.expiresAt) throw new TokenRefused('it has lapsed')
        return {
          certificate: stored.doc,
          spend: { op: 'delete', coll, id, version: stored.version },
          release(spent) {
            held.delete(id)
            if (spent) forget(principal, id)
          },
        }
      } catch (error) {
        held.delete(id)
        throw error
      }
    },
    async sweep(at) {
      let removed = 0
      for (;;) {
        const { items } = await store.query<PendingCertificate>(coll, { where: [['expiresAt', '<=', at]], limit: 500 })
        const lapsed = items.filter(({ id }) => !held.has(id))
        if (lapsed.length === 0) return removed
        await store.tx(
          lapsed.map(({ id }): Write => ({ op: 'delete', coll, id })),
          { by: 'sweep' },
        )
        for (const { id, doc } of lapsed) forget(doc.principal, id)
        removed += lapsed.length
      }
    },
  }
}

/** When each certificate that waits will lapse, by principal and token hash. */
async function outstanding(store: StateStore): Promise<Map<string, Map<string, number>>> {
  const found = new Map<string, Map<string, number>>()
  let cursor: string | undefined
  do {
    const page: { items: Stored<PendingCertificate>[]; next?: string } = await store.query<PendingCertificate>(coll, {
      limit: 1000,
      ...(cursor !== undefined && { cursor }),
    })
    for (const { id, doc } of page.items) {
      const mine = found.get(doc.principal) ?? new Map<string, number>()
      found.set(doc.principal, mine.set(id, doc.expiresAt))
    }
    cursor = page.next
  } while (cursor !== undefined)
  return found
}
