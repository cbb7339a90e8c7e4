import type { Hub } from '../../hub/hub.ts'
import { bootstrapPatch, bootstrapPruning } from './provisioning-schemas.ts'
import type { HubRoute } from './route.ts'
import { refTo } from './shapes.ts'

type Change = Parameters<Hub['provisioning']['setBootstrap']>[0]
type Pruning = Parameters<Hub['provisioning']['pruneBootstrap']>[0]

const path = '/thingloom/{hub}/bootstrap'
const admin = 'thingloom.admin.write'
const answers = { 200: { description: 'the document', schema: refTo('Bootstrap') } }
const asAnswer = (view: { etag: string }) => ({ body: view, etag: view.etag })

export const bootstrapRoutes: HubRoute[] = [
  {
    method: 'get',
    path,
    id: 'getBootstrap',
    summary: 'What a device starts from: where to go, what to trust, what time it is',
    permission: 'thingloom.read',
    answers,
    run: async ({ on: hub }) => asAnswer(await hub.provisioning.bootstrap({})),
  },
  {
    method: 'patch',
    path,
    id: 'setBootstrap',
    summary: 'Adds or replaces intervals and configuration that devices start from; none goes away. Everyone may read them',
    permission: admin,
    body: bootstrapPatch,
    conditional: true,
    answers,
    run: async ({ on: hub, body, etag, by }) =>
      asAnswer(await hub.provisioning.setBootstrap({ ...(body as Change), by, ...(etag && { etag }) })),
  },
  {
    method: 'post',
    path: `${path}/prune`,
    id: 'pruneBootstrap',
    summary: 'Takes out what no device in the field needs any more; what the hub still says of itself stays',
    permission: admin,
    body: bootstrapPruning,
    conditional: true,
    answers,
    run: async ({ on: hub, body, etag, by }) =>
      asAnswer(await hub.provisioning.pruneBootstrap({ ...(body as Pruning), by, ...(etag && { etag }) })),
  },
]
