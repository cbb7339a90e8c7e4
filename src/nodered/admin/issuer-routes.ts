import type { NewIssuer } from '../../identity/issuers.ts'
import { issuerRequest } from './pki-schemas.ts'
import type { HubRoute } from './route.ts'
import { pageOf, refTo } from './shapes.ts'

export const issuerRoutes: HubRoute[] = [
  {
    method: 'get',
    path: '/thingloom/{hub}/issuers',
    id: 'listIssuers',
    summary: 'Token services whose bearer tokens count',
    permission: 'thingloom.read',
    answers: { 200: { description: 'all of them', schema: pageOf(refTo('Issuer')) } },
    run: async ({ on: hub }) => ({ body: { items: await hub.identity.issuers({}) } }),
  },
  {
    method: 'put',
    path: '/thingloom/{hub}/issuers/{issuer}',
    id: 'putIssuer',
    summary: 'Creates or replaces a token service; sessions that tokens opened are closed',
    permission: 'thingloom.admin.write',
    body: issuerRequest,
    conditional: true,
    answers: { 200: { description: 'the token service', schema: refTo('Issuer') } },
    run: async ({ on: hub, args, body, etag, by }) => {
      const issuer = { ...(body as Omit<NewIssuer, 'id'>), id: args.issuer as string }
      const view = await hub.identity.putIssuer({ issuer, by, ...(etag && { etag }) })
      return { body: view, etag: view.etag }
    },
  },
  {
    method: 'delete',
    path: '/thingloom/{hub}/issuers/{issuer}',
    id: 'deleteIssuer',
    summary: 'Its tokens count no more, sessions that tokens opened are closed',
    permission: 'thingloom.admin.write',
    answers: { 204: { description: 'deleted' } },
    run: async ({ on: hub, args, by }) => {
      await hub.identity.deleteIssuer({ id: args.issuer as string, by })
      return { status: 204 }
    },
  },
]
