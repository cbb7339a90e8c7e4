import { bootstrapDocumentAnswer, mustWait, provisioned } from '../dialects/plain/provision.ts'
import type { HttpAnswer } from '../dialects/http.ts'
import { LoomError } from '../errors.ts'
import { createGuessGuard } from '../identity/guess-guard.ts'
import { createAttemptLimit } from '../provisioning/attempt-limit.ts'
import type { BootstrapDocument } from '../provisioning/bootstrap.ts'
import type { BootstrapBook } from '../provisioning/bootstrap-book.ts'
import type { Claims } from '../provisioning/claim-store.ts'
import type { FleetPrincipal } from '../provisioning/fleet-provisioning-port.ts'
import type { OwnProvisioning } from '../provisioning/own-provisioning.ts'
import type { OwnIdentity, OwnRequest } from '../provisioning/own-provisioning-request.ts'

/** Who asks, once a credential has proved it. */
export interface ProvedAsker {
  deviceId: string
  as?: 'claim' | 'dps'
  cid: string
  fingerprint?: string
}

/** Our own provisioning over HTTPS; refusals are thrown. */
export interface OwnHttp {
  /** As devices get it. */
  document(): Promise<BootstrapDocument>
  /** For everyone: it holds nothing but what is public. BROKER_THROTTLED. */
  bootstrap(address: string): Promise<HttpAnswer>
  enrol(who: ProvedAsker, request: OwnRequest, address: string): Promise<HttpAnswer>
  pair(request: OwnRequest & { pairingCode: string }, address: string): Promise<HttpAnswer>
  /** How long the refusal waits: somebody guesses codes. */
  delayOf(error: unknown, address: string): number
}

/** A person decides in minutes, not in seconds. */
const retryAfterS = 30

export function createOwnHttp(o: {
  own: OwnProvisioning
  book: BootstrapBook
  claims: Pick<Claims, 'findClaim'>
  caPem: () => string
  now: () => number
}): OwnHttp {
  const { own, book, claims, now } = o
  const reads = createAttemptLimit({ now, windowMs: 60_000, perSender: 300, inAll: 60_000 })
  const guard = createGuessGuard({ now })

  const document = async (): Promise<BootstrapDocument> => {
    const { etag: _, ...bootstrap } = await book.read()
    return bootstrap
  }
  const answered = async (work: () => Promise<OwnIdentity>): Promise<HttpAnswer> => {
    try {
      // read first: nothing that can fail may come between a secret and its one answer
      const bootstrap = await document()
      return provisioned(await work(), { caPem: o.caPem(), bootstrap })
    } catch (error) {
      if (error instanceof LoomError && error.code === 'PROV_PENDING') return mustWait(retryAfterS)
      throw error
    }
  }

  return {
    document,
    async bootstrap(address) {
      if (!reads.take(address)) throw new LoomError('BROKER_THROTTLED', 'the bootstrap document is asked for too often')
      return bootstrapDocumentAnswer(await document())
    },
    enrol: ({ deviceId, as, cid, fingerprint = '' }, request, ip) =>
      answered(async () => {
        if (as === 'claim') return own.enrol({ claimId: cid, fingerprint, ip }, request)
        const claim = fingerprint ? await claims.findClaim(fingerprint, ip, now()) : undefined
        const who: FleetPrincipal = {
          deviceId,
          ...(fingerprint && { fingerprint }),
          ip,
          ...(claim?.ok && { claimId: claim.claim.id }),
        }
        return own.enrol(who, request)
      }),
    pair: (request, ip) => answered(() => own.pair(request, { ip })),
    delayOf: (error, address) =>
      error instanceof LoomError && error.code === 'PROV_CODE_INVALID' ? guard.refused(`pairing|${address}`) : 0,
  }
}
