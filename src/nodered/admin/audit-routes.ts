import type { AuditQuery, Checkpoint } from '../../guard/audit-log.ts'
import { auditCheck, auditErasure } from './access-schemas.ts'
import { type HubRoute, pageAsked, paging } from './route.ts'
import { count, free, listOf, object, pageOf, refTo, textTo } from './shapes.ts'

type Erasure = { target: string } | { actor: string }

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
    summary: 'Recomputes the chain of the audit log and compares it with its kept end, and with a checkpoint if one is given',
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
  {
    method: 'post',
    path: '/thingloom/{hub}/audit/erase',
    id: 'eraseAuditDetails',
    summary: 'Erases the details about a target, or of what an actor did; the entries stay, and the chain whole',
    permission: 'thingloom.admin.write',
    body: auditErasure,
    answers: { 200: { description: 'how many', schema: object({ erased: count }, ['erased']) } },
    run: async ({ on: hub, body, by }) => ({ body: await hub.audit.eraseDetails({ ...(body as Erasure), by }) }),
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/audit/accept',
    id: 'acceptAudit',
    summary: 'A chain that was found cut off or replaced counts as it is from now on',
    permission: 'thingloom.admin.write',
    answers: { 200: { description: 'what was found and is accepted', schema: object({ accepted: listOf(free) }, ['accepted']) } },
    run: async ({ on: hub, by }) => ({ body: await hub.audit.accept({ by }) }),
  },
]
