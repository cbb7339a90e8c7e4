import { createAuthenticator, type Authenticator } from '../identity/authenticate.ts'
import { openIssuers } from '../identity/issuers.ts'
import { openSealer } from '../identity/open-sealer.ts'
import { openRegistry } from '../identity/registry.ts'
import { openAuthority } from '../pki/authority.ts'
import type { BrokerPort } from '../broker/broker-port.ts'
import { openAuditTrail } from './audit-trail.ts'
import { fetchJson } from './fetch-json.ts'
import { createTokenVerifier } from './jwt-verifier.ts'
import type { Provisioning } from './open-provisioning.ts'
import type { Stores } from './open-stores.ts'
import type { HubOptions } from './options.ts'
import type { Problems } from './problems.ts'
import { createRevocationLists } from './revocation-lists.ts'
import { deviceHost, serverNames } from './server-names.ts'

export interface IdentityParts {
  options: HubOptions
  stores: Stores
  /** seconds, 0..300 */
  sasClockSkewS: number
  problems: Problems
  /** made after it, and asked when somebody connects */
  broker(): Pick<BrokerPort, 'listeners' | 'holderOf'>
  provisioning(): Pick<Provisioning, 'enrolments' | 'proofs'>
  now: () => number
  random: (size: number) => Buffer
  schedule(ms: number, fn: () => void): () => void
}

/** Who devices are and how they prove it: the sealer of secrets, the audit, the authority, the registry and what checks a CONNECT. */
export async function openIdentity({ options, stores, problems, broker, provisioning, now, random, ...parts }: IdentityParts) {
  const { hubId } = options
  const { identities, state, audit, key } = stores
  const sealer = await openSealer({ key, hubId, store: identities, random })
  const trail = await openAuditTrail({ audit, stores: { identities, state }, key: sealer.subkey('audit'), now, random })
  try {
    const authority = await openAuthority({ hubId, store: identities, sealer, now, random })
    const names = serverNames(options)
    const lists = createRevocationLists({ authority, schedule: parts.schedule, problems })
    const registry = await openRegistry({
      ...{ store: identities, sealer, authority, now, random },
      hostName: () => deviceHost(options, broker().listeners()),
      revoked: list => lists.due(list),
    })
    const verifier = createTokenVerifier({ fetchJson })
    const issuers = await openIssuers({ store: identities, changed: id => verifier.forget(id) })
    const authenticator: Authenticator = createAuthenticator({
      ...{ registry, sealer, now, sasClockSkewS: parts.sasClockSkewS },
      ...(options.hubNames?.length && { hubNames: names }),
      clientIdMode: 'owned',
      tokens: { verifier, issuers },
      groupKeys: id => provisioning().enrolments.groupKeys(id),
      provisioning: {
        attest: o => provisioning().proofs.attest!(o),
        claimOf: o => provisioning().proofs.claimOf!(o),
        admitUnknown: o => provisioning().proofs.admitUnknown!(o),
      },
      anchors: authority,
      sessionOwner: clientId => broker().holderOf(`thing|${clientId}`),
    })
    return { sealer, trail, authority, names, lists, registry, issuers, authenticator }
  } catch (error) {
    await trail.close().catch(() => {})
    throw error
  }
}
