import type { StateStore } from '../../src/storage/state-store.ts'
import { createAuthenticator, type ConnectAttempt } from '../../src/identity/authenticate.ts'
import type { Revocation } from '../../src/pki/authority.ts'
import { openRegistry } from '../../src/identity/registry.ts'
import { readCertificate } from '../../src/pki/certificate.ts'
import { authorityOf, random, sealerOf } from '../pki/make.ts'

export const host = 'hub.example.net'

/** Registry and authenticator over a memory store, with a clock that the test turns. */
export async function houseOf(
  o: {
    store?: StateStore
    cacheEntries?: number
    hubNames?: string[]
    sessionOwner?: (clientId: string) => string | undefined
    revoked?: (list: readonly Revocation[]) => void
    parts?: Partial<Parameters<typeof createAuthenticator>[0]>
  } = {},
) {
  const { authority, store, clock } = await authorityOf(o.store ? { store: o.store } : {})
  const sealer = sealerOf()
  const now = () => clock.now
  const { cacheEntries, hubNames, sessionOwner } = o
  const registry = await openRegistry({
    store,
    sealer,
    authority,
    now,
    random,
    hostName: () => host,
    ...(o.revoked && { revoked: o.revoked }),
    ...(cacheEntries && { cacheEntries }),
  })
  const authenticator = createAuthenticator({
    registry,
    sealer,
    now,
    sasClockSkewS: 300,
    clientIdMode: 'owned',
    ...(hubNames && { hubNames }),
    ...(sessionOwner && { sessionOwner }),
    ...o.parts,
  })
  return { authority, store, clock, sealer, registry, authenticator, authenticate: authenticator.authenticate }
}

export const attemptOf = (o: Partial<ConnectAttempt> & { deviceId: string }): ConnectAttempt => ({
  family: 'thing',
  clientId: o.deviceId,
  query: {},
  remoteAddress: '192.0.2.7',
  loopbackPlaintext: false,
  allowAnonymous: false,
  ...o,
})

export const azureAttempt = (deviceId: string, token: string, o: Partial<ConnectAttempt> = {}): ConnectAttempt =>
  attemptOf({ deviceId, family: 'iothub', host, username: `${host}/${deviceId}/`, password: Buffer.from(token), ...o })

/** A certificate as TLS shows it. */
export function peerOf(pem: string) {
  const { fingerprint, der, subjectCn = '', notBefore, notAfter } = readCertificate(pem)
  return { fingerprint, der, subjectCn, notBefore, notAfter }
}
