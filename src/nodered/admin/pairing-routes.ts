import type { Hub } from '../../hub/hub.ts'
import { newPairing } from './provisioning-schemas.ts'
import { type HubRoute, pageAsked, paging } from './route.ts'
import { pageOf, refTo } from './shapes.ts'

type Target = Parameters<Hub['provisioning']['createPairing']>[0]

const admin = 'thingloom.admin.write'

export const pairingRoutes: HubRoute[] = [
  {
    method: 'get',
    path: '/thingloom/{hub}/pairing-codes',
    id: 'listPairingCodes',
    summary: 'Pairing codes of the last hour and what became of them; none shows its code',
    permission: 'thingloom.read',
    query: paging,
    answers: { 200: { description: 'a page', schema: pageOf(refTo('PairingCode')) } },
    run: async ({ on: hub, args }) => ({ body: await hub.provisioning.pairings(pageAsked(args)) }),
  },
  {
    method: 'post',
    path: '/thingloom/{hub}/pairing-codes',
    id: 'createPairingCode',
    summary: 'Makes a code of ten minutes by which one device gets its identity; it is in this answer, once',
    permission: admin,
    body: newPairing,
    answers: { 201: { description: 'the code', schema: refTo('MadePairingCode') } },
    secret: true,
    run: async ({ on: hub, body, by }) => ({
      status: 201,
      body: await hub.provisioning.createPairing({ ...(body as Target), by }),
    }),
  },
  {
    method: 'delete',
    path: '/thingloom/{hub}/pairing-codes/{pairing}',
    id: 'revokePairingCode',
    summary: 'Ends a pairing code; a device that came with it stays',
    permission: admin,
    answers: { 204: { description: 'ended' } },
    run: async ({ on: hub, args, by }) => {
      await hub.provisioning.revokePairing({ id: args.pairing as string, by })
      return { status: 204 }
    },
  },
]
