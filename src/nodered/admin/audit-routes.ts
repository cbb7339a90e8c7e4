import type { AuditQuery, Checkpoint } from '../../guard/audit-log.ts'
import { auditCheck } from './access-schemas.ts'
import { type HubRoute, pageAsked, paging } from './route.ts'
import { pageOf, refTo, textTo } from './shapes.ts'

export const auditRoutes: HubRoute[] = [
  {
    method: 'get',
    path: '/thingloom/{hub}/audit',
    id: 'queryAudit',
    summary: 'What was changed or refused, by whom, newest first',
    permission: 'thingloom.read',
    query: {
      from: { type: 'integer', description: 'epoch ms, inclusive' },
      to: { type: 'integer', description: 'epoch ms, exclusive' },
      actor: textTo(256),
      action: textTo(256),
      target: textTo(256),
      ...paging,
    },
    answers: { 200: { description: 'a page', schema: pageOf(refTo('AuditEntry')) } },
    run: async ({ on: hub, args }) => {
      const { hub: _, ...query } = args
      return { body: await hub.audit.query(query as AuditQuery) }
    },
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/audit/verify',
    id: 'verifyAudit',
    summary: 'Recomputes the chain of the audit log, up to a checkpoint if one is given',
    permission: 'thingloom.read',
    body: auditCheck,
    bodyOptional: true,
    answers: { 200: { description: 'whether it holds', schema: refTo('Verification') } },
    run: async ({ on: hub, body }) => ({ body: await hub.audit.verify(body as { upTo?: Checkpoint }) }),
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/audit/checkpoints',
    id: 'listCheckpoints',
    summary: 'Signed ends of the chain, newest first: kept elsewhere, they show what was cut off',
    permission: 'thingloom.read',
    query: { limit: paging.limit },
    answers: { 200: { description: 'the newest ones', schema: pageOf(refTo('Checkpoint')) } },
    run: async ({ on: hub, args }) => ({ body: { items: await hub.audit.checkpoints(pageAsked(args)) } }),
  },
]
