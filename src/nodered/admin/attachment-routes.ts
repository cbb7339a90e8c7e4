import { LoomError } from '../../errors.ts'
import { policyTarget, targetQuery } from './access-schemas.ts'
import { targetIn } from './policy-text.ts'
import { type HubRoute, pageAsked, paging } from './route.ts'
import { pageOf, refTo, text } from './shapes.ts'

const admin = 'thingloom.admin.write'

/** `hub` also stands in the path: in a query the whole hub has a word of its own. */
const { hub: all, ...others } = targetQuery
const query = { ...others, all: all! }
const asked = ({ all: hub, device, group, certificate }: Record<string, unknown>) => targetIn({ hub, device, group, certificate })

export const attachmentRoutes: HubRoute[] = [
  {
    method: 'get',
    path: '/thingloom/{hub}/policies/attached',
    id: 'listAttached',
    summary: 'Policies that are attached to a device, group, certificate or the hub itself',
    permission: 'thingloom.read',
    query,
    answers: { 200: { description: 'their ids', schema: pageOf(text) } },
    run: async ({ on: hub, args }) => ({ body: { items: await hub.policies.attached({ target: asked(args) }) } }),
  },
  {
    method: 'get',
    path: '/thingloom/{hub}/policies/{policy}/attachments',
    id: 'listAttachments',
    summary: 'What a policy is attached to',
    permission: 'thingloom.read',
    query: paging,
    answers: { 200: { description: 'a page', schema: pageOf(refTo('PolicyTarget')) } },
    run: async ({ on: hub, args }) => {
      const policy = args.policy as string
      if (!(await hub.policies.get({ id: policy }))) throw new LoomError('POLICY_NOT_FOUND', `"${policy}"`)
      return { body: await hub.policies.targets({ policy, ...pageAsked(args) }) }
    },
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/policies/{policy}/attachments',
    id: 'attachPolicy',
    summary: 'Attaches a policy; acts on live sessions at once',
    permission: admin,
    body: policyTarget,
    answers: { 204: { description: 'attached' } },
    run: async ({ on: hub, args, body, by }) => {
      const target = targetIn(body as Record<string, unknown>)
      await hub.policies.attach({ policy: args.policy as string, target, by })
      return { status: 204 }
    },
  },
  {
    method: 'delete',
    path: '/thingloom/{hub}/policies/{policy}/attachments',
    id: 'detachPolicy',
    summary: 'Detaches a policy; acts on live sessions at once',
    permission: admin,
    query,
    answers: { 204: { description: 'detached' } },
    run: async ({ on: hub, args, by }) => {
      await hub.policies.detach({ policy: args.policy as string, target: asked(args), by })
      return { status: 204 }
    },
  },
]
