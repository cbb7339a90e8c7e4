import type { Hub } from '../../hub/hub.ts'
import { allowListRoutes } from './allow-list-routes.ts'
import { bootstrapRoutes } from './bootstrap-routes.ts'
import { claimRoutes } from './claim-routes.ts'
import { enrolmentRoutes } from './enrolment-routes.ts'
import { pairingRoutes } from './pairing-routes.ts'
import { approval, assignment, denial } from './provisioning-schemas.ts'
import { type Answer, type Call, type HubRoute, pageAsked, paging } from './route.ts'
import { pageOf, refTo } from './shapes.ts'
import { templateRoutes } from './template-routes.ts'

type Approval = Pick<Parameters<Hub['provisioning']['approve']>[0], 'verdict'>

const approve = async ({ on: hub, args, body, by }: Call<Hub>): Promise<Answer> => {
  await hub.provisioning.approve({ ...(body as Approval), id: args.request as string, by })
  return { status: 204 }
}

/** How devices that nobody configured get an identity. */
export const provisioningRoutes: HubRoute[] = [
  ...enrolmentRoutes,
  ...templateRoutes,
  ...claimRoutes,
  ...allowListRoutes,
  ...pairingRoutes,
  {
    method: 'get',
    path: '/thingloom/{hub}/provisioning/pending',
    id: 'listPending',
    summary: 'Devices that wait for a person',
    permission: 'thingloom.read',
    query: paging,
    answers: {
      200: { description: 'a page; it may be short, or empty with a next one', schema: pageOf(refTo('WaitingDevice')) },
    },
    run: async ({ on: hub, args }) => ({ body: await hub.provisioning.pending(pageAsked(args)) }),
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/provisioning/pending/{request}/approve',
    id: 'approvePending',
    summary: 'Lets a device in that waits; what `verdict` says of it wins over enrolment, template and flow',
    permission: 'thingloom.write',
    body: approval,
    bodyOptional: true,
    answers: { 204: { description: 'approved' } },
    run: approve,
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/provisioning/pending/{request}/assign',
    id: 'assignPending',
    summary: 'Lets a device in that waits, as the device, on the hub and with the groups and policies that `verdict` names',
    permission: 'thingloom.admin.write',
    body: assignment,
    answers: { 204: { description: 'approved' } },
    run: approve,
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/provisioning/pending/{request}/deny',
    id: 'denyPending',
    summary: 'Refuses a device that waits; it hears a short form of the reason',
    permission: 'thingloom.write',
    body: denial,
    bodyOptional: true,
    answers: { 204: { description: 'denied' } },
    run: async ({ on: hub, args, body, by }) => {
      await hub.provisioning.deny({ ...(body as { reason?: string }), id: args.request as string, by })
      return { status: 204 }
    },
  },
  ...bootstrapRoutes,
]
