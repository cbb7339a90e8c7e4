import type { Issuers } from '../identity/issuers.ts'
import type { Registry } from '../identity/registry.ts'
import type { AuditTrail } from './audit-trail.ts'
import type { IdentityApi } from './hub.ts'

/** Credentials of devices and the token services that vouch for them; each change with its audit record. */
export function createIdentityApi(parts: {
  registry: Registry
  issuers: Issuers
  trail: AuditTrail
  /** Closes the sessions of a device that one of its credentials opened. */
  drop(deviceId: string, cid: string): Promise<void>
  /** Closes every session that a bearer token opened. */
  dropTokens(): Promise<void>
}): IdentityApi {
  const { registry, issuers, trail, drop } = parts
  const audited = (by: string | undefined, action: string, target: string, detail: Record<string, unknown> = {}) => ({
    ...(by !== undefined && { by }),
    also: [trail.write('identities', { by, action, target, detail })],
  })

  return {
    addCredential: ({ id, credential, by }) =>
      registry.addCredential(id, credential, audited(by, 'credential.add', id, { kind: credential.kind })),
    rotate: ({ id, credential, overlapMs, by }) =>
      registry.rotate(id, credential, {
        ...audited(by, 'credential.rotate', id, { kind: credential.kind, overlapMs }),
        ...(overlapMs !== undefined && { overlapMs }),
      }),
    async regenerateKey({ id, cid, slot, by }) {
      const secrets = await registry.regenerateKey(id, cid, slot, audited(by, 'credential.regenerate', id, { cid, slot }))
      // Sessions of either key share the credential; those of the kept key come back by themselves.
      await drop(id, cid)
      return secrets
    },
    async revokeCredential({ id, cid, reason, by }) {
      await registry.revokeCredential(id, cid, {
        ...audited(by, 'credential.revoke', id, { cid, reason }),
        ...(reason !== undefined && { reason }),
      })
      await drop(id, cid)
    },
    issuers: async () => issuers.list(),
    async putIssuer({ issuer, etag, by }) {
      const detail = { issuer: issuer.issuer, audience: issuer.audience, enabled: issuer.enabled }
      const view = await issuers.put(issuer, {
        ...audited(by, 'issuer.put', issuer.id, detail),
        ...(etag !== undefined && { etag }),
      })
      await parts.dropTokens()
      return view
    },
    async deleteIssuer({ id, by }) {
      await issuers.delete(id, audited(by, 'issuer.delete', id))
      await parts.dropTokens()
    },
  }
}
