import type { CredentialRequest } from '../../hub/hub.ts'
import type { RevocationReason } from '../../pki/crl.ts'
import { keySlot, revocation } from './pki-schemas.ts'
import type { HubRoute } from './route.ts'
import { credentialRequest } from './schemas.ts'
import { refTo } from './shapes.ts'

const yearMs = 366 * 86_400_000

export const credentialRoutes: HubRoute[] = [
  {
    method: 'post',
    path: '/thingloom/{hub}/devices/{id}/credentials',
    id: 'addCredential',
    summary: 'Adds a credential, or with `replace=true` rotates those of its kind; its key material is in this answer, once',
    permission: 'thingloom.admin.write',
    query: {
      replace: { type: 'boolean', description: 'the old ones end when the new one was used, after the overlap' },
      overlapMs: { type: 'integer', minimum: 0, maximum: yearMs, description: 'with `replace`; default 7 days' },
    },
    body: credentialRequest,
    answers: { 201: { description: 'the secrets', schema: refTo('Secrets') } },
    secret: true,
    run: async ({ on: hub, args: { id, replace, overlapMs }, body, by }) => {
      const asked = { id: id as string, credential: body as CredentialRequest, by }
      if (replace !== true) return { status: 201, body: await hub.identity.addCredential(asked) }
      const overlap = overlapMs !== undefined && { overlapMs: overlapMs as number }
      return { status: 201, body: await hub.identity.rotate({ ...asked, ...overlap }) }
    },
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/devices/{id}/credentials/{cid}/regenerate',
    id: 'regenerateKey',
    summary: 'A new key in one slot of a SAS credential; the other goes on',
    permission: 'thingloom.admin.write',
    body: keySlot,
    answers: { 200: { description: 'the secrets', schema: refTo('Secrets') } },
    secret: true,
    run: async ({ on: hub, args, body, by }) => {
      const { slot } = body as { slot: 'primary' | 'secondary' }
      return { body: await hub.identity.regenerateKey({ id: args.id as string, cid: args.cid as string, slot, by }) }
    },
  },
  {
    method: 'delete',
    path: '/thingloom/{hub}/devices/{id}/credentials/{cid}',
    id: 'revokeCredential',
    summary: 'Revokes a credential and closes the sessions opened with it',
    permission: 'thingloom.admin.write',
    query: revocation,
    answers: { 204: { description: 'revoked' } },
    run: async ({ on: hub, args: { id, cid, reason }, by }) => {
      const why = reason !== undefined && { reason: reason as RevocationReason }
      await hub.identity.revokeCredential({ id: id as string, cid: cid as string, by, ...why })
      return { status: 204 }
    },
  },
]
